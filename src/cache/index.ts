/**
 * Caches in the process: a bounded number of entries, and a choice of eviction policies.
 *
 * Use one in front of a slow data source whose values may be a little out of date. A cache is not a store: each entry
 * may be evicted at any time, and each process has its own cache.
 *
 * Cost: a `Map` entry and a few columns per entry; no timer unless `purgeEvery` is set.
 *
 * @module
 */
export type {
  Cache,
  CacheDump,
  CacheEvents,
  CacheOptions,
  CacheStats,
  DumpedEntry,
  RemoveReason,
  SetOptions,
} from './cache.js';
export { ClockCache } from './clock-cache.js';
export { FifoCache } from './fifo-cache.js';
export { LfuCache } from './lfu-cache.js';
export { LruCache } from './lru-cache.js';
export { RandomCache, type RandomCacheOptions } from './random-cache.js';
export { TinyLfuCache } from './tiny-lfu-cache.js';
export { TtlCache, type TtlCacheOptions } from './ttl-cache.js';
