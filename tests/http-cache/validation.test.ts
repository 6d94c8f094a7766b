import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { dateAt, ok, setUp, versioned } from './setup.js';

const control = (text: string) => ({ 'cache-control': text });
const notModified = (headers: Record<string, string> = {}) => new Response(null, { status: 304, headers });

describe('validation (RFC 9111, 4.3)', () => {
  it('A validation sends the stored ETag and Last-Modified beside the headers of the request (4.3.1)', async () => {
    const { get, calls, clock } = setUp(() =>
      ok({ ...control('max-age=1'), etag: 'W/"1"', 'last-modified': dateAt(-5000) }),
    );
    await get();
    await clock.advance(1000);
    await get({ headers: { accept: 'text/plain' } });
    expect(Object.fromEntries(calls[1]!.headers)).toMatchObject({
      'if-none-match': 'W/"1"',
      'if-modified-since': dateAt(-5000),
      accept: 'text/plain',
    });
  });

  it('A 304 keeps the stored body and restarts its lifetime (4.3.4)', async () => {
    const { get, fetch, clock, calls } = setUp(versioned(control('max-age=10')).script);
    await get();
    await clock.advance(15_000);
    const confirmed = await get();
    expect([confirmed.status, confirmed.text, confirmed.age]).toEqual([200, 'version 1', '0']);
    expect(confirmed.cacheStatus).toBe('fwd=stale; fwd-status=304; ttl=10; stored');
    await clock.advance(9000);
    expect(await get()).toMatchObject({ text: 'version 1', age: '9', cacheStatus: 'hit; ttl=1' });
    expect(calls).toHaveLength(2);
    expect(fetch.cache.stats).toMatchObject({ forwards: 2, validations: 1, hits: 1, stored: 2 });
  });

  it('The headers of a 304 replace stored headers except those of the body (3.2)', async () => {
    const { get, clock } = setUp(({ number }) =>
      number === 1
        ? ok({
            ...control('max-age=1'),
            etag: '"1"',
            'x-a': 'old',
            'x-b': 'old',
            'content-type': 'text/a',
            'content-length': '4',
          })
        : notModified({
            ...control('max-age=5'),
            etag: '"1"',
            'x-a': 'new',
            'content-length': '0',
            'content-encoding': 'gzip',
          }),
    );
    await get();
    await clock.advance(1000);
    await get();
    const { response, cacheStatus } = await get();
    expect(cacheStatus).toBe('hit; ttl=5');
    const { date, age, ...headers } = Object.fromEntries(response.headers);
    expect(date).toBe(dateAt(1000));
    expect(headers).toEqual({
      ...control('max-age=5'),
      'cache-status': 'breakwater; hit; ttl=5',
      'content-length': '4',
      'content-type': 'text/a',
      etag: '"1"',
      'x-a': 'new',
      'x-b': 'old',
    });
  });

  it('The age after a validation is computed from the 304', async () => {
    const { get, clock } = setUp(({ number }) =>
      number === 1
        ? ok({ ...control('max-age=60'), etag: '"1"', age: '50', date: dateAt(-50_000) })
        : notModified({ age: '3' }),
    );
    await get();
    await clock.advance(20_000);
    expect(await get()).toMatchObject({ age: '3', cacheStatus: 'fwd=stale; fwd-status=304; ttl=57; stored' });
  });

  it('A new response replaces the stored one (4.3.3)', async () => {
    const { state, script } = versioned(control('max-age=1'));
    const { get, clock } = setUp(script);
    await get();
    await clock.advance(1000);
    state.version = 2;
    expect(await get()).toMatchObject({ text: 'version 2', cacheStatus: 'fwd=stale; fwd-status=200; ttl=1; stored' });
    expect(await get()).toMatchObject({ text: 'version 2', cacheStatus: 'hit; ttl=1' });
  });

  it.each<[string, Record<string, string>]>([
    ['another ETag', { etag: '"2"' }],
    ['another Last-Modified', { 'last-modified': dateAt(-1000) }],
  ])('A 304 with %s leads to an unconditional request', async (_, headers) => {
    const { get, clock, calls } = setUp(({ number }) =>
      number === 2
        ? notModified(headers)
        : ok({ ...control('max-age=1'), etag: '"1"', 'last-modified': dateAt(-5000) }, `body ${number}`),
    );
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('body 3');
    expect(calls[2]!.headers.has('if-none-match')).toBe(false);
  });

  it.each<[string, Record<string, string>]>([
    ['the same ETag, weak or not (RFC 9110, 8.8.3.2)', { etag: 'W/"1"' }],
    ['the same Last-Modified', { 'last-modified': dateAt(-5000) }],
    ['no validator, since only one response was validated', {}],
  ])('A 304 with %s confirms the stored response', async (_, headers) => {
    const { get, clock } = setUp(({ number }) =>
      number === 2
        ? notModified(headers)
        : ok({ ...control('max-age=1'), etag: '"1"', 'last-modified': dateAt(-5000) }, `body ${number}`),
    );
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('body 1');
  });

  it('A 304 with no-store removes the stored response', async () => {
    const { get, clock, calls } = setUp(({ number }) =>
      number === 2 ? notModified(control('no-store')) : ok({ ...control('max-age=1'), etag: '"1"' }, `body ${number}`),
    );
    await get();
    await clock.advance(1000);
    expect((await get()).text).toBe('body 1');
    expect((await get()).text).toBe('body 3');
    expect(calls[2]!.headers.has('if-none-match')).toBe(false);
  });

  it('A new response with no-store removes the stored response', async () => {
    const { get, clock } = setUp(({ number }) =>
      ok({ ...control(number === 2 ? 'no-store' : 'max-age=1') }, `body ${number}`),
    );
    await get();
    await clock.advance(1000);
    await get();
    expect((await get({ cache: 'force-cache' })).text).toBe('body 3');
  });

  it.each(['if-none-match', 'if-modified-since', 'if-match', 'if-unmodified-since', 'if-range', 'range'])(
    'A request with %s bypasses the cache, and its response reaches the caller unchanged (4.3.2)',
    async (name) => {
      const { get, calls, fetch } = setUp(({ headers }) =>
        headers.has(name) ? notModified({ etag: '"1"' }) : ok({ ...control('max-age=60'), etag: '"1"' }, 'whole'),
      );
      await get();
      const { status, cacheStatus } = await get({ headers: { [name]: '"1"' } });
      expect([status, cacheStatus]).toEqual([304, '']);
      expect((await get()).text).toBe('whole');
      expect([calls.length, fetch.cache.stats.bypassed]).toEqual([2, 1]);
    },
  );
});

describe('failures of the origin', () => {
  const setUpStale = async (headers: string, fails: number | 'network' = 503, after = 20) => {
    const { state, script } = versioned(control(headers));
    const made = setUp(script);
    await made.get();
    await made.clock.advance(after * 1000);
    state.fails = fails;
    return { ...made, state };
  };

  it.each([500, 502, 503, 504])(
    'A stale response replaces a %i within stale-if-error (RFC 5861, 4)',
    async (status) => {
      const { get, fetch } = await setUpStale('max-age=10, stale-if-error=10', status);
      const { text, cacheStatus } = await get();
      expect(text).toBe('version 1');
      expect(cacheStatus).toBe(`fwd=stale; fwd-status=${status}; ttl=-10; detail=stale-if-error`);
      expect(fetch.cache.stats.staleHits).toBe(1);
    },
  );

  it('A stale response replaces a network error within stale-if-error', async () => {
    const { get } = await setUpStale('max-age=10, stale-if-error=10', 'network');
    expect(await get()).toMatchObject({ text: 'version 1', cacheStatus: 'fwd=stale; ttl=-10; detail=stale-if-error' });
  });

  it.each<[string, string, RequestInit, number?]>([
    ['no directive allows it', 'max-age=10', {}],
    ['stale-if-error has elapsed', 'max-age=10, stale-if-error=9', {}],
    ['the response has must-revalidate', 'max-age=10, stale-if-error=60, must-revalidate', {}],
    ['the response has no-cache', 'max-age=10, stale-if-error=60, no-cache', {}],
    ['the request has cache no-cache', 'max-age=10, stale-if-error=60', { cache: 'no-cache' }],
    ['the status is a 501', 'max-age=10, stale-if-error=60', {}, 501],
    ['the status is a 404', 'max-age=10, stale-if-error=60', {}, 404],
  ])('A stale response does not replace an error when %s', async (_, headers, init, status = 503) => {
    const { get } = await setUpStale(headers, status);
    expect(await get(init)).toMatchObject({ status, text: 'error' });
  });

  it('A must-revalidate response does not replace an error at the exact end of its lifetime', async () => {
    const { get } = await setUpStale('max-age=10, stale-if-error=60, must-revalidate', 503, 10);
    expect((await get()).status).toBe(503);
  });

  it('A fresh response replaces an error for a request with max-age only if stale-if-error allows it', async () => {
    const { get } = await setUpStale('max-age=60', 503, 10);
    expect((await get({ headers: control('max-age=5') })).status).toBe(503);
    expect((await get({ headers: control('max-age=5, stale-if-error=0') })).text).toBe('version 1');
  });

  it('A network error rejects the call if no stale response may replace it', async () => {
    const { fetch, get } = await setUpStale('max-age=10', 'network');
    await expect(get()).rejects.toThrow('fetch failed');
    expect(fetch.cache.stats.staleHits).toBe(0);
  });

  it('A stale response replaces an error if the request has stale-if-error', async () => {
    const { get } = await setUpStale('max-age=10');
    expect((await get({ headers: control('stale-if-error=10') })).text).toBe('version 1');
    expect((await get({ headers: control('stale-if-error=9') })).status).toBe(503);
  });

  it('A failure of the origin does not remove the stored response', async () => {
    const { get, state } = await setUpStale('max-age=10');
    expect((await get()).status).toBe(503);
    state.fails = undefined;
    expect((await get()).cacheStatus).toMatch(/^fwd=stale; fwd-status=304/);
  });

  it('A response invalidated during the request does not replace an error', async () => {
    const { fetch, get, state } = await setUpStale('max-age=10, stale-if-error=10');
    const pendingCalls = get();
    fetch.cache.clear();
    expect((await pendingCalls).status).toBe(503);
    expect(state.fails).toBe(503);
  });
});

describe('stale-while-revalidate (RFC 5861, 3)', () => {
  const setUpStale = async (headers: string, after: number) => {
    const { state, script } = versioned(control(headers));
    const made = setUp(script);
    await made.get();
    await made.clock.advance(after * 1000);
    return { ...made, state };
  };

  it('A stale response is served at once while one background revalidation runs', async () => {
    const { get, calls, state, fetch } = await setUpStale('max-age=10, stale-while-revalidate=10', 19);
    state.version = 2;
    const answers = await Promise.all([get(), get(), get()]);
    expect(answers.map(({ text }) => text)).toEqual(['version 1', 'version 1', 'version 1']);
    expect(answers[0]!.cacheStatus).toBe('hit; ttl=-9; detail=stale-while-revalidate');
    await settle();
    expect(calls).toHaveLength(2);
    expect(await get()).toMatchObject({ text: 'version 2', cacheStatus: 'hit; ttl=10' });
    expect(fetch.cache.stats).toMatchObject({ hits: 1, staleHits: 3, forwards: 2 });
  });

  it('A stale response is not served at the end of the stale-while-revalidate window', async () => {
    const { get, state } = await setUpStale('max-age=10, stale-while-revalidate=10', 20);
    state.version = 2;
    expect((await get()).text).toBe('version 2');
  });

  it.each(['must-revalidate', 'no-cache'])('A stale response with %s is not served', async (forbids) => {
    const { get, state } = await setUpStale(`max-age=10, stale-while-revalidate=10, ${forbids}`, 15);
    state.version = 2;
    expect((await get()).text).toBe('version 2');
  });

  it.each(['max-age=60', 'min-fresh=1', 'no-cache'])(
    'A request with %s does not receive a stale response',
    async (wanted) => {
      const { get, state } = await setUpStale('max-age=10, stale-while-revalidate=10', 15);
      state.version = 2;
      expect((await get({ headers: control(wanted) })).text).toBe('version 2');
    },
  );

  it.each([503, 'network'] as const)(
    'The stored response remains when the background revalidation fails: %s',
    async (fails) => {
      const { get, state, calls } = await setUpStale('max-age=10, stale-while-revalidate=10', 15);
      state.fails = fails;
      for (let i = 2; i <= 3; i++) {
        expect((await get()).text).toBe('version 1');
        await settle();
        expect(calls).toHaveLength(i);
      }
    },
  );

  it('An error response of a background revalidation does not replace the stored response, even a fresh one', async () => {
    const headers = control('max-age=10, stale-while-revalidate=10');
    const { get, clock } = setUp(({ number }) => ok(headers, `body ${number}`, number === 2 ? 503 : 200));
    await get();
    await clock.advance(15_000);
    await get();
    await settle();
    expect((await get()).text).toBe('body 1');
  });

  it('A background revalidation continues when the caller that started it aborts', async () => {
    const { get, state } = await setUpStale('max-age=10, stale-while-revalidate=10', 15);
    state.version = 2;
    const controller = new AbortController();
    await get({ signal: controller.signal });
    controller.abort();
    await settle();
    expect((await get()).text).toBe('version 2');
  });
});
