/**
 * `cached`: a private HTTP cache by RFC 9111 in front of any `fetch`.
 *
 * Put it around the fetch of a service that reads over HTTP what says how long it holds. Not as a proxy for others: it is
 * a private cache. It keeps the users of one process apart by their request headers and by `init`, or as `user` says.
 *
 * Cost: the bodies it keeps, up to a bound, a copy for each answer, and one timer while requests wait for each other.
 *
 * @module
 */
export { type CacheableFetch, type CachedFetch, cachedFetch } from './cached-fetch.js';
export type { CachedFetchOptions } from './options.js';
export type { HttpCache } from './private-cache.js';
export type { CacheUserRequest } from './request-identity.js';
export type { StoredResponses } from './response-store.js';
export type { HttpCacheStats } from './stats.js';
