/**
 * `cachedFetch`: a private HTTP cache (RFC 9111) in front of any `fetch`.
 *
 * Use it in a service that reads resources over HTTP whose responses say how long they are fresh. It is a private
 * cache, so do not use it as a shared proxy. It separates the users of one process by their request headers and `init`,
 * or by the `user` option.
 *
 * Cost: memory for the stored bodies, up to a limit; one copy per response; one timer while requests wait for each
 * other.
 *
 * @module
 */
export { type CacheableFetch, type CachedFetch, cachedFetch } from './cached-fetch.js';
export type { CachedFetchOptions } from './options.js';
export type { HttpCache } from './private-cache.js';
export type { CacheUserRequest } from './request-identity.js';
export type { StoredResponses } from './response-store.js';
export type { HttpCacheStats } from './stats.js';
