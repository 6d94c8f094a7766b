/**
 * Caches in the process: a bounded number of entries, and a choice of what is forgotten first.
 *
 * Put one in front of whatever is slow and may be a little old. Not a store: what is in it may be gone the next moment,
 * and each process has its own.
 *
 * Cost: a place in a Map and a few columns an entry; no timer unless `purgeEvery` asks for one.
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
