import type { FrequencySketch } from './frequency-sketch.js';
import { TinyLfuSegments } from './tiny-lfu-segments.js';

/** The window shares to choose from: almost pure frequency, a mixture, and LRU. */
export const WINDOW_SHARES = [0.01, 0.2, 0.99] as const;
/** LRU, but for a hundredth of the entries. */
export const LRU_SHARE = 0.99;

/** A miniature has at least this many entries, … */
const SMALLEST_MINIATURE = 32;
/** … and the sample is at least this part of the keys. */
const LARGEST_RATE = 64;
/** Requests between two decisions, for each entry of the cache. */
const PERIOD = 4;
/** The weight of the earlier samples is multiplied by this at each decision. */
const DECAY = 0.9;
/** Another share is chosen if its hit ratio is higher by this much. */
const LEAD = 0.01;

/**
 * Chooses the share of the window by miniature simulation: for each share there is a small cache of hashes that sees a
 * sample of the keys and is smaller by the same factor, so that its hit ratio is about that of a whole cache with that
 * share (Waldspurger, Saemundsson, Ahmad and Park, "Cache Modeling and Optimization using Miniature Simulations", 2017;
 * for W-TinyLFU: Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", 2018). All of them see the
 * same requests, so that the difference between two hit ratios is known far better than the hit ratios themselves.
 *
 * One request in 64 costs three lookups more, in a cache of fewer than 2,048 entries one in 32 or more. About 2 bytes for
 * each entry of a large cache, 12 kB in a small one.
 */
export class WindowTuner {
  readonly #miniatures: readonly Miniature[];
  readonly #rateMask: number;
  /** Sampled requests between two decisions. */
  readonly #period: number;
  #requests = 0;
  #sampled = 0;
  #current: Miniature;

  /**
   * @param full - the number of entries of a full cache.
   * @param share - the present share of the window.
   */
  constructor(
    readonly full: number,
    share: number,
  ) {
    let rate = 1;
    while (rate < LARGEST_RATE && full >= 2 * rate * SMALLEST_MINIATURE) rate *= 2;
    const capacity = Math.round(full / rate);
    this.#miniatures = WINDOW_SHARES.map((windowShare) => new Miniature(capacity, windowShare));
    this.#rateMask = rate - 1;
    this.#period = PERIOD * capacity;
    this.#current = this.#miniatures.find(({ windowShare }) => windowShare === share) as Miniature;
  }

  /** Whether requests for the key are to be recorded. */
  isSampled(hash: number): boolean {
    return ((hash >>> 20) & this.#rateMask) === 0;
  }

  /**
   * Records a request for a sampled key. Returns the share to use from now on if a decision is due, otherwise 0.
   *
   * @param sketch - has counted the request.
   */
  record(hash: number, sketch: FrequencySketch): number {
    this.#sampled++;
    const miniatures = this.#miniatures;
    for (let i = 0; i < miniatures.length; i++) (miniatures[i] as Miniature).request(hash, sketch);
    return ++this.#requests < this.#period ? 0 : this.#decide();
  }

  #decide(): number {
    this.#requests = 0;
    const best = this.#miniatures.reduce((one, other) => (other.hits > one.hits ? other : one));
    if (best.hits - this.#current.hits > LEAD * this.#sampled) this.#current = best;
    this.#sampled *= DECAY;
    for (const miniature of this.#miniatures) miniature.hits *= DECAY;
    return this.#current.windowShare;
  }
}

/** A cache of hashes, with a chained hash table of its own: a `Map` costs twice as much. */
class Miniature {
  /** Decays with time. */
  hits = 0;
  readonly #segments = new TinyLfuSegments();
  #size = 0;
  #lastSlot = 0;
  /** The first slot of each chain; their number is a power of two. */
  #heads = new Int32Array(1);
  #next = new Int32Array(1);

  constructor(
    readonly capacity: number,
    readonly windowShare: number,
  ) {
    this.#segments.setLimits(capacity, windowShare);
  }

  request(hash: number, sketch: FrequencySketch): void {
    let slot = this.#find(hash);
    if (slot !== 0) {
      this.hits++;
      this.#segments.use(slot);
      return;
    }
    if (this.#size < this.capacity) {
      slot = ++this.#size;
      if (slot > this.#lastSlot) this.#grow();
    } else {
      slot = this.#segments.victim(sketch);
      this.#unlink(slot);
      this.#segments.remove(slot);
    }
    this.#segments.add(slot, hash);
    this.#link(slot);
  }

  #chainOf(hash: number): number {
    return hash & (this.#heads.length - 1);
  }

  #find(hash: number): number {
    let slot = this.#heads[this.#chainOf(hash)] as number;
    while (slot !== 0 && this.#segments.hashOf(slot) !== hash) slot = this.#next[slot] as number;
    return slot;
  }

  #link(slot: number): void {
    const chain = this.#chainOf(this.#segments.hashOf(slot));
    this.#next[slot] = this.#heads[chain] as number;
    this.#heads[chain] = slot;
  }

  #unlink(slot: number): void {
    const chain = this.#chainOf(this.#segments.hashOf(slot));
    const after = this.#next[slot] as number;
    let before = this.#heads[chain] as number;
    if (before === slot) this.#heads[chain] = after;
    else {
      while (this.#next[before] !== slot) before = this.#next[before] as number;
      this.#next[before] = after;
    }
  }

  #grow(): void {
    const before = this.#lastSlot;
    this.#lastSlot = 2 * before + 15;
    this.#segments.grow(this.#lastSlot);
    this.#heads = new Int32Array(this.#lastSlot + 1);
    this.#next = new Int32Array(this.#lastSlot + 1);
    for (let slot = 1; slot <= before; slot++) this.#link(slot);
  }
}
