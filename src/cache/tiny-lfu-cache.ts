import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { FrequencySketch } from './frequency-sketch.js';
import { hashOf } from './key-hash.js';
import { MOST_UNSEEN, TinyLfuSegments } from './tiny-lfu-segments.js';
import { LRU_SHARE, WindowTuner } from './window-tuner.js';

/**
 * W-TinyLFU cache: evicts the entry that is least likely to be used again, by its recent frequency and its recency. It
 * has the best hit ratio of all caches of this package on most traffic.
 *
 * ```
 *              window                    admission            main
 *   set ──▶ [ newest … oldest ] ──▶ comparison ──▶ [ probation ] ──use──▶ [ protected ]
 *                                         │                 ▲                      │
 *                                 loser is evicted          └──── overflow ◀───────┘
 * ```
 *
 * - A new entry enters an LRU window. When room is needed, the oldest entry of the window is compared with the oldest
 *   entry on probation, and the less frequently used one is evicted. A sketch counts uses, also of keys that are not in
 *   the cache. A scan therefore passes through the window and leaves the main region unchanged.
 * - The size of the window adapts to the traffic: miniature simulations of three sizes show which one has the most
 *   hits. If only recency matters, the window is the whole cache.
 * - A hit writes one byte. The lists and the sketch are updated when the entry is next examined, as in a `ClockCache`.
 * - A new entry may be evicted soon after it was set, in favor of an entry that is used more often.
 *
 * Cost: O(1) per operation, O(length) for a new string key; 31 to 48 bytes per entry, and about 12 kB per cache
 * (Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017; Einziger, Eytan, Friedman
 * and Manes, "Adaptive Software Cache Management", 2018).
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const products = new TinyLfuCache<string, { price: number }>({ capacity: 50_000 });
 * const product = products.getOrInsertComputed('p1', () => ({ price: 10 }));
 * ```
 */
export class TinyLfuCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: CacheOptions<K, V>) {
    const own = readOptions('TinyLfuCache', options, CACHE_DEFAULTS);
    const table = createTable('TinyLfuCache', own, new TinyLfuOrder());
    super(table);
    this.#table = table;
  }

  // Repeated in each class for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/**
 * The share of the window until the cache is full for the first time. Until then it only affects the order of entries.
 */
const FIRST_WINDOW = 0.35;
/**
 * The estimate from which an entry of a young cache moves from the window to the main region. From when the cache is
 * first full until the first decision of the tuner, the window is as large as possible, because the sketch has counted
 * too few uses and LRU is the safe choice. The main region then grows at most to the size that it had before.
 */
const YOUNG_FREQUENCY = 5;
/** A tuner is replaced if the cache is larger or smaller by this factor than the cache that the tuner was made for. */
const RESIZE_FACTOR = 2;

/**
 * The eviction order of W-TinyLFU. A use writes one byte, which the table does itself; see `TinyLfuSegments`. Only uses
 * of keys in the tuner's sample are reported immediately, because the tuner needs requests in their order. The mark of
 * such an entry is above `mostMarks`.
 */
class TinyLfuOrder implements EvictionOrder<unknown> {
  readonly mostMarks = MOST_UNSEEN;
  readonly #segments = new TinyLfuSegments((hash, uses) => this.#sketch.add(hash, uses));
  #sketch = new FrequencySketch(1);
  #tuner = new WindowTuner(1, LRU_SHARE);
  #isYoung = true;
  #windowShare = FIRST_WINDOW;

  get marks(): Uint8Array {
    return this.#segments.marks;
  }

  get #hasBeenFull(): boolean {
    return this.#windowShare !== FIRST_WINDOW;
  }

  resize(capacity: number): void {
    this.#fitTuner(capacity);
    // If the capacity has decreased, the limits follow when `evict` is called.
    this.#segments.setLimits(Math.max(capacity, this.#segments.size), this.#windowShare);
  }

  /** Replaces the sketch by a larger one. Keeps the estimates of the entries in the cache. */
  grow(lastSlot: number): void {
    const before = this.#sketch;
    this.#sketch = new FrequencySketch(lastSlot);
    for (const slot of this.#segments.slots()) {
      const hash = this.#segments.hashOf(slot);
      this.#sketch.add(hash, before.estimate(hash));
    }
    this.#segments.grow(lastSlot);
  }

  add(slot: number, key: unknown, uses = 1): void {
    const hash = hashOf(key);
    const isSampled = this.#tuner.isSampled(hash);
    this.#sketch.add(hash, Math.min(uses, MOST_UNSEEN));
    if (isSampled) this.#record(hash);
    this.#segments.add(slot, hash, isSampled);
  }

  /** Called only for entries in the tuner's sample. */
  use(slot: number): void {
    this.#segments.use(slot);
    this.#record(this.#segments.hashOf(slot));
  }

  remove(slot: number): void {
    this.#segments.remove(slot);
  }

  evict(spared: number): number {
    // The cache is full, possibly by weight. The shares are therefore shares of the current number of entries.
    const full = this.#segments.size;
    this.#fitTuner(full);
    if (!this.#hasBeenFull) this.#windowShare = LRU_SHARE;
    this.#segments.setLimits(full, this.#windowShare);
    if (this.#isYoung) this.#segments.promote(this.#sketch, YOUNG_FREQUENCY, (1 - FIRST_WINDOW) * full);
    const slot = this.#segments.victim(this.#sketch, spared);
    this.#segments.remove(slot);
    return slot;
  }

  slots(): Iterable<number> {
    return this.#segments.slots();
  }

  uses(slot: number): number {
    const seen = this.#sketch.estimate(this.#segments.hashOf(slot));
    return Math.min(MOST_UNSEEN, seen + this.#segments.unseenUsesOf(slot));
  }

  clear(): void {
    this.#segments.clear();
    this.#sketch = new FrequencySketch(1);
  }

  #fitTuner(full: number): void {
    const known = this.#tuner.full;
    if (full < RESIZE_FACTOR * known && known < RESIZE_FACTOR * full) return;
    const tuner = new WindowTuner(full, this.#hasBeenFull ? this.#windowShare : LRU_SHARE);
    this.#tuner = tuner;
    this.#segments.sample((hash) => tuner.isSampled(hash));
  }

  #record(hash: number): void {
    const share = this.#tuner.record(hash, this.#sketch);
    if (share === 0 || !this.#hasBeenFull) return; // all shares are equally good before the cache is full
    this.#windowShare = share; // the lists follow at the next eviction
    this.#isYoung = false;
  }
}
