import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS } from './base-cache.js';
import type { CacheOptions } from './cache.js';
import type { EvictionOrder } from './eviction-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

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
    super('FifoCache', readOptions('FifoCache', options, CACHE_DEFAULTS), new FifoOrder());
  }
}

/** A list, the newest in front. */
class FifoOrder implements EvictionOrder<unknown> {
  readonly #links = new SlotLinks();
  readonly #list = new SlotList(this.#links);

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number): void {
    this.#list.unshift(slot);
  }

  use(): void {}

  remove(slot: number): void {
    this.#list.remove(slot);
  }

  victim(spared: number): number {
    return this.#list.lastBut(spared);
  }

  slots(): Iterable<number> {
    return this.#list;
  }

  clear(): void {
    this.#list.clear();
  }
}
