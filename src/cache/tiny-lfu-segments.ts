import type { FrequencySketch } from './frequency-sketch.js';
import { grown, SlotLinks, SlotList } from './slot-list.js';

const WINDOW = 0;
const PROBATION = 1;
const PROTECTED = 2;

type Estimates = Pick<FrequencySketch, 'estimate'>;

/** The mask of the bits of a mark that count uses, and their largest value. */
export const MOST_UNSEEN = 15;
/** The bit of a mark whose entry reports each use immediately; see `TinyLfuOrder`. */
const SAMPLED = 0x80;

/** The largest share of the main region that can be protected. */
const PROTECTED_SHARE = 0.8;

/**
 * The lists of a W-TinyLFU cache: an LRU window, and a main region with a probation and a protected list. The caller
 * sets the share of the window. Each operation is O(1), except a change of the limits.
 *
 * A use adds one to the mark of its entry and moves nothing. The lists are updated when the entry is next examined at
 * the end of a list, as in a CLOCK cache (Corbató, 1968): an entry that was used since then moves to the front, or from
 * probation to the protected list, and its uses are reported. Each use pays for at most one such move. A hit writes one
 * byte instead of three list nodes and four counters, each in a cache line of its own: the benchmark `cache-hit` shows
 * a third of the time.
 */
export class TinyLfuSegments {
  readonly #links = new SlotLinks();
  readonly #window = new SlotList(this.#links);
  readonly #probation = new SlotList(this.#links);
  readonly #protected = new SlotList(this.#links);
  /**
   * For each slot, the number of uses since the entry was last examined, at most `MOST_UNSEEN`, and the bit `SAMPLED`.
   */
  marks = new Uint8Array(1);
  #segments = new Uint8Array(1);
  #hashes = new Int32Array(1);
  readonly #examined: (hash: number, uses: number) => void;
  #windowMax = 1;
  #protectedMax = 0;
  #windowShare = 0;
  /** The number of entries from which the limits were computed. */
  #full = 0;

  /** @param examined - called with the uses of an entry since it was last examined. */
  constructor(examined: (hash: number, uses: number) => void = () => {}) {
    this.#examined = examined;
  }

  get size(): number {
    return this.#window.size + this.#mainSize;
  }

  get #mainSize(): number {
    return this.#probation.size + this.#protected.size;
  }

  hashOf(slot: number): number {
    return this.#hashes[slot] as number;
  }

  /** The number of uses of an entry since it was last examined. */
  unseenUsesOf(slot: number): number {
    return (this.marks[slot] as number) & MOST_UNSEEN;
  }

  /** Returns all slots, from the one that is evicted last. */
  *slots(): Generator<number> {
    yield* this.#protected;
    yield* this.#window;
    yield* this.#probation;
  }

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
    this.marks = grown(this.marks, lastSlot);
    this.#segments = grown(this.#segments, lastSlot);
    this.#hashes = grown(this.#hashes, lastSlot);
  }

  /** Sets the limits. Moves entries beyond a limit to the next list, and refills a larger window from probation. */
  setLimits(full: number, windowShare: number): void {
    if (full === this.#full && windowShare === this.#windowShare) return;
    const isOtherShare = windowShare !== this.#windowShare;
    this.#full = full;
    this.#windowShare = windowShare;
    this.#windowMax = Math.max(1, Math.round(windowShare * full));
    this.#protectedMax = Math.floor(PROTECTED_SHARE * (full - this.#windowMax));
    this.#trimProtected();
    this.#drainWindow();
    while (isOtherShare && this.#window.size < this.#windowMax && this.#probation.size > 0) {
      const slot = this.#probation.first;
      this.#probation.remove(slot);
      this.#segments[slot] = WINDOW;
      this.#window.push(slot);
    }
  }

  add(slot: number, hash: number, isSampled = false): void {
    this.#hashes[slot] = hash;
    this.marks[slot] = isSampled ? SAMPLED : 0;
    this.#segments[slot] = WINDOW;
    this.#window.unshift(slot);
    this.#drainWindow();
  }

  use(slot: number): void {
    if (this.unseenUsesOf(slot) < MOST_UNSEEN) (this.marks[slot] as number)++;
  }

  /** Updates which entries are sampled. */
  sample(isSampled: (hash: number) => boolean): void {
    for (const slot of this.slots()) {
      this.marks[slot] = this.unseenUsesOf(slot) + (isSampled(this.hashOf(slot)) ? SAMPLED : 0);
    }
  }

  remove(slot: number): void {
    this.#wasUsed(slot); // reports the uses, which count if the key is added again
    this.#listOf(slot).remove(slot);
  }

  /**
   * Returns the entry to evict: compares the oldest entry of the window with the oldest one on probation, and keeps the
   * more frequent one. If both are equally frequent, the one on probation is kept.
   */
  victim(sketch: Estimates, spared = 0): number {
    this.#passUsed(this.#window);
    this.#passUsedOnProbation();
    if (this.#probation.size === 0) this.#passUsed(this.#protected);
    const candidate = this.#window.lastBut(spared);
    const oldest = this.#probation.lastBut(spared) || this.#protected.lastBut(spared);
    if (oldest === 0) return candidate;
    if (candidate === 0) return oldest;
    if (sketch.estimate(this.hashOf(candidate)) <= sketch.estimate(this.hashOf(oldest))) return candidate;
    this.#move(candidate, PROBATION);
    return oldest;
  }

  /** Moves entries from the end of the window to the main region, while they are frequent enough and it has room. */
  promote(sketch: Estimates, frequency: number, mainMax: number): void {
    while (this.#mainSize < mainMax && this.#window.size > 1) {
      this.#passUsed(this.#window);
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
    this.marks = new Uint8Array(1);
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

  /** Examines an entry: reports its uses and returns whether it was used since it was last examined. */
  #wasUsed(slot: number): boolean {
    const uses = this.unseenUsesOf(slot);
    if (uses === 0) return false;
    (this.marks[slot] as number) -= uses;
    this.#examined(this.hashOf(slot), uses);
    return true;
  }

  /** Moves used entries from the end of a list to its front, until the last one was not used. */
  #passUsed(list: SlotList): void {
    while (list.last !== 0 && this.#wasUsed(list.last)) list.moveToFront(list.last);
  }

  /** Moves used entries from the end of probation to the protected list. */
  #passUsedOnProbation(): void {
    const list = this.#probation;
    while (list.last !== 0 && this.#wasUsed(list.last)) {
      this.#move(list.last, PROTECTED);
      this.#trimProtected();
    }
  }

  #trimProtected(): void {
    while (this.#protected.size > this.#protectedMax) {
      this.#passUsed(this.#protected);
      this.#move(this.#protected.last, PROBATION);
    }
  }

  /** Moves entries beyond the limit of the window to probation. */
  #drainWindow(): void {
    while (this.#window.size > this.#windowMax) {
      this.#passUsed(this.#window);
      this.#move(this.#window.last, PROBATION);
    }
  }
}
