import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS } from './base-cache.js';
import type { CacheOptions } from './cache.js';
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
  constructor(options: CacheOptions<K, V>) {
    super('FifoCache', readOptions('FifoCache', options, CACHE_DEFAULTS), new ListOrder());
  }
}
