/**
 * A cache with two tiers: one in this process, and behind it a store that several processes share, such as Redis.
 *
 * Use it if many processes load the same values, or if a restart must not send every read to the origin. Do not use it
 * for values that can be loaded as quickly as they can be read from the store.
 *
 * Cost: a hit in the first tier is a map lookup and a promise. A miss there costs one call of the store, bounded by a
 * timeout and a circuit breaker.
 *
 * @module
 */
export type { CacheStore, CacheStoreContext, CacheStoreSetOptions, StoredData } from './cache-store.js';
export type { FirstTier, TieredLoadingOptions, TieredOptions } from './options.js';
export type { Serializer } from './record-codec.js';
export type { Latency, SecondTierStats, TieredCacheEvents, TieredCacheStats } from './stats.js';
export type { TieredCache } from './tiered-cache.js';
export { tiered } from './tiered-cache.js';
