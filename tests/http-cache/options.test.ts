import { type CachedFetchOptions, cachedFetch, InvalidOptionError, LruCache, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it, vi } from 'vitest';
import { always, ok, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };
const make = (options: unknown) => () => cachedFetch(globalThis.fetch, options as CachedFetchOptions);

describe('options of cachedFetch', () => {
  it.each<[string, unknown[]]>([
    ['capacity', [0, -1, 1.5, Number.NaN, Infinity, '10', null]],
    ['maxBytes', [0, -1, 1.5, Number.NaN, Infinity, null]],
    ['maxEntryBytes', [-1, 1.5, Number.NaN, Infinity, 51 * 1024 * 1024, null]],
    ['heuristic', [-0.1, 1.1, Number.NaN, '0.1', null]],
    ['userHeaders', ['cookie', [''], ['a b'], [1], null]],
    ['user', ['ada', {}, null]],
    ['lockTimeout', [-1, Number.NaN, Infinity, '5', '5 s', null]],
    ['name', ['', 'a b', 'a;b', 'ü', 1, null]],
    ['store', [{}, { get() {}, set() {} }, 1, null]],
    ['clock', [{}, 1, null]],
    ['now', [1, null]],
  ])('An invalid %s is rejected by an error that names the option', (option, values) => {
    for (const value of values) {
      const error = catchError(make({ [option]: value }));
      expect(error, String(value)).toBeInstanceOf(InvalidOptionError);
      expect((error as InvalidOptionError).option).toBe(option);
    }
  });

  it('An unknown option is rejected with a suggestion', () => {
    expect(make({ maxSize: 1 })).toThrow(/"maxSize" is unknown \(did you mean/);
  });

  it('A fetch that is not a function is rejected', () => {
    expect(() => cachedFetch(undefined as never)).toThrow('"fetch" must be a function');
  });

  it('capacity and maxBytes are rejected beside a store', () => {
    expect(make({ store: new Map(), capacity: 1 })).toThrow('"capacity" has no effect beside "store"');
    expect(make({ store: new Map(), maxBytes: 1 })).toThrow('"maxBytes" has no effect beside "store"');
    expect(make({ store: new Map(), maxEntryBytes: 2 ** 40 })).not.toThrow();
  });

  it('An undefined option counts as absent, and arrays of the caller are copied', async () => {
    expect(make({ capacity: undefined, store: undefined, clock: undefined, now: undefined })).not.toThrow();
    const userHeaders = ['x'];
    const { get, calls } = setUp(always(FRESH), { userHeaders });
    userHeaders.push('y');
    await get({ headers: { y: '1' } });
    await get({ headers: { y: '2' } });
    expect(calls).toHaveLength(1);
  });

  it('A maxBytes below the default of maxEntryBytes is accepted', async () => {
    const { get } = setUp(() => ok(FRESH, 'x'.repeat(5000)), { maxBytes: 4000 });
    await get();
    expect((await get()).cacheStatus).toMatch(/^fwd=uri-miss/);
  });

  it.each<[string, () => NonNullable<CachedFetchOptions['store']>]>([
    ['a Map', () => new Map()],
    ['an lru-cache', () => new LRUCache({ max: 10 })],
    ['an LruCache', () => new LruCache({ capacity: 10 })],
  ])('The store may be %s', async (_, store) => {
    const { get, calls, fetch } = setUp(always(FRESH), { store: store() });
    await get();
    expect((await get()).cacheStatus).toBe('hit; ttl=60');
    expect(fetch.cache.delete(URL_A)).toBe(true);
    await get();
    expect(calls).toHaveLength(2);
  });

  it('The default clock of ages is the clock of the platform', async () => {
    const fetch = cachedFetch(async (_: string) => ok({ ...FRESH, date: new Date(Date.now() - 30_000).toUTCString() }));
    await fetch(URL_A);
    const age = Number((await fetch(URL_A)).headers.get('age'));
    expect(age).toBeGreaterThanOrEqual(30);
    expect(age).toBeLessThan(60);
  });
});

describe('requests that bypass the cache', () => {
  it.each<[string, unknown, RequestInit?]>([
    ['HEAD', URL_A, { method: 'HEAD' }],
    ['OPTIONS', URL_A, { method: 'OPTIONS' }],
    ['a POST', URL_A, { method: 'POST', body: 'x' }],
    ['an invalid URL', 'no url'],
    ['a data: URL', 'data:text/plain,x'],
    ['invalid headers', URL_A, { headers: { 'a b': 'c' } }],
    ['a GET with a body', URL_A, { body: 'x' }],
    ['a GET with integrity', URL_A, { integrity: 'sha256-x' }],
    ['a GET with cache no-store', URL_A, { cache: 'no-store' }],
    ['a range request', URL_A, { headers: [['Range', 'bytes=0-1']] }],
  ])('The cache passes through %s unchanged', async (_, input, init) => {
    const answer = ok(FRESH);
    const inner = vi.fn(async (..._arguments: unknown[]) => answer);
    const fetch = cachedFetch(inner);
    expect(await fetch(input, init)).toBe(answer);
    expect(await fetch(input, init)).toBe(answer);
    expect(inner.mock.calls).toEqual([
      [input, init],
      [input, init],
    ]);
    expect(inner.mock.calls[0]![0]).toBe(input);
  });

  it('A synchronous error of the inner fetch becomes a rejection', async () => {
    const fetch = cachedFetch((() => {
      throw new TypeError('at once');
    }) as unknown as typeof globalThis.fetch);
    await expect(fetch('no url')).rejects.toThrow('at once');
    await expect(fetch(URL_A)).rejects.toThrow('at once');
    await expect(fetch(URL_A, { method: 'POST' })).rejects.toThrow('at once');
  });
});

describe('the call of the inner fetch', () => {
  it('The inner fetch receives copies of the arguments and a signal of the cache', async () => {
    const inner = vi.fn(async (..._arguments: unknown[]) => ok(FRESH));
    const init = { headers: { x: '1' }, priority: 'low' };
    await cachedFetch(inner)(URL_A, init);
    expect(inner.mock.calls[0]).toEqual([URL_A, { ...init, signal: expect.any(AbortSignal) }]);
    expect((inner.mock.calls[0]![1] as RequestInit).headers).not.toBe(init.headers);
  });

  it('The inner fetch is called without a this value', async () => {
    const seen: unknown[] = [];
    const inner = async function (this: unknown, _input: string) {
      seen.push(this);
      return ok(FRESH);
    };
    await cachedFetch(inner)(URL_A);
    await cachedFetch(inner)('no url');
    expect(seen).toEqual([undefined, undefined]);
  });

  it('The inner fetch receives the URL and headers of a URL, a Request, or both', async () => {
    const { fetch, calls } = setUp(always({ 'cache-control': 'no-store' }));
    const request = new Request(URL_A, { headers: { x: '1' } });
    await fetch(new URL(URL_A));
    await fetch(request);
    await fetch('https://example.com/b', request);
    await fetch(request, { headers: { x: '2' } });
    expect(calls.map(({ url, headers }) => [new URL(url).pathname, headers.get('x')])).toEqual([
      ['/a', null],
      ['/a', '1'],
      ['/b', '1'],
      ['/a', '2'],
    ]);
  });

  it('A conditional request keeps the headers of the Request', async () => {
    const { fetch, calls, clock } = setUp(always({ 'cache-control': 'max-age=1', etag: '"1"' }));
    await fetch(new Request(URL_A, { headers: { x: '1' } }));
    await clock.advance(1000);
    await fetch(new Request(URL_A, { headers: { x: '1' } }));
    expect([calls[1]!.headers.get('x'), calls[1]!.headers.get('if-none-match')]).toEqual(['1', '"1"']);
  });

  it('The cached fetch has the enumerable own properties of the inner fetch and a cache of its own', async () => {
    const preconnect = vi.fn();
    const inner = Object.defineProperty(
      Object.assign(async (_url: string) => ok(FRESH), { preconnect }),
      'name',
      { value: 'named', enumerable: true },
    );
    const once = cachedFetch(inner);
    const twice = cachedFetch(once);
    twice.preconnect('https://example.com');
    expect(preconnect).toHaveBeenCalledWith('https://example.com');
    expect([twice.name, Object.keys(twice).sort()]).toEqual(['named', ['cache', 'name', 'preconnect']]);
    await twice(URL_A);
    twice.cache.clear();
    await twice(URL_A);
    expect([twice.cache.stats.hits, once.cache.stats.hits]).toEqual([0, 1]);
  });

  it('A hit does not call an inner resilientFetch', async () => {
    const clock = new TestClock();
    const inner = vi.fn(async (_: string, _init?: RequestInit) => ok(FRESH));
    const fetch = cachedFetch(resilientFetch({ fetch: inner, clock }), { clock });
    await fetch(URL_A);
    await fetch(URL_A);
    expect(inner).toHaveBeenCalledTimes(1);
    expect(clock.pendingTimers).toBe(0);
  });
});

function catchError(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
