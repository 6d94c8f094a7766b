import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import { ListOrder } from './list-order.js';

/**
 * LRU cache: evicts the entry that was least recently used.
 *
 * Use it if nothing is known about the traffic: recently used entries are likely to be used again, and it is easy to
 * predict which entry is evicted next. A single scan over more keys than the capacity replaces all useful entries.
 *
 * Cost: O(1) per operation; two links of four bytes per entry, besides its key, its value and its `Map` entry.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const users = new LruCache<number, { name: string }>({ capacity: 10_000, ttl: '5m' });
 * users.set(7, { name: 'Ada' });
 * console.log(users.get(7)?.name); // Ada
 * ```
 */
export class LruCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: CacheOptions<K, V>) {
    const own = readOptions('LruCache', options, CACHE_DEFAULTS);
    const table = createTable('LruCache', own, new RecencyOrder());
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

/** A list with the most recently used entry in front. */
class RecencyOrder extends ListOrder {
  readonly recency = this.list;
}
