import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

/**
 * Forgets what was used least often; of several, what has been at that count for longest.
 *
 * Each entry has a score. A newcomer's is one above the score of the entry that was last evicted (one, at first), and
 * each use adds one. So scores rise with what is thrown out, and an old favourite that nobody asks for any more is caught
 * up with: LFU with dynamic ageing (Arlitt and others, "Evaluating Content Management Techniques for Web Proxy Caches",
 * 2000), in the form that adds the age once, on arrival. Without that, yesterday's hits would stay for ever.
 *
 * Good where a few keys are popular for long, bad where popularity moves on quickly; `TinyLfuCache` goes by both.
 *
 * O(1) an operation (Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010):
 * lists of equal scores, in a list by score. Two links and a reference, sixteen bytes an entry.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  // A copy in each class, for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/** Of a dump: scores are whole numbers, and one more is always another one. */
const MOST_USES = 0x1_0000_0000;

/** All entries with one score, the one that reached it last in front. */
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
  /** The score of the last victim. */
  #age = 0;

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number, _key: unknown, uses = 1): void {
    const score = this.#age + Math.floor(Math.min(Math.max(uses, 1), MOST_USES));
    // A newcomer belongs at the lower end. What is restored comes in rising order, and belongs at the higher one.
    let below = uses === 1 ? undefined : this.#highest;
    if (uses === 1) for (let one = this.#lowest; one !== undefined && one.score <= score; one = one.higher) below = one;
    else while (below !== undefined && below.score > score) below = below.lower;
    this.#put(slot, this.#bucketOf(score, below));
  }

  use(slot: number): void {
    const bucket = this.#buckets[slot] as Bucket;
    // Found before the slot leaves its bucket, which may end with it.
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
    // A slot that was given back still points here: it must not hold on to all buckets that come after.
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
    return Math.max(0, (this.#buckets[slot] as Bucket).score - this.#age); // below it, if it was spared
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

  /** The bucket of this score: the one below, or the one after it, or a new one between the two. */
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
