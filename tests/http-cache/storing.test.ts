import { describe, expect, it } from 'vitest';
import { always, dateAt, ok, setUp, URL_A } from './setup.js';

/** Whether a second request is served from the response of the first one. */
async function isStored(headers: Record<string, string>, status = 200, init: RequestInit = {}): Promise<boolean> {
  const { get, calls } = setUp(always(headers, status));
  await get(init);
  await get();
  return calls.length === 1;
}

const FRESH = { 'cache-control': 'max-age=60' };
const control = (text: string) => ({ 'cache-control': text });

describe('storable responses (RFC 9111, 3)', () => {
  it.each<[string, boolean, Record<string, string>, number?]>([
    ['a 200 with max-age', true, FRESH],
    ['a private response', true, control('private, max-age=60')],
    ['a response that is private for a field', true, control('private="x", max-age=60')],
    ['a response with no-store', false, control('no-store, max-age=60')],
    ['a response with NO-STORE in capitals', false, control('max-age=60, NO-STORE')],
    [
      'a response with no-store and must-understand of a known status (5.2.2.3)',
      true,
      control('must-understand, no-store, max-age=60'),
    ],
    ['a response with must-understand of an unknown status', false, control('must-understand, max-age=60'), 299],
    ['a response of unknown status with max-age', true, FRESH, 299],
    ['a 206', false, FRESH, 206],
    ['a 302', false, FRESH, 302],
    ['a 308', false, FRESH, 308],
    ['a 404 with max-age', true, FRESH, 404],
    ['a 500 with max-age', true, FRESH, 500],
    ['a 204 with max-age', true, FRESH, 204],
    ['a response with Vary: *', false, { ...FRESH, vary: 'accept, *' }],
    ['a response with Expires', true, { date: dateAt(0), expires: dateAt(60_000) }],
  ])('Whether %s is stored: %s', async (_, stored, headers, status = 200) => {
    const { get, calls } = setUp(() => new Response(status === 204 ? null : 'body', { status, headers }));
    await get();
    await get();
    expect(calls.length === 1).toBe(stored);
  });

  it('The response to a request with no-store is not stored (5.2.1.5)', async () => {
    expect(await isStored(FRESH, 200, { headers: { 'cache-control': 'no-store' } })).toBe(false);
  });

  it('The response to a request with no-store and force-cache is not stored', async () => {
    expect(await isStored(FRESH, 200, { cache: 'force-cache', headers: { 'cache-control': 'no-store' } })).toBe(false);
  });

  it.each(['stale-while-revalidate', 'stale-if-error'])(
    'A response that is stale at once is stored if %s allows serving it',
    async (name) => {
      const { get } = setUp(always(control(`max-age=0, ${name}=60`)));
      await get();
      expect((await get({ cache: 'force-cache' })).text).toBe('body 1');
    },
  );

  it('A response that is stale at once and has no validator is not stored', async () => {
    const { get } = setUp(always(control('max-age=0')));
    await get();
    expect((await get({ cache: 'force-cache' })).text).toBe('body 2');
  });

  it('A response to a request with Authorization is stored for requests with the same value', async () => {
    const { get, calls } = setUp(always(FRESH));
    const init = { headers: { authorization: 'Bearer 1' } };
    await get(init);
    await get(init);
    expect(calls).toHaveLength(1);
  });

  it('A stored response has no connection fields and no Set-Cookie, and its Age continues (3.1)', async () => {
    const headers = { ...FRESH, connection: 'x-hop', 'x-hop': '1', 'keep-alive': '5', age: '7', 'x-kept': '1' };
    const { get, clock } = setUp(() => {
      const response = ok(headers);
      response.headers.append('set-cookie', 'a=1');
      response.headers.append('set-cookie', 'b=2');
      return response;
    });
    const first = await get();
    expect(first.response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(first.response.headers.get('x-hop')).toBe('1');
    await clock.advance(1000);
    const { headers: stored } = (await get()).response;
    expect([...stored.keys()].sort()).toEqual([
      'age',
      'cache-control',
      'cache-status',
      'content-type',
      'date',
      'x-kept',
    ]);
    expect(stored.get('age')).toBe('8');
  });

  it('The Set-Cookie of a 304 is returned only to the request that validated', async () => {
    const { get, clock } = setUp(({ number }) => {
      if (number === 1) return ok({ ...control('max-age=1'), etag: '"1"' });
      const headers = new Headers({ ...FRESH, etag: '"1"' });
      for (const cookie of ['a=1', 'b=2']) headers.append('set-cookie', cookie);
      return new Response(null, { status: 304, headers });
    });
    await get();
    await clock.advance(1000);
    expect((await get()).response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect((await get()).response.headers.getSetCookie()).toEqual([]);
  });

  it('A stored response without Date gets the date of its arrival (RFC 9110, 6.6.1)', async () => {
    const { get, clock } = setUp(always(FRESH));
    await get();
    await clock.advance(5000);
    expect((await get()).response.headers.get('date')).toBe(dateAt(0));
  });

  it('A redirected response is not stored', async () => {
    const { get, calls } = setUp(() => Object.defineProperty(ok(FRESH), 'redirected', { value: true }));
    expect((await get()).response.redirected).toBe(true);
    await get();
    expect(calls).toHaveLength(2);
  });

  it('A stored response is found by its normalized URL without the fragment', async () => {
    const { get, calls } = setUp(always(FRESH));
    await get({}, 'https://EXAMPLE.com:443/x/../a#one');
    await get({}, `${URL_A}#two`);
    await get({}, `${URL_A}?`);
    await get({}, `${URL_A}?b`);
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['', '', '?b']);
  });
});

describe('Cache-Status (RFC 9211)', () => {
  it('Cache-Status is appended to the values of other caches', async () => {
    const { get } = setUp(always({ ...FRESH, 'cache-status': 'cdn; hit' }), { name: 'mine' });
    expect((await get()).response.headers.get('cache-status')).toBe(
      'cdn; hit, mine; fwd=uri-miss; fwd-status=200; ttl=60; stored',
    );
    expect((await get()).response.headers.get('cache-status')).toBe('cdn; hit, mine; hit; ttl=60');
  });

  it('Cache-Status has no ttl and no stored parameter for a response that is not stored', async () => {
    const { get } = setUp(always(control('no-store')));
    expect((await get()).cacheStatus).toBe('fwd=uri-miss; fwd-status=200');
  });
});

describe('limits of the store', () => {
  const sized = ({ url }: { url: string }) => ok(FRESH, 'x'.repeat(Number(new URL(url).pathname.slice(1))));
  const at = (bytes: number, name = '') => `https://example.com/${bytes}${name && `?${name}`}`;

  it('A body is stored up to maxEntryBytes, with or without a Content-Length', async () => {
    const { get, fetch } = setUp(sized, { maxEntryBytes: 1000 });
    for (const bytes of [1000, 1001]) expect((await get({}, at(bytes))).text).toHaveLength(bytes);
    expect([(await get({}, at(1000))).cacheStatus, (await get({}, at(1001))).cacheStatus]).toEqual([
      'hit; ttl=60',
      expect.stringMatching(/^fwd=uri-miss/),
    ]);
    expect(fetch.cache.stats.stored).toBe(1);
  });

  it('A body whose Content-Length is above maxEntryBytes is not collected', async () => {
    const { get } = setUp(() => ok({ ...FRESH, 'content-length': '1001' }, 'x'.repeat(1001)), { maxEntryBytes: 1000 });
    const { text, cacheStatus } = await get();
    expect(text).toHaveLength(1001);
    expect(cacheStatus).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
  });

  it('The store holds at most maxBytes and evicts the least recently used response first', async () => {
    const { get, calls } = setUp(sized, { maxBytes: 12_000 });
    for (const name of ['a', 'b', 'a', 'c']) await get({}, at(4000, name));
    calls.length = 0;
    for (const name of ['a', 'c', 'b']) await get({}, at(4000, name));
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['?b']);
  });

  it('The store holds at most capacity URLs', async () => {
    const { get, calls } = setUp(sized, { capacity: 2 });
    for (const name of ['a', 'b', 'c', 'b', 'c', 'a']) await get({}, at(1, name));
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['?a', '?b', '?c', '?a']);
  });

  it('The store holds the latest 100 variants of a URL', async () => {
    const { get, calls } = setUp(always({ ...FRESH, vary: 'x' }));
    const ask = (x: number) => get({ headers: { x: String(x) } });
    for (let x = 0; x <= 100; x++) await ask(x);
    calls.length = 0;
    await ask(1);
    await ask(100);
    expect(calls).toHaveLength(0);
    await ask(0);
    expect(calls).toHaveLength(1);
  });

  it('The store keeps the latest variants if those of one URL exceed maxBytes', async () => {
    const { get, calls } = setUp(() => ok({ ...FRESH, vary: 'x' }, 'x'.repeat(4000)), { maxBytes: 12_000 });
    for (const x of ['1', '2', '3']) await get({ headers: { x } });
    calls.length = 0;
    for (const x of ['3', '2', '1']) await get({ headers: { x } });
    expect(calls).toHaveLength(1);
  });

  it('A response that exceeds maxBytes with its headers is not stored', async () => {
    const { get, fetch, calls } = setUp(sized, { maxBytes: 1000, maxEntryBytes: 1000 });
    expect((await get({}, at(990))).text).toHaveLength(990);
    await get({}, at(990));
    expect([calls.length, fetch.cache.stats.stored]).toEqual([2, 0]);
    const small = setUp(sized, { maxBytes: 100 });
    expect((await small.get({}, at(1))).cacheStatus).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
    const declared = setUp(() => ok({ ...FRESH, 'content-length': '900' }, 'x'.repeat(900)), { maxBytes: 1000 });
    expect((await declared.get()).cacheStatus).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
  });

  it('A variant that exceeds maxBytes after its validation is removed, and lighter variants remain', async () => {
    const etag = '"1"';
    const { get, fetch, calls } = setUp(
      ({ headers }) =>
        headers.has('if-none-match')
          ? new Response(null, { status: 304, headers: { ...FRESH, etag, 'x-heavy': 'x'.repeat(5000) } })
          : ok({ ...FRESH, etag, vary: 'x' }),
      { maxBytes: 5000 },
    );
    for (const x of ['1', '2']) await get({ headers: { x } });
    expect((await get({ headers: { x: '2' }, cache: 'no-cache' })).cacheStatus).toBe(
      'fwd=request; fwd-status=304; ttl=60',
    );
    expect(fetch.cache.stats).toMatchObject({ validations: 1, stored: 2 });
    calls.length = 0;
    await get({ headers: { x: '1' } });
    expect(calls).toHaveLength(0);
    await get({ headers: { x: '2' } });
    expect(calls).toHaveLength(1);
  });
});
