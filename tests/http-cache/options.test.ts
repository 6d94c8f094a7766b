import { type CachedFetchOptions, cachedFetch, InvalidOptionError, LruCache, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it, vi } from 'vitest';
import { always, ok, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };
const make = (options: unknown) => () => cachedFetch(globalThis.fetch, options as CachedFetchOptions);

describe('options of cached', () => {
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
  ])('refuses a bad %s, and names it', (option, values) => {
    for (const value of values) {
      const error = catchError(make({ [option]: value }));
      expect(error, String(value)).toBeInstanceOf(InvalidOptionError);
      expect((error as InvalidOptionError).option).toBe(option);
    }
  });

  it('refuses names it does not know, and suggests one', () => {
    expect(make({ maxSize: 1 })).toThrow(/"maxSize" is unknown \(did you mean/);
  });

  it('refuses what is no fetch', () => {
    expect(() => cachedFetch(undefined as never)).toThrow('"fetch" must be a function');
  });

  it('refuses capacity and maxBytes beside a store, which has its own bounds', () => {
    expect(make({ store: new Map(), capacity: 1 })).toThrow('"capacity" has no effect beside "store"');
    expect(make({ store: new Map(), maxBytes: 1 })).toThrow('"maxBytes" has no effect beside "store"');
    expect(make({ store: new Map(), maxEntryBytes: 2 ** 40 })).not.toThrow();
  });

  it('takes an explicit undefined for the default, and keeps nothing of the caller’s', async () => {
    expect(make({ capacity: undefined, store: undefined, clock: undefined, now: undefined })).not.toThrow();
    const userHeaders = ['x'];
    const { get, calls } = setUp(always(FRESH), { userHeaders });
    userHeaders.push('y');
    await get({ headers: { y: '1' } });
    await get({ headers: { y: '2' } });
    expect(calls).toHaveLength(1);
  });

  it('takes a small maxBytes with the default of maxEntryBytes', async () => {
    const { get } = setUp(() => ok(FRESH, 'x'.repeat(5000)), { maxBytes: 4000 });
    await get();
    expect((await get()).said).toMatch(/^fwd=uri-miss/);
  });

  it.each<[string, () => NonNullable<CachedFetchOptions['store']>]>([
    ['a Map', () => new Map()],
    ['an lru-cache', () => new LRUCache({ max: 10 })],
    ['a cache of this package', () => new LruCache({ capacity: 10 })],
  ])('takes %s as the store', async (_, store) => {
    const { get, calls, fetch } = setUp(always(FRESH), { store: store() });
    await get();
    expect((await get()).said).toBe('hit; ttl=60');
    expect(fetch.cache.delete(URL_A)).toBe(true);
    await get();
    expect(calls).toHaveLength(2);
  });

  it('has the clocks of the platform', async () => {
    const fetch = cachedFetch(async (_: string) => ok({ ...FRESH, date: new Date(Date.now() - 30_000).toUTCString() }));
    await fetch(URL_A);
    const age = Number((await fetch(URL_A)).headers.get('age'));
    expect(age).toBeGreaterThanOrEqual(30);
    expect(age).toBeLessThan(60);
  });
});

describe('what goes through untouched', () => {
  it.each<[string, unknown, RequestInit?]>([
    ['HEAD', URL_A, { method: 'HEAD' }],
    ['OPTIONS', URL_A, { method: 'OPTIONS' }],
    ['a POST', URL_A, { method: 'POST', body: 'x' }],
    ['a URL that is none', 'no url'],
    ['another scheme', 'data:text/plain,x'],
    ['headers that are none', URL_A, { headers: { 'a b': 'c' } }],
    ['a GET with a body', URL_A, { body: 'x' }],
    ['a GET with its integrity', URL_A, { integrity: 'sha256-x' }],
    ['a GET of no-store', URL_A, { cache: 'no-store' }],
    ['a range', URL_A, { headers: [['Range', 'bytes=0-1']] }],
  ])('%s', async (_, input, init) => {
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

  it('what fetch refuses, in its words, as a rejection', async () => {
    const fetch = cachedFetch((() => {
      throw new TypeError('at once');
    }) as unknown as typeof globalThis.fetch);
    await expect(fetch('no url')).rejects.toThrow('at once');
    await expect(fetch(URL_A)).rejects.toThrow('at once');
    await expect(fetch(URL_A, { method: 'POST' })).rejects.toThrow('at once');
  });
});

describe('what reaches the fetch inside', () => {
  it('gets what the caller gave, in copies of its own, with another signal', async () => {
    const inner = vi.fn(async (..._arguments: unknown[]) => ok(FRESH));
    const init = { headers: { x: '1' }, priority: 'low' };
    await cachedFetch(inner)(URL_A, init);
    expect(inner.mock.calls[0]).toEqual([URL_A, { ...init, signal: expect.any(AbortSignal) }]);
    expect((inner.mock.calls[0]![1] as RequestInit).headers).not.toBe(init.headers);
  });

  it('is called by itself, as nobody’s method', async () => {
    const seen: unknown[] = [];
    const inner = async function (this: unknown, _input: string) {
      seen.push(this);
      return ok(FRESH);
    };
    await cachedFetch(inner)(URL_A);
    await cachedFetch(inner)('no url');
    expect(seen).toEqual([undefined, undefined]);
  });

  it('is made of a URL, a Request, or a URL with a Request for the rest', async () => {
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

  it('keeps the headers of a Request beside the condition', async () => {
    const { fetch, calls, clock } = setUp(always({ 'cache-control': 'max-age=1', etag: '"1"' }));
    await fetch(new Request(URL_A, { headers: { x: '1' } }));
    await clock.advance(1000);
    await fetch(new Request(URL_A, { headers: { x: '1' } }));
    expect([calls[1]!.headers.get('x'), calls[1]!.headers.get('if-none-match')]).toEqual(['1', '"1"']);
  });

  it('has the enumerable properties of its own that the type promises, but for a cache of its own', async () => {
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

  it('may be a resilientFetch, which a hit never meets', async () => {
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
