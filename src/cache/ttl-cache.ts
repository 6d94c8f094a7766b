import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { Expiry } from './expiry.js';

/** The options of `TtlCache`. */
export interface TtlCacheOptions<K, V> extends CacheOptions<K, V> {
  /** The age at which an entry expires: a duration above 0, or `Infinity` for never. */
  readonly ttl: Duration;
}

/**
 * TTL cache: evicts the entry that would expire first.
 *
 * Use it for values that are valid for a known time: tokens, sessions, DNS answers. If all TTLs are equal, it evicts
 * the oldest entry, or with `touchOnGet` the least recently used one.
 *
 * Cost: O(1) per operation while all TTLs are equal, otherwise O(log n); 16 to 32 bytes per entry.
 *
 * @throws InvalidOptionError if an option is out of range or missing (`ttl` is required).
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

  // Repeated in each class for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

/** Evicts in the order of expiration, which the table maintains in `Expiry`. */
class TtlOrder implements EvictionOrder<unknown> {
  readonly #expiry: Expiry;

  constructor(expiry: Expiry) {
    this.#expiry = expiry;
  }

  grow(): void {}
  add(): void {}
  remove(): void {}
  clear(): void {}

  /**
   * Only returns the slot: it leaves the order when the table cancels its expiration. A spared slot has left already.
   */
  evict(): number {
    return this.#expiry.first;
  }

  slots(): Iterable<number> {
    return this.#expiry.latestFirst();
  }
}
