import type { FrequencySketch } from './frequency-sketch.js';
import { TinyLfuSegments } from './tiny-lfu-segments.js';

/** The window shares to choose from: almost only frequency, a mixture, and LRU. */
export const WINDOW_SHARES = [0.01, 0.2, 0.99] as const;
/** The share that makes the cache LRU, except for a hundredth of its entries. */
export const LRU_SHARE = 0.99;

/** The smallest number of entries of a miniature cache, if the cache itself is large enough. */
const SMALLEST_MINIATURE = 32;
/** The largest sampling rate: at least one in this number of keys is sampled. */
const LARGEST_RATE = 64;
/** The number of requests between two decisions, per entry of the cache. */
const PERIOD = 4;
/** The factor by which each decision reduces the weight of the earlier samples. */
const DECAY = 0.9;
/** The advantage in hit ratio from which another share is chosen. */
const LEAD = 0.01;

/**
 * Chooses the share of the window by miniature simulation. For each share a small cache of hashes sees a sample of the
 * keys. It is smaller than the real cache by the sampling rate, so its hit ratio is about that of a whole cache with
 * the same share (Waldspurger, Saemundsson, Ahmad and Park, "Cache Modeling and Optimization using Miniature
 * Simulations", 2017; for W-TinyLFU: Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", 2018).
 * All miniatures see the same requests, so the difference of two hit ratios is far more precise than the hit ratios
 * themselves.
 *
 * Cost: three more lookups for one request in 64; for one in 32 or more in a cache of fewer than 2,048 entries. About 2
 * bytes per entry of a large cache, 12 kB in a small one.
 */
export class WindowTuner {
  readonly #miniatures: readonly Miniature[];
  readonly #rateMask: number;
  /** The number of sampled requests between two decisions. */
  readonly #period: number;
  #requests = 0;
  #sampled = 0;
  #current: Miniature;

  /**
   * @param full - the number of entries of a full cache.
   * @param share - the current share of the window.
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

  /** Whether requests for the key are recorded. */
  isSampled(hash: number): boolean {
    return ((hash >>> 20) & this.#rateMask) === 0;
  }

  /**
   * Records a request for a sampled key. Returns the share to use from now on if a decision is due, and otherwise 0.
   *
   * @param sketch - the sketch, which has already counted the request.
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

/** A cache of hashes with its own chained hash table: a `Map` costs twice as much. */
class Miniature {
  /** The number of hits, which `DECAY` reduces over time. */
  hits = 0;
  readonly #segments = new TinyLfuSegments();
  #size = 0;
  #lastSlot = 0;
  /** The first slot of each chain. The number of chains is a power of two. */
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
