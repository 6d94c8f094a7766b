/**
 * `cached`: a private HTTP cache by RFC 9111 in front of any `fetch`.
 *
 * Put it around the fetch of a service that reads over HTTP what says how long it holds. Not as a proxy for others: it is
 * a private cache, and keeps users apart only by their `Authorization`, `Cookie` and what `Vary` names.
 *
 * Cost: the bodies it keeps, up to a bound, a copy for each answer, and no timer.
 *
 * @module
 */
export { type CacheableFetch, type CachedFetch, cached } from './cached.js';
export type { CachedOptions } from './options.js';
export type { HttpCache } from './private-cache.js';
export type { CacheUserRequest } from './request-identity.js';
export type { StoredResponses } from './response-store.js';
export type { HttpCacheStats } from './stats.js';
