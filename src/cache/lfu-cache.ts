import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

/**
 * LFU cache: evicts the entry with the lowest score; of several, the one that has had that score for longest.
 *
 * Each use adds one to the score of an entry. A new entry starts at the score of the last evicted entry plus one (at
 * first at one). Scores therefore rise with each eviction, and an entry that is no longer used is overtaken at some
 * point. This is LFU with dynamic aging (Arlitt et al., "Evaluating Content Management Techniques for Web Proxy
 * Caches", 2000), in the form that adds the age once, on insertion. Without aging, formerly popular entries would never
 * be evicted.
 *
 * Use it if a few keys are popular for a long time. Do not use it if popularity changes quickly: `TinyLfuCache`
 * considers frequency and recency.
 *
 * Cost: O(1) per operation (Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme",
 * 2010): a list of buckets by score, and in each bucket a list of entries. Two links and a reference, 16 bytes per
 * entry.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const cache = new LfuCache<string, number>({ capacity: 2 });
 * cache.set('a', 1).set('b', 2);
 * cache.get('a');
 * cache.set('c', 3);
 * console.log([...cache.keys()]); // [ 'a', 'c' ]
 * ```
 */
export class LfuCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: CacheOptions<K, V>) {
    const own = readOptions('LfuCache', options, CACHE_DEFAULTS);
    const table = createTable('LfuCache', own, new LfuOrder());
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

/** The largest use count that is accepted from a dump. Up to it, scores are exact integers. */
const MOST_USES = 0x1_0000_0000;

/** All entries with one score; the entry that reached it last is in front. */
class Bucket {
  readonly score: number;
  readonly list: SlotList;
  lower: Bucket | undefined = undefined;
  higher: Bucket | undefined = undefined;

  constructor(score: number, links: SlotLinks) {
    this.score = score;
    this.list = new SlotList(links);
  }
}

class LfuOrder implements EvictionOrder<unknown> {
  readonly isByUses = true;
  readonly #links = new SlotLinks();
  #buckets: Bucket[] = [];
  #lowest: Bucket | undefined = undefined;
  #highest: Bucket | undefined = undefined;
  /** The score of the entry that was evicted last. */
  #age = 0;

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number, _key: unknown, uses = 1): void {
    const score = this.#age + Math.floor(Math.min(Math.max(uses, 1), MOST_USES));
    // A new entry belongs near the lowest bucket. Restored entries come in ascending order and belong near the highest.
    let below = uses === 1 ? undefined : this.#highest;
    if (uses === 1) for (let one = this.#lowest; one !== undefined && one.score <= score; one = one.higher) below = one;
    else while (below !== undefined && below.score > score) below = below.lower;
    this.#put(slot, this.#bucketOf(score, below));
  }

  use(slot: number): void {
    const bucket = this.#buckets[slot] as Bucket;
    // Must come before `remove`, which removes the bucket if it becomes empty.
    const next = this.#bucketOf(bucket.score + 1, bucket);
    this.remove(slot);
    this.#put(slot, next);
  }

  remove(slot: number): void {
    const bucket = this.#buckets[slot] as Bucket;
    bucket.list.remove(slot);
    if (bucket.list.size > 0) return;
    if (bucket.lower === undefined) this.#lowest = bucket.higher;
    else bucket.lower.higher = bucket.higher;
    if (bucket.higher === undefined) this.#highest = bucket.lower;
    else bucket.higher.lower = bucket.lower;
    // Released slots still refer to this bucket, which must not keep its former neighbors alive.
    bucket.lower = undefined;
    bucket.higher = undefined;
  }

  evict(spared: number): number {
    let bucket = this.#lowest as Bucket;
    if (bucket.list.lastBut(spared) === 0) bucket = bucket.higher as Bucket;
    this.#age = bucket.score;
    const slot = bucket.list.lastBut(spared);
    this.remove(slot);
    return slot;
  }

  *slots(): Generator<number> {
    for (let bucket = this.#highest; bucket !== undefined; bucket = bucket.lower) yield* bucket.list;
  }

  uses(slot: number): number {
    return Math.max(0, (this.#buckets[slot] as Bucket).score - this.#age); // a spared entry may have a lower score
  }

  clear(): void {
    this.#links.clear();
    this.#buckets = [];
    this.#lowest = undefined;
    this.#highest = undefined;
    this.#age = 0;
  }

  #put(slot: number, bucket: Bucket): void {
    bucket.list.unshift(slot);
    this.#buckets[slot] = bucket;
  }

  /** Returns the bucket with this score: `below`, the one after it, or a new one between them. */
  #bucketOf(score: number, below: Bucket | undefined): Bucket {
    if (below?.score === score) return below;
    const above = below === undefined ? this.#lowest : below.higher;
    if (above?.score === score) return above;
    const bucket = new Bucket(score, this.#links);
    bucket.lower = below;
    bucket.higher = above;
    if (below === undefined) this.#lowest = bucket;
    else below.higher = bucket;
    if (above === undefined) this.#highest = bucket;
    else above.lower = bucket;
    return bucket;
  }
}
