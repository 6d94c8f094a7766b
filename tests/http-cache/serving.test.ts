import { describe, expect, it } from 'vitest';
import { always, setUp, URL_A, versioned } from './setup.js';

const control = (text: string) => ({ 'cache-control': text });
const asking = (text: string): RequestInit => ({ headers: control(text) });

/** How a request is answered, so many seconds after the response was stored. */
async function answered(response: string, seconds: number, init: RequestInit): Promise<string> {
  const { get, clock } = setUp(always({ ...control(response), etag: '"1"' }));
  await get();
  await clock.advance(seconds * 1000);
  return (await get(init)).said.split(';')[0]!;
}

describe('what requests ask for (RFC 9111, 5.2.1)', () => {
  it.each<[string, string, number, RequestInit, string]>([
    ['nothing, of what is fresh', 'max-age=60', 59, {}, 'hit'],
    ['nothing, of what is stale', 'max-age=60', 60, {}, 'fwd=stale'],
    ['max-age that it has', 'max-age=60', 10, asking('max-age=10'), 'hit'],
    ['max-age that it has not', 'max-age=60', 11, asking('max-age=10'), 'fwd=request'],
    ['max-age that is no number', 'max-age=60', 11, asking('max-age=x'), 'fwd=request'],
    ['min-fresh that it has', 'max-age=60', 50, asking('min-fresh=10'), 'hit'],
    ['min-fresh that it has not', 'max-age=60', 51, asking('min-fresh=10'), 'fwd=request'],
    ['max-stale of anything', 'max-age=60', 6000, asking('max-stale'), 'hit'],
    ['max-stale that it has', 'max-age=60', 70, asking('max-stale=10'), 'hit'],
    ['max-stale that it has not', 'max-age=60', 71, asking('max-stale=10'), 'fwd=stale'],
    ['max-stale that is no number', 'max-age=60', 61, asking('max-stale=x'), 'fwd=stale'],
    ['max-stale, which must-revalidate forbids', 'max-age=60, must-revalidate', 61, asking('max-stale'), 'fwd=stale'],
    ['max-stale, which proxy-revalidate does not', 'max-age=60, proxy-revalidate', 61, asking('max-stale'), 'hit'],
    ['max-stale, with a max-age that it has', 'max-age=60', 70, asking('max-age=80, max-stale'), 'hit'],
    ['max-stale, with a max-age that it has not', 'max-age=60', 81, asking('max-age=80, max-stale'), 'fwd=stale'],
    [
      'max-stale with min-fresh, which what is stale never has',
      'max-age=60',
      61,
      asking('max-stale, min-fresh=0'),
      'fwd=stale',
    ],
    ['no-cache', 'max-age=60', 1, asking('no-cache'), 'fwd=request'],
    ['Pragma: no-cache', 'max-age=60', 1, { headers: { pragma: 'no-cache' } }, 'fwd=request'],
    [
      'Pragma beside Cache-Control, where it does not count',
      'max-age=60',
      1,
      { headers: { pragma: 'no-cache', 'cache-control': 'x' } },
      'hit',
    ],
    ['nothing, of what is no-cache', 'max-age=60, no-cache', 1, {}, 'fwd=stale'],
    ['nothing, of what is no-cache for some field', 'max-age=60, no-cache="x"', 1, {}, 'fwd=stale'],
    ['max-stale, of what is no-cache', 'max-age=60, no-cache', 1, asking('max-stale'), 'fwd=stale'],
    ['nothing, of what must-revalidate and is fresh', 'max-age=60, must-revalidate', 59, {}, 'hit'],
    ['only-if-cached, of what is fresh', 'max-age=60', 1, asking('only-if-cached'), 'hit'],
    ['only-if-cached with no-store, of what is fresh', 'max-age=60', 1, asking('only-if-cached, no-store'), 'hit'],
    ['max-age=0, of what is immutable (RFC 8246)', 'max-age=60, immutable', 59, asking('max-age=0'), 'hit'],
    ['max-age=0, of what was immutable', 'max-age=60, immutable', 60, asking('max-age=0'), 'fwd=stale'],
    [
      'max-age=0 with max-stale, of what was immutable',
      'max-age=60, immutable',
      60,
      asking('max-age=0, max-stale'),
      'fwd=stale',
    ],
    ['no-cache, of what is immutable', 'max-age=60, immutable', 1, asking('no-cache'), 'fwd=request'],
  ])('%s', async (_, response, seconds, init, said) => {
    expect(await answered(response, seconds, init)).toBe(said);
  });

  it('only-if-cached: nothing in the background either', async () => {
    const { get, calls, clock } = setUp(always(control('max-age=60, stale-while-revalidate=60')));
    await get();
    await clock.advance(60_000);
    expect((await get(asking('only-if-cached'))).status).toBe(504);
    expect(calls).toHaveLength(1);
  });

  it('only-if-cached: a 504 where nothing stored will do (5.2.1.7)', async () => {
    const { get, calls, clock } = setUp(always(control('max-age=60')));
    const nothing = await get(asking('only-if-cached'));
    expect([nothing.status, nothing.text, nothing.response.url]).toEqual([504, '', URL_A]);
    expect(nothing.said).toBe('detail=only-if-cached');
    await get();
    await clock.advance(60_000);
    expect((await get(asking('only-if-cached'))).status).toBe(504);
    expect((await get(asking('only-if-cached, max-stale'))).status).toBe(200);
    expect((await get({ headers: { ...control('only-if-cached'), range: 'bytes=0-1' } })).status).toBe(504);
    expect(calls).toHaveLength(1);
  });
});

describe('init.cache, as fetch has it', () => {
  it.each<[RequestCache, string, number, string]>([
    ['default', 'max-age=60', 1, 'hit'],
    ['reload', 'max-age=60', 1, 'fwd=request'],
    ['no-cache', 'max-age=60', 1, 'fwd=request'],
    ['no-cache', 'max-age=60, immutable', 1, 'fwd=request'],
    ['force-cache', 'max-age=60', 600, 'hit'],
    ['force-cache', 'max-age=60, must-revalidate', 600, 'hit'],
    ['force-cache', 'no-cache', 600, 'hit'],
    ['only-if-cached', 'max-age=60', 600, 'hit'],
  ])('%s, of %s after %i s: %s', async (cache, response, seconds, said) => {
    expect(await answered(response, seconds, { cache })).toBe(said);
  });

  it('no-store: neither looked up nor kept', async () => {
    const { get, calls, fetch } = setUp(always(control('max-age=60')));
    await get({ cache: 'no-store' });
    await get();
    expect((await get({ cache: 'no-store' })).text).toBe('body 3');
    expect((await get()).text).toBe('body 2');
    expect(calls).toHaveLength(3);
    expect(fetch.cache.stats.bypassed).toBe(2);
  });

  it('reload: asked for unconditionally, and kept', async () => {
    const { get, calls } = setUp(versioned(control('max-age=60')).script);
    await get();
    expect((await get({ cache: 'reload' })).text).toBe('version 1');
    expect(calls[1]!.headers.has('if-none-match')).toBe(false);
    expect((await get()).said).toBe('hit; ttl=60');
  });

  it('no-cache: confirmed, and kept', async () => {
    const { get, calls, clock } = setUp(versioned(control('max-age=60')).script);
    await get();
    await clock.advance(30_000);
    expect((await get({ cache: 'no-cache' })).said).toBe('fwd=request; fwd-status=304; ttl=60; stored');
    expect(calls[1]!.headers.get('if-none-match')).toBe('"v1"');
  });

  it('only-if-cached: fails where nothing is stored', async () => {
    const { fetch, calls } = setUp(always(control('max-age=60')));
    await expect(fetch(URL_A, { cache: 'only-if-cached', mode: 'same-origin' })).rejects.toThrow(TypeError);
    expect(calls).toHaveLength(0);
  });

  it('is read from a Request too, and init goes before it', async () => {
    const { get, fetch, calls } = setUp(always(control('max-age=60')));
    await get();
    await fetch(new Request(URL_A, { cache: 'no-cache' }));
    await fetch(new Request(URL_A, { cache: 'no-cache' }), { cache: 'default' });
    expect(calls).toHaveLength(2);
  });
});

describe('Vary (RFC 9111, 4.1)', () => {
  const script = always({ ...control('max-age=60'), vary: 'Accept-Language, X' });

  it('keeps a response for each value, and answers by the one that fits', async () => {
    const { get, calls } = setUp(script);
    const [en, de] = [{ headers: { 'accept-language': 'en' } }, { headers: { 'accept-language': 'de' } }];
    expect((await get(en)).text).toBe('body 1');
    expect((await get(de)).said).toMatch(/^fwd=vary-miss/);
    expect([(await get(en)).text, (await get(de)).text]).toEqual(['body 1', 'body 2']);
    await get();
    await get({ headers: { 'accept-language': 'de', x: '' } });
    expect(calls).toHaveLength(4);
  });

  it('takes lists for the same however they are spaced, and other values as they are', async () => {
    const { get, calls } = setUp(script);
    await get({ headers: { 'accept-language': 'en , de', x: 'a,b' } });
    await get({ headers: { 'accept-language': 'en,de', x: 'a,b' } });
    expect(calls).toHaveLength(1);
    await get({ headers: { 'accept-language': 'en,de', x: 'a, b' } });
    await get({ headers: { 'accept-language': 'de,en', x: 'a,b' } });
    expect(calls).toHaveLength(3);
  });

  it('answers by the later response where both fit', async () => {
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

describe('users of one instance', () => {
  it.each(['authorization', 'cookie', 'x-api-key'])('are kept apart by their %s', async (name) => {
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
  });

  it('share what is public', async () => {
    const { get } = setUp(always(control('public, max-age=60')));
    await get({ headers: { authorization: 'ada' } });
    expect((await get({ headers: { authorization: 'bob' } })).text).toBe('body 1');
    expect((await get()).text).toBe('body 1');
  });

  it('do not share what is public and varies by them', async () => {
    const { get } = setUp(always({ ...control('public, max-age=60'), vary: 'authorization' }));
    await get({ headers: { authorization: 'ada' } });
    expect((await get({ headers: { authorization: 'bob' } })).text).toBe('body 2');
  });

  it('are told apart by what userHeaders says', async () => {
    const { get } = setUp(always(control('max-age=60')), { userHeaders: ['X-Tenant'] });
    await get({ headers: { 'x-tenant': '1' } });
    expect((await get({ headers: { 'x-tenant': '2' } })).text).toBe('body 2');
    expect((await get({ headers: { 'x-tenant': '1', cookie: 'new' } })).text).toBe('body 1');
  });

  it('do not wait for each other', async () => {
    const { fetch, calls } = setUp(always(control('max-age=60')));
    const users = ['ada', 'bob'].map((authorization) => fetch(URL_A, { headers: { authorization } }));
    const texts = await Promise.all(users.map(async (it) => (await it).text()));
    expect(texts).toEqual(['body 1', 'body 2']);
    expect(calls).toHaveLength(2);
  });
});
