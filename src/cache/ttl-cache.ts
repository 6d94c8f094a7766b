import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { Expiry } from './expiry.js';

export interface TtlCacheOptions<K, V> extends CacheOptions<K, V> {
  /** An entry whose age is at least this is gone. Above 0; `Infinity` for never. */
  readonly ttl: Duration;
}

/**
 * Forgets what would expire first anyway.
 *
 * For what is good for a known time: tokens, sessions, DNS answers. Where all ttls are equal that is the oldest entry, or
 * with `touchOnGet` the one not used for longest.
 *
 * O(1) an operation while all ttls are equal, else O(log n); sixteen to thirty-two bytes an entry.
 *
 * @throws InvalidOptionError for options that cannot work, a missing `ttl` among them.
 * @example
 * ```ts
 * const tokens = new TtlCache<string, string>({ capacity: 1000, ttl: '1h' });
 * tokens.set('ada', 'secret', { ttl: '5m' });
 * console.log(tokens.expiresInMs('ada')! <= 300_000); // true
 * ```
 */
export class TtlCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: TtlCacheOptions<K, V>) {
    const own = readOptions('TtlCache', options, { ...CACHE_DEFAULTS, ttl: undefined });
    if (own.ttl === undefined) throw new InvalidOptionError('TtlCache', 'ttl', 'is required', own.ttl);
    const expiry = new Expiry(own.touchOnGet === true, true);
    const table = createTable('TtlCache', { ...own, ttl: own.ttl }, new TtlOrder(expiry), expiry);
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

/** The order of expiry, which the cache keeps up to date by itself. */
class TtlOrder implements EvictionOrder<unknown> {
  readonly #expiry: Expiry;

  constructor(expiry: Expiry) {
    this.#expiry = expiry;
  }

  grow(): void {}
  add(): void {}
  remove(): void {}
  clear(): void {}

  /** The slot leaves the order when the table cancels its expiry. A spared slot has left it already. */
  evict(): number {
    return this.#expiry.first;
  }

  slots(): Iterable<number> {
    return this.#expiry.latestFirst();
  }
}
