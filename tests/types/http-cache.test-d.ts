import {
  type CachedFetch,
  type CachedFetchOptions,
  cachedFetch,
  type HttpCache,
  type HttpCacheStats,
  LruCache,
  type ResilientFetch,
  resilientFetch,
} from 'breakwater';
import { LRUCache } from 'lru-cache';
import * as undici from 'undici';
import { describe, expectTypeOf, it } from 'vitest';

describe('cachedFetch', () => {
  it('cachedFetch returns the type of the given fetch with a cache', async () => {
    const fetch = cachedFetch(resilientFetch());
    expectTypeOf(fetch).toEqualTypeOf<CachedFetch<ResilientFetch>>();
    expectTypeOf(fetch).toExtend<typeof globalThis.fetch>();
    expectTypeOf(await fetch('https://example.com')).toEqualTypeOf<Response>();
    expectTypeOf(fetch.cache).toEqualTypeOf<HttpCache>();
    expectTypeOf(fetch.cache.stats).toEqualTypeOf<HttpCacheStats>();

    const dispatcher = new undici.Agent();
    expectTypeOf(
      await cachedFetch(undici.fetch)('https://example.com', { dispatcher }),
    ).toEqualTypeOf<undici.Response>();
  });

  it('cachedFetch accepts the arguments of the given fetch', () => {
    const fetch = cachedFetch(globalThis.fetch);
    fetch(new URL('https://example.com'), { cache: 'no-cache' });
    // @ts-expect-error: not an option of fetch
    fetch('https://example.com', { ttl: 5000 });
    // @ts-expect-error: not a fetch
    cachedFetch((url: string) => url);
    // @ts-expect-error: the fetch is required
    cachedFetch();
  });

  it('cachedFetch keeps additional properties of the given fetch', () => {
    const fetch = Object.assign(async (_url: string) => new Response(), { preconnect: (_url: string) => {} });
    expectTypeOf(cachedFetch(fetch).preconnect).toEqualTypeOf<(_url: string) => void>();
  });

  it('cachedFetch can wrap itself and be wrapped', () => {
    expectTypeOf(cachedFetch(cachedFetch(globalThis.fetch))).toExtend<typeof globalThis.fetch>();
    expectTypeOf(resilientFetch({ fetch: cachedFetch(globalThis.fetch) })).toEqualTypeOf<
      ResilientFetch<CachedFetch<typeof globalThis.fetch>>
    >();
  });

  it('the store option accepts a Map, an lru-cache and an LruCache', () => {
    cachedFetch(globalThis.fetch, { store: new Map() });
    cachedFetch(globalThis.fetch, { store: new LRUCache({ max: 10 }) });
    cachedFetch(globalThis.fetch, { store: new LruCache({ capacity: 10 }) });
    const byBytes: CachedFetchOptions['store'] = new LruCache({
      capacity: 10,
      maxWeight: 1e6,
      weigh: ({ value }) => value.bytes,
    });
    cachedFetch(globalThis.fetch, { store: byBytes, heuristic: undefined });
    // @ts-expect-error: not a store
    cachedFetch(globalThis.fetch, { store: {} });
    // @ts-expect-error: no such option
    cachedFetch(globalThis.fetch, { ttl: '5s' });
  });
});
