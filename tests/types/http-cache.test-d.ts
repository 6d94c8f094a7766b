import {
  type CachedFetch,
  type CachedOptions,
  cached,
  type HttpCache,
  type HttpCacheStats,
  LruCache,
  resilientFetch,
} from 'breakwater';
import { LRUCache } from 'lru-cache';
import * as undici from 'undici';
import { describe, expectTypeOf, it } from 'vitest';

describe('cached', () => {
  it('is the fetch it is given, with a cache', async () => {
    const fetch = cached(resilientFetch());
    expectTypeOf(fetch).toEqualTypeOf<CachedFetch<typeof globalThis.fetch>>();
    expectTypeOf(fetch).toExtend<typeof globalThis.fetch>();
    expectTypeOf(await fetch('https://example.com')).toEqualTypeOf<Response>();
    expectTypeOf(fetch.cache).toEqualTypeOf<HttpCache>();
    expectTypeOf(fetch.cache.stats).toEqualTypeOf<HttpCacheStats>();

    const dispatcher = new undici.Agent();
    expectTypeOf(await cached(undici.fetch)('https://example.com', { dispatcher })).toEqualTypeOf<undici.Response>();
  });

  it('takes what that takes', () => {
    const fetch = cached(globalThis.fetch);
    fetch(new URL('https://example.com'), { cache: 'no-cache' });
    // @ts-expect-error: no more than that
    fetch('https://example.com', { ttl: 5000 });
    // @ts-expect-error: no fetch
    cached((url: string) => url);
    // @ts-expect-error: what it shall go around is not left out
    cached();
  });

  it('has what that has beside', () => {
    const fetch = Object.assign(async (_url: string) => new Response(), { preconnect: (_url: string) => {} });
    expectTypeOf(cached(fetch).preconnect).toEqualTypeOf<(_url: string) => void>();
  });

  it('can be wrapped once more', () => {
    expectTypeOf(cached(cached(globalThis.fetch))).toExtend<typeof globalThis.fetch>();
    expectTypeOf(resilientFetch({ fetch: cached(globalThis.fetch) })).toEqualTypeOf<
      CachedFetch<typeof globalThis.fetch>
    >();
  });

  it('keeps responses where it is told', () => {
    cached(globalThis.fetch, { store: new Map() });
    cached(globalThis.fetch, { store: new LRUCache({ max: 10 }) });
    cached(globalThis.fetch, { store: new LruCache({ capacity: 10 }) });
    const byBytes: CachedOptions['store'] = new LruCache({
      capacity: 10,
      maxWeight: 1e6,
      weigh: ({ value }) => value.bytes,
    });
    cached(globalThis.fetch, { store: byBytes, heuristic: undefined });
    // @ts-expect-error: no cache
    cached(globalThis.fetch, { store: {} });
    // @ts-expect-error: no such option
    cached(globalThis.fetch, { ttl: '5s' });
  });
});
