import type { FrequencySketch } from './frequency-sketch.js';
import { grown, SlotLinks, SlotList } from './slot-list.js';

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;

/** The largest part of the main region that can be protected. */
const PROTECTED_SHARE = 0.8;

/**
 * The lists of a W-TinyLFU cache: an LRU window, and a main region of a probation and a protected list. The share of the
 * window is set from outside. Every operation is O(1), apart from a change of the limits.
 */
export class TinyLfuSegments {
  readonly #links = new SlotLinks();
  readonly #window = new SlotList(this.#links);
  readonly #probation = new SlotList(this.#links);
  readonly #protected = new SlotList(this.#links);
  #segments = new Uint8Array(1);
  #hashes = new Int32Array(1);
  #windowMax = 1;
  #protectedMax = 0;
  #windowShare = 0;
  /** The number of entries that the limits are for. */
  #full = 0;

  get size(): number {
    return this.#window.size + this.#mainSize;
  }

  get #mainSize(): number {
    return this.#probation.size + this.#protected.size;
  }

  hashOf(slot: number): number {
    return this.#hashes[slot] as number;
  }

  /** All slots, from what is kept longest to what goes next. */
  slots(): number[] {
    return [...this.#protected, ...this.#window, ...this.#probation];
  }

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
    this.#segments = grown(this.#segments, lastSlot);
    this.#hashes = grown(this.#hashes, lastSlot);
  }

  /** Entries beyond a limit go to the next list; a window that has become larger takes entries back from probation. */
  setLimits(full: number, windowShare: number): void {
    if (full === this.#full && windowShare === this.#windowShare) return;
    const isOtherShare = windowShare !== this.#windowShare;
    this.#full = full;
    this.#windowShare = windowShare;
    this.#windowMax = Math.max(1, Math.round(windowShare * full));
    this.#protectedMax = Math.floor(PROTECTED_SHARE * (full - this.#windowMax));
    while (this.#protected.size > this.#protectedMax) this.#move(this.#protected.last, PROBATION);
    this.#drainWindow();
    while (isOtherShare && this.#window.size < this.#windowMax && this.#probation.size > 0) {
      const slot = this.#probation.first;
      this.#probation.remove(slot);
      this.#segments[slot] = WINDOW;
      this.#window.push(slot);
    }
  }

  add(slot: number, hash: number): void {
    this.#hashes[slot] = hash;
    this.#segments[slot] = WINDOW;
    this.#window.unshift(slot);
    this.#drainWindow();
  }

  use(slot: number): void {
    const segment = this.#segments[slot];
    if (segment === WINDOW) this.#window.moveToFront(slot);
    else if (segment === PROTECTED) this.#protected.moveToFront(slot);
    else {
      this.#move(slot, PROTECTED);
      if (this.#protected.size > this.#protectedMax) this.#move(this.#protected.last, PROBATION);
    }
  }

  remove(slot: number): void {
    this.#listOf(slot).remove(slot);
  }

  /**
   * The oldest entry of the window against the oldest one on probation: the more frequent one stays, and on a tie the one
   * on probation.
   */
  victim(sketch: FrequencySketch, spared = 0): number {
    const candidate = this.#window.lastBut(spared);
    const oldest = this.#probation.lastBut(spared) || this.#protected.lastBut(spared);
    if (oldest === 0) return candidate;
    if (candidate === 0) return oldest;
    if (sketch.estimate(this.hashOf(candidate)) <= sketch.estimate(this.hashOf(oldest))) return candidate;
    this.#move(candidate, PROBATION);
    return oldest;
  }

  /** Moves entries from the end of the window to the main region while they are that frequent and it is smaller than that. */
  promote(sketch: FrequencySketch, frequency: number, mainMax: number): void {
    while (this.#mainSize < mainMax && this.#window.size > 1) {
      const slot = this.#window.last;
      if (sketch.estimate(this.hashOf(slot)) < frequency) return;
      this.#move(slot, PROBATION);
    }
  }

  clear(): void {
    this.#window.clear();
    this.#probation.clear();
    this.#protected.clear();
    this.#links.clear();
    this.#segments = new Uint8Array(1);
    this.#hashes = new Int32Array(1);
  }

  #listOf(slot: number): SlotList {
    const segment = this.#segments[slot];
    if (segment === WINDOW) return this.#window;
    return segment === PROBATION ? this.#probation : this.#protected;
  }

  #move(slot: number, segment: number): void {
    this.#listOf(slot).remove(slot);
    this.#segments[slot] = segment;
    this.#listOf(slot).unshift(slot);
  }

  /** Into the main region, which has room if the cache is not full. */
  #drainWindow(): void {
    while (this.#window.size > this.#windowMax) this.#move(this.#window.last, PROBATION);
  }
}
