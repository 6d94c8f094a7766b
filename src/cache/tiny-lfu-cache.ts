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
 * Forgets what is least likely to be asked for again, by how often it was used of late and how long ago: the best hit
 * ratio of all caches here on most traffic.
 *
 * ```
 *              window                        main
 *   set ──▶ [ newest … oldest ] ──▶ duel ──▶ [ probation ] ──use──▶ [ protected ]
 *                                    │            ▲                      │
 *                             loser goes          └──── overflow ◀───────┘
 * ```
 *
 * A new entry is in an LRU window first. When room is needed, the oldest of the window meets the oldest of the main part,
 * and the less frequent of them has to go; a sketch counts uses of keys that are not in the cache too. So a scan passes
 * through the window and leaves the main part alone. The traffic decides how large the window is: simulations in
 * miniature of three sizes show which one has the most hits. Where recency is all that counts, the window is the whole
 * cache. A hit writes one byte; lists and sketch learn of it when the entry is next examined, as in a `ClockCache`. An
 * entry may be evicted soon after it was set, in favour of one that is used more often.
 *
 * W-TinyLFU (Einziger, Friedman and Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", 2017, and "Adaptive
 * Software Cache Management", 2018). O(1) an operation, O(length) for a new string key; 31 to 48 bytes an
 * entry, and about 12 kB for each cache.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  // A copy in each class, for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/** The share of the window until the cache is full for the first time: it decides where entries are, not which ones. */
const FIRST_WINDOW = 0.35;
/**
 * While little is known, from when the cache is first full until the first decision of the tuner, the window is as large
 * as it can be: the sketch of a young cache says little, and LRU is safe. Only entries that have been used this often
 * leave it for the main region, up to the size that the region had before.
 */
const YOUNG_FREQUENCY = 5;
/** A tuner is replaced if it was made for a cache that is larger or smaller by this factor. */
const OTHER_SIZE = 2;

/**
 * A use writes one byte, which the table does itself; see `TinyLfuSegments`. Only uses of keys in the tuner's sample are
 * reported at once, since the tuner needs requests in their order: the mark of such an entry is above `mostMarks`.
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
    // Of a cache that becomes smaller the limits follow its evictions.
    this.#segments.setLimits(Math.max(capacity, this.#segments.size), this.#windowShare);
  }

  /** What is known of the entries that are there goes over into a larger sketch. */
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

  /** Only called for entries in the sample. */
  use(slot: number): void {
    this.#segments.use(slot);
    this.#record(this.#segments.hashOf(slot));
  }

  remove(slot: number): void {
    this.#segments.remove(slot);
  }

  evict(spared: number): number {
    // Called when the cache is full, possibly of weight: shares are shares of the entries it holds then.
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
    if (full < OTHER_SIZE * known && known < OTHER_SIZE * full) return;
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
