import { describe, expect, it } from 'vitest';
import { always, setUp, URL_A, versioned } from './setup.js';

const control = (text: string) => ({ 'cache-control': text });
const withCacheControl = (text: string): RequestInit => ({ headers: control(text) });

/** The first part of `Cache-Status` of a request, `seconds` after the response was stored. */
async function statusOf(response: string, seconds: number, init: RequestInit): Promise<string> {
  const { get, clock } = setUp(always({ ...control(response), etag: '"1"' }));
  await get();
  await clock.advance(seconds * 1000);
  return (await get(init)).cacheStatus.split(';')[0]!;
}

describe('request directives (RFC 9111, 5.2.1)', () => {
  it.each<[string, string, number, RequestInit, string]>([
    ['no directive, for a fresh response', 'max-age=60', 59, {}, 'hit'],
    ['no directive, for a stale response', 'max-age=60', 60, {}, 'fwd=stale'],
    ['a max-age of at least the age', 'max-age=60', 10, withCacheControl('max-age=10'), 'hit'],
    ['a max-age below the age', 'max-age=60', 11, withCacheControl('max-age=10'), 'fwd=request'],
    ['an unreadable max-age', 'max-age=60', 11, withCacheControl('max-age=x'), 'fwd=request'],
    ['a min-fresh of at most the remaining lifetime', 'max-age=60', 50, withCacheControl('min-fresh=10'), 'hit'],
    ['a min-fresh above the remaining lifetime', 'max-age=60', 51, withCacheControl('min-fresh=10'), 'fwd=request'],
    ['max-stale without a value', 'max-age=60', 6000, withCacheControl('max-stale'), 'hit'],
    ['a max-stale of at least the staleness', 'max-age=60', 70, withCacheControl('max-stale=10'), 'hit'],
    ['a max-stale below the staleness', 'max-age=60', 71, withCacheControl('max-stale=10'), 'fwd=stale'],
    ['an unreadable max-stale', 'max-age=60', 61, withCacheControl('max-stale=x'), 'fwd=stale'],
    [
      'max-stale, for a response with must-revalidate',
      'max-age=60, must-revalidate',
      61,
      withCacheControl('max-stale'),
      'fwd=stale',
    ],
    [
      'max-stale, for a response with proxy-revalidate',
      'max-age=60, proxy-revalidate',
      61,
      withCacheControl('max-stale'),
      'hit',
    ],
    ['max-stale and a max-age of at least the age', 'max-age=60', 70, withCacheControl('max-age=80, max-stale'), 'hit'],
    ['max-stale and a max-age below the age', 'max-age=60', 81, withCacheControl('max-age=80, max-stale'), 'fwd=stale'],
    [
      'max-stale and min-fresh, for a stale response',
      'max-age=60',
      61,
      withCacheControl('max-stale, min-fresh=0'),
      'fwd=stale',
    ],
    ['no-cache, for a fresh response', 'max-age=60', 1, withCacheControl('no-cache'), 'fwd=request'],
    ['Pragma: no-cache alone', 'max-age=60', 1, { headers: { pragma: 'no-cache' } }, 'fwd=request'],
    [
      'Pragma: no-cache beside Cache-Control',
      'max-age=60',
      1,
      { headers: { pragma: 'no-cache', 'cache-control': 'x' } },
      'hit',
    ],
    ['no directive, for a response with no-cache', 'max-age=60, no-cache', 1, {}, 'fwd=stale'],
    ['no directive, for a response with no-cache of a field', 'max-age=60, no-cache="x"', 1, {}, 'fwd=stale'],
    ['max-stale, for a response with no-cache', 'max-age=60, no-cache', 1, withCacheControl('max-stale'), 'fwd=stale'],
    ['no directive, for a fresh response with must-revalidate', 'max-age=60, must-revalidate', 59, {}, 'hit'],
    ['only-if-cached, for a fresh response', 'max-age=60', 1, withCacheControl('only-if-cached'), 'hit'],
    [
      'only-if-cached and no-store, for a fresh response',
      'max-age=60',
      1,
      withCacheControl('only-if-cached, no-store'),
      'hit',
    ],
    [
      'max-age=0, for a fresh immutable response (RFC 8246)',
      'max-age=60, immutable',
      59,
      withCacheControl('max-age=0'),
      'hit',
    ],
    [
      'max-age=0, for a stale immutable response',
      'max-age=60, immutable',
      60,
      withCacheControl('max-age=0'),
      'fwd=stale',
    ],
    [
      'max-age=0 and max-stale, for a stale immutable response',
      'max-age=60, immutable',
      60,
      withCacheControl('max-age=0, max-stale'),
      'fwd=stale',
    ],
    ['no-cache, for an immutable response', 'max-age=60, immutable', 1, withCacheControl('no-cache'), 'fwd=request'],
  ])(
    'A request with %s (stored with %s, %i s ago) is answered as the directive demands',
    async (_, response, seconds, init, cacheStatus) => {
      expect(await statusOf(response, seconds, init)).toBe(cacheStatus);
    },
  );

  it('only-if-cached does not revalidate in the background', async () => {
    const { get, calls, clock } = setUp(always(control('max-age=60, stale-while-revalidate=60')));
    await get();
    await clock.advance(60_000);
    expect((await get(withCacheControl('only-if-cached'))).status).toBe(504);
    expect(calls).toHaveLength(1);
  });

  it('only-if-cached is answered by 504 if no stored response satisfies the request (5.2.1.7)', async () => {
    const { get, calls, clock } = setUp(always(control('max-age=60')));
    const nothing = await get(withCacheControl('only-if-cached'));
    expect([nothing.status, nothing.text, nothing.response.url]).toEqual([504, '', URL_A]);
    expect(nothing.cacheStatus).toBe('detail=only-if-cached');
    await get();
    await clock.advance(60_000);
    expect((await get(withCacheControl('only-if-cached'))).status).toBe(504);
    expect((await get(withCacheControl('only-if-cached, max-stale'))).status).toBe(200);
    expect((await get({ headers: { ...control('only-if-cached'), range: 'bytes=0-1' } })).status).toBe(504);
    expect(calls).toHaveLength(1);
  });
});

describe('init.cache', () => {
  it.each<[RequestCache, string, number, string]>([
    ['default', 'max-age=60', 1, 'hit'],
    ['reload', 'max-age=60', 1, 'fwd=request'],
    ['no-cache', 'max-age=60', 1, 'fwd=request'],
    ['no-cache', 'max-age=60, immutable', 1, 'fwd=request'],
    ['force-cache', 'max-age=60', 600, 'hit'],
    ['force-cache', 'max-age=60, must-revalidate', 600, 'hit'],
    ['force-cache', 'no-cache', 600, 'hit'],
    ['only-if-cached', 'max-age=60', 600, 'hit'],
  ])(
    'The cache mode %s, for a response with %s after %i s, leads to %s',
    async (cache, response, seconds, cacheStatus) => {
      expect(await statusOf(response, seconds, { cache })).toBe(cacheStatus);
    },
  );

  it('The cache mode no-store neither reads nor stores a response', async () => {
    const { get, calls, fetch } = setUp(always(control('max-age=60')));
    await get({ cache: 'no-store' });
    await get();
    expect((await get({ cache: 'no-store' })).text).toBe('body 3');
    expect((await get()).text).toBe('body 2');
    expect(calls).toHaveLength(3);
    expect(fetch.cache.stats.bypassed).toBe(2);
  });

  it('The cache mode reload sends an unconditional request and stores the response', async () => {
    const { get, calls } = setUp(versioned(control('max-age=60')).script);
    await get();
    expect((await get({ cache: 'reload' })).text).toBe('version 1');
    expect(calls[1]!.headers.has('if-none-match')).toBe(false);
    expect((await get()).cacheStatus).toBe('hit; ttl=60');
  });

  it('The cache mode no-cache validates the stored response and updates it', async () => {
    const { get, calls, clock } = setUp(versioned(control('max-age=60')).script);
    await get();
    await clock.advance(30_000);
    expect((await get({ cache: 'no-cache' })).cacheStatus).toBe('fwd=request; fwd-status=304; ttl=60; stored');
    expect(calls[1]!.headers.get('if-none-match')).toBe('"v1"');
  });

  it('The cache mode only-if-cached rejects if no response is stored', async () => {
    const { fetch, calls } = setUp(always(control('max-age=60')));
    await expect(fetch(URL_A, { cache: 'only-if-cached', mode: 'same-origin' })).rejects.toThrow(TypeError);
    expect(calls).toHaveLength(0);
  });

  it('The cache mode of a Request is used unless init has one', async () => {
    const { get, fetch, calls } = setUp(always(control('max-age=60')));
    await get();
    await fetch(new Request(URL_A, { cache: 'no-cache' }));
    await fetch(new Request(URL_A, { cache: 'no-cache' }), { cache: 'default' });
    expect(calls).toHaveLength(2);
  });
});

describe('Vary (RFC 9111, 4.1)', () => {
  const script = always({ ...control('max-age=60'), vary: 'Accept-Language, X' });

  it('Each combination of varying values has a stored response of its own', async () => {
    const { get, calls } = setUp(script);
    const [en, de] = [{ headers: { 'accept-language': 'en' } }, { headers: { 'accept-language': 'de' } }];
    expect((await get(en)).text).toBe('body 1');
    expect((await get(de)).cacheStatus).toMatch(/^fwd=vary-miss/);
    expect([(await get(en)).text, (await get(de)).text]).toEqual(['body 1', 'body 2']);
    await get();
    await get({ headers: { 'accept-language': 'de', x: '' } });
    expect(calls).toHaveLength(4);
  });

  it('Vary ignores spaces in known list fields and compares other values exactly', async () => {
    const { get, calls } = setUp(script);
    await get({ headers: { 'accept-language': 'en , de', x: 'a,b' } });
    await get({ headers: { 'accept-language': 'en,de', x: 'a,b' } });
    expect(calls).toHaveLength(1);
    await get({ headers: { 'accept-language': 'en,de', x: 'a, b' } });
    await get({ headers: { 'accept-language': 'de,en', x: 'a,b' } });
    expect(calls).toHaveLength(3);
  });

  it('The latest of several matching responses is served', async () => {
    const { get } = setUp(({ number }) =>
      always({ ...control('public, max-age=60'), ...(number === 1 && { vary: 'x' }) })({ number } as never),
    );
    await get({ headers: { x: '1' } });
    await get({ headers: { x: '2' } });
    expect((await get({ headers: { x: '1' } })).text).toBe('body 2');
    await get({ headers: { x: '1' }, cache: 'reload' });
    expect((await get({ headers: { x: '1' } })).text).toBe('body 3');
    expect((await get({ headers: { x: '5' } })).text).toBe('body 3');
  });
});

describe('users', () => {
  it.each(['authorization', 'cookie', 'x-api-key'])(
    'Users with different values of %s do not share a response',
    async (name) => {
      const { get, calls } = setUp(always(control('max-age=60')));
      const as = (user: string) => get({ headers: { [name]: user } });
      expect([(await as('ada')).text, (await as('bob')).text, (await get()).text]).toEqual([
        'body 1',
        'body 2',
        'body 3',
      ]);
      expect([(await as('ada')).text, (await as('bob')).text, (await get()).text]).toEqual([
        'body 1',
        'body 2',
        'body 3',
      ]);
      expect(calls).toHaveLength(3);
    },
  );

  it('Users share a public response', async () => {
    const { get } = setUp(always(control('public, max-age=60')));
    await get({ headers: { authorization: 'ada' } });
    expect((await get({ headers: { authorization: 'bob' } })).text).toBe('body 1');
    expect((await get()).text).toBe('body 1');
  });

  it('Users do not share a public response that varies by authorization', async () => {
    const { get } = setUp(always({ ...control('public, max-age=60'), vary: 'authorization' }));
    await get({ headers: { authorization: 'ada' } });
    expect((await get({ headers: { authorization: 'bob' } })).text).toBe('body 2');
  });

  it('Users are distinguished by userHeaders', async () => {
    const { get } = setUp(always(control('max-age=60')), { userHeaders: ['X-Tenant'] });
    await get({ headers: { 'x-tenant': '1' } });
    expect((await get({ headers: { 'x-tenant': '2' } })).text).toBe('body 2');
    expect((await get({ headers: { 'x-tenant': '1', cookie: 'new' } })).text).toBe('body 1');
  });

  it('Users do not wait for each other', async () => {
    const { fetch, calls } = setUp(always(control('max-age=60')));
    const users = ['ada', 'bob'].map((authorization) => fetch(URL_A, { headers: { authorization } }));
    const texts = await Promise.all(users.map(async (it) => (await it).text()));
    expect(texts).toEqual(['body 1', 'body 2']);
    expect(calls).toHaveLength(2);
  });
});
