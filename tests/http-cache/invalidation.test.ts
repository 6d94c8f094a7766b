import { InvalidOptionError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { type OriginCall, ok, type Reply, setUp, URL_A } from './setup.js';

const FRESH = { 'cache-control': 'max-age=60' };
const PUBLIC = { 'cache-control': 'public, max-age=60' };
const B = 'https://example.com/b';

/** An origin whose safe methods return a fresh response, and whose other methods return `reply`. */
const replyToWrites =
  (reply: () => Reply) =>
  ({ method, number }: OriginCall): Reply =>
    ['GET', 'HEAD', 'OPTIONS'].includes(method) ? ok(FRESH, method === 'HEAD' ? '' : `body ${number}`) : reply();

async function isInvalidated(method: string, reply: () => Reply, url = URL_A): Promise<boolean> {
  const { get, fetch } = setUp(replyToWrites(reply));
  await get({}, url);
  await fetch(URL_A, { method }).catch(() => {});
  return (await get({}, url)).cacheStatus !== 'hit; ttl=60';
}

describe('invalidation by unsafe methods (RFC 9111, 4.4)', () => {
  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL', 'post'])(
    'The method %s invalidates the response stored for its URL',
    async (method) => {
      expect(await isInvalidated(method, () => ok({}))).toBe(true);
    },
  );

  it.each(['HEAD', 'OPTIONS'])('The method %s does not invalidate', async (method) => {
    expect(await isInvalidated(method, () => ok({}))).toBe(false);
  });

  it.each<[number, boolean]>([
    [201, true],
    [303, true],
    [400, false],
    [404, false],
    [409, false],
    [412, false],
    [429, false],
    [500, true],
    [501, true],
    [502, true],
    [504, true],
  ])('A PUT with the status %i invalidates: %s', async (status, expected) => {
    expect(await isInvalidated('PUT', () => ok({}, '', status))).toBe(expected);
  });

  it('A write of unknown outcome invalidates', async () => {
    expect(await isInvalidated('PUT', () => Promise.reject(new TypeError('fetch failed')))).toBe(true);
  });

  it.each<[string, Record<string, string>, boolean, string?]>([
    ['Location', { location: '/b' }, true],
    ['Content-Location', { 'content-location': B }, true],
    ['a Location at another origin', { location: 'https://example.com:444/b' }, false, 'https://example.com:444/b'],
    ['an invalid Location', { location: 'https://' }, false],
  ])('A write invalidates the URL in %s: %s', async (_, headers, expected, url = B) => {
    expect(await isInvalidated('POST', () => ok(headers, '', 201), url)).toBe(expected);
  });

  it.each<[string, string, boolean]>([
    ['of the same origin', B, true],
    ['of another origin', 'https://other.example/b', true],
  ])('A redirected write invalidates its final URL %s: %s', async (_, url, expected) => {
    const redirected = () => Object.defineProperty(ok({}), 'url', { value: `${url}#x` });
    expect(await isInvalidated('POST', redirected, url)).toBe(expected);
    expect(await isInvalidated('POST', redirected)).toBe(true);
  });

  it('The Location of a redirected write is resolved against the final URL', async () => {
    const other = 'https://other.example/c';
    const redirected = () =>
      Object.defineProperty(ok({ location: '/c' }, '', 201), 'url', { value: 'https://other.example/b' });
    expect(await isInvalidated('POST', redirected, other)).toBe(true);
    expect(await isInvalidated('POST', redirected, 'https://example.com/c')).toBe(false);
  });

  it('A rejected redirected write invalidates the URL that redirected it but not the final URL', async () => {
    const redirected = () => Object.defineProperty(ok({}, '', 403), 'url', { value: B });
    expect(await isInvalidated('POST', redirected, B)).toBe(false);
    expect(await isInvalidated('POST', redirected)).toBe(true);
  });

  it('A write invalidates the responses of all users', async () => {
    const { get, fetch } = setUp(replyToWrites(() => ok({})));
    const ada = { headers: { authorization: 'ada' } };
    await get(ada);
    await fetch(URL_A, { method: 'PUT', headers: { authorization: 'bob' } });
    expect((await get(ada)).text).toBe('body 3');
  });

  it('The response of a write is passed through unchanged', async () => {
    const answer = ok({ location: '/b' });
    const { fetch } = setUp(() => answer);
    expect(await fetch(URL_A, { method: 'POST', body: 'text' })).toBe(answer);
  });
});

describe('delete and clear', () => {
  it('delete and clear remove stored responses, and delete returns whether one was stored', async () => {
    const { get, fetch } = setUp(replyToWrites(() => ok({})));
    await get();
    expect([fetch.cache.delete(`${URL_A}#x`), fetch.cache.delete(new URL(URL_A))]).toEqual([true, false]);
    expect((await get()).text).toBe('body 2');
    fetch.cache.clear();
    expect((await get()).text).toBe('body 3');
    expect(() => fetch.cache.delete('no url')).toThrow(InvalidOptionError);
  });

  it('clear invalidates a store without a clear method', async () => {
    const entries = new Map();
    const store = {
      get: (key: string) => entries.get(key),
      set: (key: string, value: unknown) => entries.set(key, value),
      delete: (key: string) => entries.delete(key),
    };
    const { get, fetch } = setUp(
      replyToWrites(() => ok({})),
      { store },
    );
    await get();
    fetch.cache.clear();
    expect(fetch.cache.delete(URL_A)).toBe(false);
    expect((await get()).text).toBe('body 2');
    expect((await get()).text).toBe('body 2');
  });
});

describe('requests in flight when their URL is invalidated', () => {
  const slow = () => {
    const replies: ReturnType<typeof defer<Response>>[] = [];
    const made = setUp(({ method }) => {
      if (method !== 'GET') return ok({});
      replies.push(defer<Response>());
      return replies.at(-1)!.promise;
    });
    return { ...made, replies };
  };

  it.each<[string, (fetch: ReturnType<typeof slow>['fetch']) => unknown]>([
    ['a write', (fetch) => fetch(URL_A, { method: 'PUT' })],
    ['delete', (fetch) => fetch.cache.delete(URL_A)],
    ['clear', (fetch) => fetch.cache.clear()],
  ])('A response in flight is neither stored nor joined after %s', async (_, invalidate) => {
    const { get, fetch, replies } = slow();
    const before = get();
    await invalidate(fetch);
    const after = get();
    expect(replies).toHaveLength(2);
    replies[0]!.resolve(ok(FRESH, 'old'));
    expect((await before).text).toBe('old');
    replies[1]!.resolve(ok(FRESH, 'new'));
    expect((await after).text).toBe('new');
    expect((await get()).text).toBe('new');
  });

  it('A response whose body arrives after the invalidation is not stored', async () => {
    const { get, fetch, replies } = slow();
    const { readable, writable } = new TransformStream();
    const before = get();
    replies[0]!.resolve(new Response(readable, { headers: FRESH }));
    await settle();
    fetch.cache.delete(URL_A);
    await writable.close();
    await before;
    expect(watch(get()).state).toBe('pending');
    expect(replies).toHaveLength(2);
  });

  it('A response in flight for another URL is stored', async () => {
    const { get, fetch, replies } = slow();
    const pendingCalls = get({}, B);
    fetch.cache.delete(URL_A);
    replies[0]!.resolve(ok(FRESH, 'b'));
    await pendingCalls;
    expect((await get({}, B)).text).toBe('b');
  });

  it('A background revalidation is aborted by clear', async () => {
    const signals: (AbortSignal | undefined)[] = [];
    const { get, fetch, clock } = setUp(({ number, signal }) => {
      signals.push(signal);
      return number === 1 ? ok({ 'cache-control': 'max-age=1, stale-while-revalidate=60' }) : new Promise(() => {});
    });
    await get();
    await clock.advance(1000);
    await get();
    expect(signals[1]?.aborted).toBe(false);
    fetch.cache.clear();
    expect(signals[1]?.aborted).toBe(true);
  });

  it('An earlier request does not replace the response of a later request that settled first', async () => {
    const { get, replies } = slow();
    const earlier = get();
    const later = get({ cache: 'reload' });
    replies[1]!.resolve(ok(FRESH, 'later'));
    await later;
    replies[0]!.resolve(ok(FRESH, 'earlier'));
    expect((await earlier).text).toBe('earlier');
    expect((await get()).text).toBe('later');
  });

  it('A later request replaces the response of an earlier one', async () => {
    const { get, replies } = slow();
    const earlier = get();
    const later = get({ cache: 'reload' });
    replies[0]!.resolve(ok(FRESH, 'earlier'));
    await earlier;
    replies[1]!.resolve(ok(FRESH, 'later'));
    await later;
    expect((await get()).text).toBe('later');
  });

  it.each<[string, (fetch: ReturnType<typeof slow>['fetch']) => unknown]>([
    ['a write', (fetch) => fetch(URL_A, { method: 'PUT' })],
    ['delete', (fetch) => fetch.cache.delete(URL_A)],
  ])('A 304 for an aborted request is ignored after %s', async (_, invalidate) => {
    const { get, fetch, replies, clock } = slow();
    const first = get();
    replies[0]!.resolve(ok({ 'cache-control': 'max-age=1', etag: '"1"' }, 'old'));
    await first;
    await clock.advance(1000);
    const controller = new AbortController();
    const left = watch(get({ signal: controller.signal }));
    controller.abort();
    await left.done;
    await invalidate(fetch);
    replies[1]!.resolve(new Response(null, { status: 304, headers: { etag: '"1"', ...FRESH } }));
    await settle();
    const next = get();
    await settle();
    replies[2]?.resolve(ok(FRESH, 'new'));
    expect((await next).text).toBe('new');
    expect(fetch.cache.stats).toMatchObject({ validations: 0, stored: 2 });
  });
});

describe('two requests for one URL', () => {
  const slow = (options = {}) => {
    const replies: ReturnType<typeof defer<Response>>[] = [];
    const made = setUp(() => {
      replies.push(defer<Response>());
      return replies.at(-1)!.promise;
    }, options);
    return { ...made, replies };
  };
  const TOO_LONG = 'longer than what is kept';

  it.each<[string, Response]>([
    ['too long', ok(FRESH, TOO_LONG)],
    ['declared as too long', ok({ ...FRESH, 'content-length': String(TOO_LONG.length) }, TOO_LONG)],
    ['not to be stored', ok({ 'cache-control': 'no-store' }, TOO_LONG)],
  ])('The response of a later request removes the stored one even if it is %s', async (_, reply) => {
    const { get, replies } = slow({ maxEntryBytes: 10 });
    const first = get();
    replies[0]!.resolve(ok(FRESH, 'old'));
    await first;
    const reload = get({ cache: 'reload' });
    replies[1]!.resolve(reply);
    expect((await reload).text).toBe(TOO_LONG);
    const next = get();
    await settle();
    replies[2]?.resolve(ok(FRESH, 'new'));
    expect((await next).text).toBe('new');
  });

  it.each<[string, () => Response]>([
    ['breaks off', () => ok({ ...FRESH, 'content-length': '100' }, 'new')],
    ['is an error', () => ok({}, 'new', 503)],
  ])('The stored response remains when the response of a later request %s', async (_, reply) => {
    const { get, replies } = slow();
    const first = get();
    replies[0]!.resolve(ok(FRESH, 'old'));
    await first;
    const reload = get({ cache: 'reload' });
    replies[1]!.resolve(reply());
    expect((await reload).text).toBe('new');
    expect((await get()).text).toBe('old');
  });

  it('A later response that is not storable prevents the storing of an earlier one', async () => {
    const { get, replies } = slow();
    const [earlier, later] = [get(), get({ cache: 'reload' })];
    await settle();
    replies[1]!.resolve(ok({ 'cache-control': 'no-store' }, 'later'));
    await later;
    replies[0]!.resolve(ok(FRESH, 'earlier'));
    expect(await earlier).toMatchObject({ text: 'earlier', cacheStatus: 'fwd=uri-miss; fwd-status=200; ttl=60' });
    const next = get();
    await settle();
    replies[2]?.resolve(ok(FRESH, 'new'));
    expect((await next).text).toBe('new');
  });

  it('An earlier response that is not storable removes neither a later response nor that of another user', async () => {
    const { get, replies } = slow();
    const ada = { headers: { authorization: 'ada' } };
    const [ofAda, earlier, later] = [get(ada), get(), get({ cache: 'reload' })];
    await settle();
    replies[1]!.resolve(ok({ 'cache-control': 'no-store' }, 'earlier'));
    await earlier;
    replies[2]!.resolve(ok(FRESH, 'later'));
    await later;
    replies[0]!.resolve(ok(FRESH, 'of Ada'));
    await ofAda;
    expect([(await get()).text, (await get(ada)).text]).toEqual(['later', 'of Ada']);
    expect(replies).toHaveLength(3);
  });

  it('The later response is selected first even if it varies by a header and the earlier one does not', async () => {
    const { get, replies } = slow();
    const inB = { headers: { 'x-lang': 'b' } };
    const [older, newer] = [get({ headers: { 'x-lang': 'a' } }), get({ ...inB, cache: 'reload' })];
    await settle();
    replies[1]!.resolve(ok({ ...PUBLIC, vary: 'x-lang' }, 'newer, for b'));
    await newer;
    replies[0]!.resolve(ok(PUBLIC, 'older, for all'));
    await older;
    expect((await get(inB)).text).toBe('newer, for b');
    expect((await get({ headers: { 'x-lang': 'c' } })).text).toBe('older, for all');
  });
});
