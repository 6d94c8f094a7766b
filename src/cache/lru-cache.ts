import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import { ListOrder } from './list-order.js';

/**
 * Forgets what was not used for longest.
 *
 * The one to take when nothing is known of the traffic: what was used lately is likely to be used again, and what it will
 * forget next is easy to foresee. A single scan over more keys than it holds empties it of everything useful.
 *
 * O(1) an operation; two links of four bytes an entry beside its key, its value and its place in a Map.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  // A copy in each class, for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/** The one used last in front. */
class RecencyOrder extends ListOrder {
  readonly recency = this.list;
}
