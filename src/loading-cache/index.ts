/**
 * A cache that loads its missing values: once for all concurrent callers, with stale-while-revalidate, refresh ahead,
 * negative caching, tags and invalidation. `memoize` caches the results of a function.
 *
 * Use it in front of data that is read more often than it changes and may be a little out of date. Do not use it where
 * a reader must see the write of another process immediately.
 *
 * Cost: one lookup and one promise per read; one load per key for all callers that wait for it; timers only while a
 * caller waits.
 *
 * @module
 */
export { type BatchCallOptions, type BatchedFunction, type BatchFunctionOptions, batch } from './batch-function.js';
export type { CacheLike } from './cache-like.js';
export type { CachedEntry } from './entry.js';
export type { LoadingCacheSetOptions } from './entry-store.js';
export type { EntryMatch, Invalidation } from './invalidation.js';
export type { LoadingCache, LoadingCacheGetOptions } from './loading-cache.js';
export { loadingCache } from './loading-cache.js';
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
export type { WarmUpOptions, WarmUpProgress, WarmUpResult } from './warm-up.js';
