import { readOptions } from '../core/options.js';
import { checkRandom, type Random } from '../core/random.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { grown } from './slot-list.js';

export interface RandomCacheOptions<K, V> extends CacheOptions<K, V> {
  /** @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * Forgets any entry, all with the same chance.
 *
 * Where keys come round in a circle longer than the cache, this keeps some of them, and caches that go by recency keep
 * none. Nobody can foresee what it will forget, an attacker included. Otherwise it is a few points behind `LruCache`.
 *
 * O(1) an operation, and a hit changes nothing; two integers of four bytes an entry.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  // A copy in each class, for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/** All slots in use, side by side; the last one fills the hole that another leaves. */
class RandomOrder implements EvictionOrder<unknown> {
  readonly #random: Random;
  #slots = new Int32Array(1);
  /** Where in `#slots` a slot stands. */
  #places = new Int32Array(1);
  #size = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  grow(lastSlot: number): void {
    this.#slots = grown(this.#slots, lastSlot);
    this.#places = grown(this.#places, lastSlot);
  }

  add(slot: number): void {
    this.#slots[this.#size] = slot;
    this.#places[slot] = this.#size++;
  }

  remove(slot: number): void {
    const place = this.#places[slot] as number;
    const last = this.#slots[--this.#size] as number;
    this.#slots[place] = last;
    this.#places[last] = place;
  }

  evict(spared: number): number {
    const drawn = (this.#random() * this.#size) | 0; // a number, whatever the caller's source returns
    const place = Math.min(Math.max(drawn, 0), this.#size - 1);
    const drawnSlot = this.#slots[place] as number;
    const slot = drawnSlot === spared ? (this.#slots[(place + 1) % this.#size] as number) : drawnSlot;
    this.remove(slot);
    return slot;
  }

  /** None is kept longer than another: the newest first. */
  *slots(): Generator<number> {
    for (let place = this.#size - 1; place >= 0; place--) yield this.#slots[place] as number;
  }

  clear(): void {
    this.#slots = new Int32Array(1);
    this.#places = new Int32Array(1);
    this.#size = 0;
  }
}
