import type { Duration } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS } from './base-cache.js';
import type { CacheOptions } from './cache.js';
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
  constructor(options: TtlCacheOptions<K, V>) {
    const own = readOptions('TtlCache', options, { ...CACHE_DEFAULTS, ttl: undefined });
    if (own.ttl === undefined) throw new InvalidOptionError('TtlCache', 'ttl', 'is required', own.ttl);
    const expiry = new Expiry(own.touchOnGet === true, true);
    super('TtlCache', { ...own, ttl: own.ttl }, new TtlOrder(expiry), expiry);
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
  use(): void {}
  remove(): void {}
  clear(): void {}

  /** What is spared stands outside the order just then. */
  victim(): number {
    return this.#expiry.first;
  }

  slots(): Iterable<number> {
    return this.#expiry.slots().reverse();
  }
}
