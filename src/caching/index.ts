/**
 * Caching: what services do with caches. Loading, refreshing, invalidating and writing, without the races.
 *
 * Put a `loadingCache` in front of whatever is read more often than it changes and may be a little old. Not where a
 * reader must see his own write from another process at once.
 *
 * Cost: a lookup and a promise a read; a load once for all who wait for it; no standing timer.
 *
 * @module
 */
export type { CacheLike } from './cache-like.js';
export { type Coalesce, type CoalesceOptions, coalesce } from './coalesce.js';
export type { LoadingCache, LoadingCacheGetOptions } from './contract.js';
export type { CachedEntry } from './entry.js';
export type { LoadingCacheSetOptions } from './entry-store.js';
export type { Invalidation } from './invalidation.js';
export { loadingCache } from './loading-cache.js';
export type { EntryMatch } from './match.js';
export { type MemoizeCache, type Memoized, type MemoizeOptions, memoize } from './memoize.js';
export type { BatchOptions, LoadContext, LoadedMany, LoadingCacheOptions, LoadManyContext } from './options.js';
export {
  type InvalidationBus,
  type InvalidationSharer,
  type InvalidationSubscriber,
  type SharedInvalidations,
  type ShareInvalidationsOptions,
  shareInvalidations,
} from './share-invalidations.js';
export type { LoadingCacheEvents, LoadingCacheStats } from './stats.js';
export type { CacheStore, CacheStoreContext, CacheStoreSetOptions, StoredData } from './tiers/cache-store.js';
export type { SecondTierStats, TieredCacheEvents, TieredCacheStats } from './tiers/events.js';
export type { Latency } from './tiers/latency.js';
export type { FirstTier, TieredLoadingOptions, TieredOptions } from './tiers/options.js';
export type { Serializer } from './tiers/serializer.js';
export { tiered } from './tiers/tiered.js';
export type { TieredCache } from './tiers/tiered-cache.js';
export type { WarmUpOptions, WarmUpProgress, WarmUpResult } from './warm-up.js';
export type { CacheErrorEvents, WritableCache, WritableCacheSetOptions } from './writing/cache-sink.js';
export type { WriteContext } from './writing/store-call.js';
export type { WriteOptions, WriteThroughSetOptions } from './writing/store-writer.js';
export { type WriteAround, type WriteAroundOptions, writeAround } from './writing/write-around.js';
export { writeBehind } from './writing/write-behind.js';
export type { WriteBehind, WriteBehindCloseOptions } from './writing/write-behind-face.js';
export type { WriteBehindOptions } from './writing/write-behind-options.js';
export type { WriteBehindEvents, WriteBehindStats } from './writing/write-behind-stats.js';
export type { WriteEntry } from './writing/write-entry.js';
export type { JournalAck, JournalEntry, WriteJournal } from './writing/write-journal.js';
export { type WriteThrough, type WriteThroughOptions, writeThrough } from './writing/write-through.js';
