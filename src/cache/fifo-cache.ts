import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import { ListOrder } from './list-order.js';

/**
 * FIFO cache: evicts the entry that was stored first, however often it is used.
 *
 * Use it if values become useless with age and not through disuse. A replaced value keeps its position in the queue.
 *
 * Cost: O(1) per operation, and a hit changes nothing; two links of four bytes per entry.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
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

  // Repeated in each class for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}
