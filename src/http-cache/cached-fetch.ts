import { checkFunction } from '../core/options.js';
import { type CachedFetchOptions, checkCachedFetchOptions } from './options.js';
import type { InnerFetch } from './origin.js';
import { type HttpCache, PrivateCache } from './private-cache.js';

/** Any function with the signature of `fetch`: the platform's, `resilientFetch()`, undici's or a mock. */
export type CacheableFetch = (
  input: never,
  init?: never,
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}>;

/** A fetch made by `cachedFetch`: it has the own enumerable properties of the original fetch, and `cache`. */
export type CachedFetch<F extends CacheableFetch> = F & { readonly cache: HttpCache };

/**
 * Wraps any `fetch` with a private HTTP cache (RFC 9111).
 *
 * Use it for a service that reads resources over HTTP whose responses say how long they are fresh.
 *
 * - A GET is served from the store while the response is fresh. A stale response is revalidated at the origin
 *   (`If-None-Match`, `If-Modified-Since`), once for all concurrent callers.
 * - `stale-while-revalidate`, `stale-if-error` (RFC 5861) and `init.cache` are supported.
 * - An unsafe request invalidates its URL. All other requests are passed on unchanged.
 * - The `Cache-Status` field of each response says how it was served (RFC 9211).
 *
 * Put it outside of a `resilientFetch`: a stored response then never waits for a circuit breaker, and it is available
 * while the breaker is open.
 *
 * Cost: O(1) per request in the number of URLs, and O(n) in the variants of one URL, of which at most 100 are kept. A
 * body is copied once when it arrives and once for each response.
 *
 * @throws InvalidOptionError if an option is out of range.
 * @example
 * ```ts
 * const fetch = cachedFetch(resilientFetch());
 * const response = await fetch('https://example.com/prices');
 * console.log(response.headers.get('cache-status')); // breakwater; fwd=uri-miss; fwd-status=200; stored
 * ```
 */
export function cachedFetch<F extends CacheableFetch>(fetch: F, options?: CachedFetchOptions): CachedFetch<F> {
  checkFunction('cachedFetch', 'fetch', fetch);
  // Called without a receiver: the platform's `fetch` rejects a call as a method of another object.
  const inner: InnerFetch = async (input, init) => (fetch as unknown as InnerFetch)(input, init);
  const cache = new PrivateCache(inner, checkCachedFetchOptions(options));
  const cachedFetch: InnerFetch = (input, init) => cache.fetch(input, init);
  // Defined and not assigned, because some properties of a function, such as `name`, are not writable.
  const properties = Object.getOwnPropertyDescriptors({ ...fetch, cache: cache as HttpCache });
  return Object.defineProperties(cachedFetch, properties) as unknown as CachedFetch<F>;
}
