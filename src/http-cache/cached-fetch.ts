import { checkFunction } from '../core/options.js';
import { type CachedFetchOptions, checkCachedFetchOptions } from './options.js';
import type { InnerFetch } from './origin.js';
import { type HttpCache, PrivateCache } from './private-cache.js';

/** Any function of the shape of `fetch`: the platform's, `resilientFetch()`, undici's, a mock. */
export type CacheableFetch = (
  input: never,
  init?: never,
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}>;

/** The fetch it was made from, with its own enumerable properties, and with a cache. */
export type CachedFetch<F extends CacheableFetch> = F & { readonly cache: HttpCache };

/**
 * A fetch that remembers: a private HTTP cache as RFC 9111 has it, in front of any `fetch`.
 *
 * GETs over HTTP are answered from what is stored as long as that is fresh; then the origin is asked whether it still
 * holds (`If-None-Match`, `If-Modified-Since`), once for all who ask at the same time. `stale-while-revalidate` and
 * `stale-if-error` are honoured, so is `init.cache`. Unsafe requests invalidate their URL. All else goes through untouched.
 * What happened stands in the `Cache-Status` of each response (RFC 9211).
 *
 * Put it outside of a `resilientFetch`: then what is stored never waits for a breaker, and is there when that is open.
 *
 * O(1) a request in the number of URLs, O(n) in the variants of one URL, of which 100 are kept. A body is copied once
 * when it comes and once for each answer.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const fetch = cachedFetch(resilientFetch());
 * const response = await fetch('https://example.com/prices');
 * console.log(response.headers.get('cache-status')); // breakwater; fwd=uri-miss; fwd-status=200; stored
 * ```
 */
export function cachedFetch<F extends CacheableFetch>(fetch: F, options?: CachedFetchOptions): CachedFetch<F> {
  checkFunction('cached', 'fetch', fetch);
  // By itself: the platform's refuses to be called as somebody's method.
  const inner: InnerFetch = async (input, init) => (fetch as unknown as InnerFetch)(input, init);
  const cache = new PrivateCache(inner, checkCachedFetchOptions(options));
  const cachedFetch: InnerFetch = (input, init) => cache.fetch(input, init);
  // Defined, since some that a function has cannot be assigned to.
  const properties = Object.getOwnPropertyDescriptors({ ...fetch, cache: cache as HttpCache });
  return Object.defineProperties(cachedFetch, properties) as unknown as CachedFetch<F>;
}
