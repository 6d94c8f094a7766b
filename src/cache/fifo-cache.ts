import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import { ListOrder } from './list-order.js';

/**
 * Forgets what was stored first, however often it is used.
 *
 * For what goes stale with age rather than for want of use. A value that is replaced keeps its place in the queue.
 *
 * O(1) an operation, and a hit changes nothing at all; two links of four bytes an entry.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const recent = new FifoCache<string, number>({ capacity: 2 });
 * recent.set('a', 1).set('b', 2);
 * recent.get('a');
 * recent.set('c', 3);
 * console.log([...recent.keys()]); // [ 'c', 'b' ]
 * ```
 */
export class FifoCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: CacheOptions<K, V>) {
    const own = readOptions('FifoCache', options, CACHE_DEFAULTS);
    const table = createTable('FifoCache', own, new ListOrder());
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
