import { readOptions } from '../core/options.js';
import { checkRandom, type Random } from '../core/random.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { grown } from './slot-list.js';

/** The options of `RandomCache`. */
export interface RandomCacheOptions<K, V> extends CacheOptions<K, V> {
  /** The source of randomness for evictions: returns numbers in [0, 1). @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * Random replacement cache: evicts any entry, all with the same probability.
 *
 * Use it if keys are read in a loop that is longer than the capacity: this cache keeps some of them, and a
 * recency-based cache keeps none. Evictions are unpredictable, also for an attacker. Otherwise its hit ratio is a few
 * points below that of `LruCache`.
 *
 * Cost: O(1) per operation, and a hit changes nothing; two integers of four bytes per entry.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const cache = new RandomCache<string, number>({ capacity: 1000, random: seededRandom(7) });
 * ```
 */
export class RandomCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: RandomCacheOptions<K, V>) {
    const own = readOptions('RandomCache', options, { ...CACHE_DEFAULTS, random: undefined });
    const table = createTable('RandomCache', own, new RandomOrder(checkRandom('RandomCache', own.random)));
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

/** The slots in use, in a dense array: the last slot fills the gap that a removed slot leaves. */
class RandomOrder implements EvictionOrder<unknown> {
  readonly #random: Random;
  #slots = new Int32Array(1);
  /** The position of each slot in `#slots`. */
  #positions = new Int32Array(1);
  #size = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  grow(lastSlot: number): void {
    this.#slots = grown(this.#slots, lastSlot);
    this.#positions = grown(this.#positions, lastSlot);
  }

  add(slot: number): void {
    this.#slots[this.#size] = slot;
    this.#positions[slot] = this.#size++;
  }

  remove(slot: number): void {
    const position = this.#positions[slot] as number;
    const last = this.#slots[--this.#size] as number;
    this.#slots[position] = last;
    this.#positions[last] = position;
  }

  evict(spared: number): number {
    const drawn = (this.#random() * this.#size) | 0; // always an integer, even if the caller's source returns NaN
    const position = Math.min(Math.max(drawn, 0), this.#size - 1);
    const drawnSlot = this.#slots[position] as number;
    const slot = drawnSlot === spared ? (this.#slots[(position + 1) % this.#size] as number) : drawnSlot;
    this.remove(slot);
    return slot;
  }

  /** Returns the newest entry first. The order is arbitrary, because all entries are equally likely to be evicted. */
  *slots(): Generator<number> {
    for (let position = this.#size - 1; position >= 0; position--) yield this.#slots[position] as number;
  }

  clear(): void {
    this.#slots = new Int32Array(1);
    this.#positions = new Int32Array(1);
    this.#size = 0;
  }
}
