import { describe, expect, it } from 'vitest';
import { always, dateAt, ok, setUp, URL_A } from './setup.js';

/** Whether a second request has the first one's response. */
async function isStored(headers: Record<string, string>, status = 200, init: RequestInit = {}): Promise<boolean> {
  const { get, calls } = setUp(always(headers, status));
  await get(init);
  await get();
  return calls.length === 1;
}

const FRESH = { 'cache-control': 'max-age=60' };
const control = (text: string) => ({ 'cache-control': text });

describe('what is stored (RFC 9111, 3)', () => {
  it.each<[string, boolean, Record<string, string>, number?]>([
    ['a 200 with max-age', true, FRESH],
    ['private, in a private cache', true, control('private, max-age=60')],
    ['private="field", in a private cache', true, control('private="x", max-age=60')],
    ['no-store', false, control('no-store, max-age=60')],
    ['NO-STORE', false, control('max-age=60, NO-STORE')],
    [
      'no-store with must-understand, of a status that is understood (5.2.2.3)',
      true,
      control('must-understand, no-store, max-age=60'),
    ],
    ['must-understand, of a status that is not', false, control('must-understand, max-age=60'), 299],
    ['a status unknown here, with max-age', true, FRESH, 299],
    ['a 206, which is a piece', false, FRESH, 206],
    ['a 302, since requests differ in whether they follow it', false, FRESH, 302],
    ['a 308 likewise', false, FRESH, 308],
    ['a 404 with max-age', true, FRESH, 404],
    ['a 500 with max-age', true, FRESH, 500],
    ['a 204, which has no body', true, FRESH, 204],
    ['Vary: *', false, { ...FRESH, vary: 'accept, *' }],
    ['Expires', true, { date: dateAt(0), expires: dateAt(60_000) }],
  ])('%s: %s', async (_, stored, headers, status = 200) => {
    const { get, calls } = setUp(() => new Response(status === 204 ? null : 'body', { status, headers }));
    await get();
    await get();
    expect(calls.length === 1).toBe(stored);
  });

  it('is not what a request with no-store brings (5.2.1.5)', async () => {
    expect(await isStored(FRESH, 200, { headers: { 'cache-control': 'no-store' } })).toBe(false);
  });

  it('is not what such a request brings that would have taken anything stored', async () => {
    expect(await isStored(FRESH, 200, { cache: 'force-cache', headers: { 'cache-control': 'no-store' } })).toBe(false);
  });

  it.each(['stale-while-revalidate', 'stale-if-error'])(
    'is what is stale at once, if %s lets it be served',
    async (name) => {
      const { get } = setUp(always(control(`max-age=0, ${name}=60`)));
      await get();
      expect((await get({ cache: 'force-cache' })).text).toBe('body 1');
    },
  );

  it('is not what is stale at once and cannot be asked about', async () => {
    const { get } = setUp(always(control('max-age=0')));
    await get();
    expect((await get({ cache: 'force-cache' })).text).toBe('body 2');
  });

  it('is what a request with Authorization brings, for requests with the same', async () => {
    const { get, calls } = setUp(always(FRESH));
    const init = { headers: { authorization: 'Bearer 1' } };
    await get(init);
    await get(init);
    expect(calls).toHaveLength(1);
  });

  it('has no field of the connection, no Age of its own, and no Set-Cookie (3.1)', async () => {
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

  it('shows the Set-Cookie of a 304 to the request that brought it, and to no other', async () => {
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

  it('gets the Date of its arrival when it has none (RFC 9110, 6.6.1)', async () => {
    const { get, clock } = setUp(always(FRESH));
    await get();
    await clock.advance(5000);
    expect((await get()).response.headers.get('date')).toBe(dateAt(0));
  });

  it('is not what was redirected to: that is the answer of another URL', async () => {
    const { get, calls } = setUp(() => Object.defineProperty(ok(FRESH), 'redirected', { value: true }));
    expect((await get()).response.redirected).toBe(true);
    await get();
    expect(calls).toHaveLength(2);
  });

  it('is found by the URL without its fragment, as the URL standard writes it', async () => {
    const { get, calls } = setUp(always(FRESH));
    await get({}, 'https://EXAMPLE.com:443/x/../a#one');
    await get({}, `${URL_A}#two`);
    await get({}, `${URL_A}?`);
    await get({}, `${URL_A}?b`);
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['', '', '?b']);
  });
});

describe('Cache-Status (RFC 9211)', () => {
  it('is added to what other caches on the way have said', async () => {
    const { get } = setUp(always({ ...FRESH, 'cache-status': 'cdn; hit' }), { name: 'mine' });
    expect((await get()).response.headers.get('cache-status')).toBe(
      'cdn; hit, mine; fwd=uri-miss; fwd-status=200; ttl=60; stored',
    );
    expect((await get()).response.headers.get('cache-status')).toBe('cdn; hit, mine; hit; ttl=60');
  });

  it('says nothing of storing where nothing is stored', async () => {
    const { get } = setUp(always(control('no-store')));
    expect((await get()).said).toBe('fwd=uri-miss; fwd-status=200');
  });
});

describe('how much is stored', () => {
  const sized = ({ url }: { url: string }) => ok(FRESH, 'x'.repeat(Number(new URL(url).pathname.slice(1))));
  const at = (bytes: number, name = '') => `https://example.com/${bytes}${name && `?${name}`}`;

  it('is a body of maxEntryBytes at most, with or without a Content-Length', async () => {
    const { get, fetch } = setUp(sized, { maxEntryBytes: 1000 });
    for (const bytes of [1000, 1001]) expect((await get({}, at(bytes))).text).toHaveLength(bytes);
    expect([(await get({}, at(1000))).said, (await get({}, at(1001))).said]).toEqual([
      'hit; ttl=60',
      expect.stringMatching(/^fwd=uri-miss/),
    ]);
    expect(fetch.cache.stats.stored).toBe(1);
  });

  it('is not begun when the Content-Length is above that', async () => {
    const { get } = setUp(() => ok({ ...FRESH, 'content-length': '1001' }, 'x'.repeat(1001)), { maxEntryBytes: 1000 });
    const { text, said } = await get();
    expect(text).toHaveLength(1001);
    expect(said).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
  });

  it('is maxBytes at most, and what was asked for least recently goes first', async () => {
    const { get, calls } = setUp(sized, { maxBytes: 12_000 });
    for (const name of ['a', 'b', 'a', 'c']) await get({}, at(4000, name));
    calls.length = 0;
    for (const name of ['a', 'c', 'b']) await get({}, at(4000, name));
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['?b']);
  });

  it('is so many URLs as capacity says', async () => {
    const { get, calls } = setUp(sized, { capacity: 2 });
    for (const name of ['a', 'b', 'c', 'b', 'c', 'a']) await get({}, at(1, name));
    expect(calls.map(({ url }) => new URL(url).search)).toEqual(['?a', '?b', '?c', '?a']);
  });

  it('is a hundred variants of one URL, the latest', async () => {
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

  it('is the latest variants when those of one URL weigh more than maxBytes', async () => {
    const { get, calls } = setUp(() => ok({ ...FRESH, vary: 'x' }, 'x'.repeat(4000)), { maxBytes: 12_000 });
    for (const x of ['1', '2', '3']) await get({ headers: { x } });
    calls.length = 0;
    for (const x of ['3', '2', '1']) await get({ headers: { x } });
    expect(calls).toHaveLength(1);
  });

  it('is nothing that is heavier than maxBytes, headers and all, nor is it said to be stored', async () => {
    const { get, fetch, calls } = setUp(sized, { maxBytes: 1000, maxEntryBytes: 1000 });
    expect((await get({}, at(990))).text).toHaveLength(990);
    await get({}, at(990));
    expect([calls.length, fetch.cache.stats.stored]).toEqual([2, 0]);
    const small = setUp(sized, { maxBytes: 100 });
    expect((await small.get({}, at(1))).said).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
    const declared = setUp(() => ok({ ...FRESH, 'content-length': '900' }, 'x'.repeat(900)), { maxBytes: 1000 });
    expect((await declared.get()).said).toBe('fwd=uri-miss; fwd-status=200; ttl=60');
  });

  it('is the lighter variants of a URL, when the latest is too heavy once it is confirmed', async () => {
    const etag = '"1"';
    const { get, fetch, calls } = setUp(
      ({ headers }) =>
        headers.has('if-none-match')
          ? new Response(null, { status: 304, headers: { ...FRESH, etag, 'x-heavy': 'x'.repeat(5000) } })
          : ok({ ...FRESH, etag, vary: 'x' }),
      { maxBytes: 5000 },
    );
    for (const x of ['1', '2']) await get({ headers: { x } });
    expect((await get({ headers: { x: '2' }, cache: 'no-cache' })).said).toBe('fwd=request; fwd-status=304; ttl=60');
    expect(fetch.cache.stats).toMatchObject({ validations: 1, stored: 2 });
    calls.length = 0;
    await get({ headers: { x: '1' } });
    expect(calls).toHaveLength(0);
    await get({ headers: { x: '2' } });
    expect(calls).toHaveLength(1);
  });
});
