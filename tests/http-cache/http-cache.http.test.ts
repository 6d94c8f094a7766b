/** The HTTP cache over real sockets: the platform's fetch, a node:http server. */
import { cachedFetch, circuitBreaker, pipeline, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import * as undici from 'undici';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { inOrder, type Script, testServer } from '../support/http-server.js';
import { microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const control = (text: string) => ({ 'cache-control': text });
const cacheStatus = (response: { headers: { get(name: string): string | null } }) =>
  response.headers.get('cache-status');

/** A page with a version. A request with the current ETag is answered by 304. */
function page(headers: Record<string, string>) {
  const state = { version: 1, body: 'x'.repeat(100_000) };
  const script: Script = ({ method, headers: requestHeaders }) => {
    if (method !== 'GET') {
      state.version++;
      return { status: 204 };
    }
    const etag = `"${state.version}"`;
    if (requestHeaders['if-none-match'] === etag) return { status: 304, headers: { ...headers, etag } };
    return { headers: { ...headers, etag }, body: `version ${state.version} ${state.body}` };
  };
  return { state, script };
}

describe('over HTTP', () => {
  it('A fresh response is a hit, and a stale one is validated by ETag without sending the body again', async () => {
    await using server = await testServer(page(control('max-age=60')).script);
    const clock = new TestClock();
    const fetch = cachedFetch(globalThis.fetch, { clock });
    const first = await (await fetch(server.origin)).text();
    expect(await (await fetch(server.origin)).text()).toBe(first);
    expect(server.requests).toHaveLength(1);
    await clock.advance(61_000);
    const confirmed = await fetch(server.origin);
    expect([confirmed.status, await confirmed.text()]).toEqual([200, first]);
    expect(cacheStatus(confirmed)).toMatch(/^breakwater; fwd=stale; fwd-status=304; ttl=(60|59); stored$/);
    expect(server.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"1"']);
  });

  it('1,000 readers of a stale response cause one request', async () => {
    const { script, state } = page(control('max-age=60'));
    await using server = await testServer(script);
    const clock = new TestClock();
    const fetch = cachedFetch(resilientFetch(), { clock });
    await (await fetch(server.origin)).text();
    await clock.advance(60_000);
    state.version = 2;
    const readers = Array.from({ length: 1000 }, async () => (await (await fetch(server.origin)).text()).slice(0, 9));
    expect(new Set(await Promise.all(readers))).toEqual(new Set(['version 2']));
    expect(server.requests).toHaveLength(2);
    expect(fetch.cache.stats).toMatchObject({ forwards: 2, collapsed: 999 });
  });

  it('Variants are stored separately by Vary', async () => {
    await using server = await testServer(({ headers }) => ({
      headers: { ...control('max-age=60'), vary: 'accept-language' },
      body: `in ${headers['accept-language']}`,
    }));
    const fetch = cachedFetch(globalThis.fetch);
    const ask = async (language: string) =>
      (await fetch(server.origin, { headers: { 'accept-language': language } })).text();
    expect([await ask('en'), await ask('de'), await ask('en')]).toEqual(['in en', 'in de', 'in en']);
    expect(server.requests).toHaveLength(2);
  });

  it('A PUT invalidates the stored response', async () => {
    await using server = await testServer(page(control('max-age=60')).script);
    const fetch = cachedFetch(globalThis.fetch);
    expect(await (await fetch(server.origin)).text()).toMatch(/^version 1/);
    expect((await fetch(server.origin, { method: 'PUT', body: 'new' })).status).toBe(204);
    expect(await (await fetch(server.origin)).text()).toMatch(/^version 2/);
  });

  it('A stale response is served while it is revalidated', async () => {
    const { script, state } = page(control('max-age=10, stale-while-revalidate=60'));
    await using server = await testServer(script);
    const clock = new TestClock();
    const fetch = cachedFetch(globalThis.fetch, { clock });
    await (await fetch(server.origin)).text();
    await clock.advance(10_000);
    state.version = 2;
    expect(await (await fetch(server.origin)).text()).toMatch(/^version 1/);
    await eventually(async () => expect(await (await fetch(server.origin)).text()).toMatch(/^version 2/));
    expect(server.requests).toHaveLength(2);
  });

  it('A stale response is served when the server is down and the inner circuit breaker opens', async () => {
    const server = await testServer(page(control('max-age=10, stale-if-error=3600')).script);
    const clock = new TestClock();
    const breaker = circuitBreaker({ consecutiveFailures: 2 });
    const fetch = cachedFetch(resilientFetch({ policy: pipeline(breaker) }), { clock });
    const { origin } = server;
    await (await fetch(origin)).text();
    await server.close();
    await clock.advance(10_000);
    for (let i = 0; i < 5; i++) {
      const response = await fetch(origin);
      expect(await response.text()).toMatch(/^version 1/);
      expect(cacheStatus(response)).toMatch(/detail=stale-if-error$/);
    }
    expect(breaker.state).toBe('open');
    await clock.advance(3_600_001);
    await expect(fetch(origin)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  });

  it('A stale response is served instead of a 503', async () => {
    await using server = await testServer(
      inOrder(
        { headers: control('max-age=10, stale-if-error=60'), body: 'well' },
        { status: 503, body: 'x'.repeat(10) },
      ),
    );
    const clock = new TestClock();
    const fetch = cachedFetch(resilientFetch({ retry: false }), { clock });
    await (await fetch(server.origin)).text();
    await clock.advance(10_000);
    expect(await (await fetch(server.origin)).text()).toBe('well');
    expect(server.requests).toHaveLength(2);
  });

  it.each([307, 308, 303, 302])(
    'A write that was redirected by a %i invalidates the URL that it ran on',
    async (status) => {
      let version = 1;
      await using server = await testServer(({ method, path }) => {
        if (path === '/a') return { status, headers: { location: '/y' } };
        if (method === 'POST') version++;
        return { headers: control('max-age=60'), body: `version ${version}` };
      });
      const fetch = cachedFetch(globalThis.fetch);
      const read = async () => (await fetch(`${server.origin}/y`)).text();
      expect(await read()).toBe('version 1');
      const written = await fetch(`${server.origin}/a`, { method: 'POST', body: 'x' });
      expect(new URL(written.url).pathname).toBe('/y');
      await written.text();
      const isRepeated = status === 307 || status === 308;
      expect(await read()).toBe(isRepeated ? 'version 2' : 'version 1');
      expect(server.requests.filter(({ method, path }) => method === 'GET' && path === '/y')).toHaveLength(
        isRepeated ? 2 : 3,
      );
    },
  );

  it('A failure by redirect: error of one caller does not reach other callers', async () => {
    await using server = await testServer(({ path }) =>
      path === '/a' ? { status: 302, headers: { location: '/b' } } : { body: 'b' },
    );
    const fetch = cachedFetch(globalThis.fetch);
    const url = `${server.origin}/a`;
    const results = await Promise.allSettled([fetch(url, { redirect: 'error' }), fetch(url), fetch(url)]);
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  });

  it('Users with different dispatchers are separated', async () => {
    await using server = await testServer(({ headers }) => ({
      headers: control('private, max-age=60'),
      body: `for ${headers.cookie}`,
    }));
    const fetch = cachedFetch(undici.fetch);
    const session = (cookie: string) =>
      new undici.Agent().compose(
        (dispatch) => (options, handler) =>
          dispatch({ ...options, headers: { ...(options.headers as Record<string, string>), cookie } }, handler),
      );
    const users = [session('ada'), session('bob')];
    const read = async (dispatcher: undici.Dispatcher) => (await fetch(server.origin, { dispatcher })).text();
    expect(await Promise.all(users.map(read))).toEqual(['for ada', 'for bob']);
    expect(await Promise.all(users.map(read))).toEqual(['for ada', 'for bob']);
    expect(server.requests).toHaveLength(2);
    for (const user of users) await user.close();
  });

  it('A body that breaks off is not stored, and the next complete one is', async () => {
    await using server = await testServer(({ index, response }) => {
      if (index > 0) return { headers: control('max-age=60'), body: 'whole' };
      response.writeHead(200, { ...control('max-age=60'), 'content-length': '5' });
      response.write('who', () => response.destroy());
      return undefined;
    });
    const fetch = cachedFetch(globalThis.fetch);
    await expect((await fetch(server.origin)).text()).rejects.toThrow();
    expect(await (await fetch(server.origin)).text()).toBe('whole');
    expect(cacheStatus(await fetch(server.origin))).toMatch(/hit/);
  });

  it('The request is closed when its last reader aborts, and not before', async () => {
    await using server = await testServer(({ index }) => (index === 0 ? undefined : { body: 'late' }));
    const fetch = cachedFetch(globalThis.fetch);
    const [one, two] = [new AbortController(), new AbortController()];
    const pendingCalls = [one, two].map(({ signal }) => watch(fetch(server.origin, { signal })));
    await eventually(() => expect(server.requests).toHaveLength(1));
    one.abort();
    await pendingCalls[0]!.done;
    expect(server.sockets.open).toBe(1);
    two.abort();
    await pendingCalls[1]!.done;
    await server.requests[0]!.ended;
    await eventually(() => expect(server.sockets.open).toBe(0));
  });

  it.each([0, 1, 2, 3, 4, 6, 8])(
    'An abort %i microtasks after the response rejects the reader of a partial body',
    async (count) => {
      await using server = await testServer(({ response }) => {
        response.writeHead(200, control('max-age=60'));
        response.write('half');
        return undefined;
      });
      const controller = new AbortController();
      const fetch = cachedFetch(async (url: string, init?: RequestInit) => {
        const response = await globalThis.fetch(url, init);
        microtasks(count).then(() => controller.abort('left'));
        return response;
      });
      const text = fetch(server.origin, { signal: controller.signal }).then((response) => response.text());
      await expect(text).rejects.toBe('left');
      await server.requests[0]!.ended;
    },
  );

  it('Cancelling a body that is not stored closes the request', async () => {
    async function* endless() {
      for (;;) yield 'x'.repeat(1000);
    }
    await using server = await testServer(() => ({ body: endless() }));
    const controller = new AbortController();
    const response = await cachedFetch(globalThis.fetch)(server.origin, { signal: controller.signal });
    await response.body?.cancel();
    await server.requests[0]!.ended;
  });

  it('An unread body that is garbage collected closes the request and leaves no listener', async () => {
    async function* endless() {
      for (;;) yield 'x'.repeat(1000);
    }
    await using server = await testServer(() => ({ body: endless() }));
    const { controller, listeners } = countingController();
    const fetch = cachedFetch(globalThis.fetch);
    await (async () => expect((await fetch(server.origin, { signal: controller.signal })).status).toBe(200))();
    expect(listeners()).toBe(1);
    await eventually(async () => {
      collectGarbage();
      await settle();
      expect([listeners(), server.sockets.open]).toEqual([0, 0]);
    });
  });

  it('The fetch of undici may be the inner fetch, and responses are instances of its class', async () => {
    await using server = await testServer(page(control('public, max-age=60')).script);
    const clock = new TestClock();
    const fetch = cachedFetch(undici.fetch, { clock });
    for (const expected of [/fwd=uri-miss/, /hit/]) {
      const response = await fetch(new undici.Request(server.origin));
      expect(response).toBeInstanceOf(undici.Response);
      expect(await response.text()).toMatch(/^version 1/);
      expect(cacheStatus(response)).toMatch(expected);
    }
    await clock.advance(60_000);
    const confirmed = await fetch(server.origin, { headers: new undici.Headers({ x: '1' }) });
    expect([confirmed.status, cacheStatus(confirmed)]).toEqual([200, expect.stringContaining('fwd-status=304')]);
    expect(server.requests[1]!.headers.x).toBe('1');
  });

  it('Redirects are followed as by fetch, and redirected responses are not stored', async () => {
    await using server = await testServer(({ path }) =>
      path === '/old'
        ? { status: 301, headers: { location: '/new', ...control('max-age=60') } }
        : { headers: control('max-age=60'), body: 'new' },
    );
    const fetch = cachedFetch(globalThis.fetch);
    for (let i = 0; i < 2; i++) {
      const response = await fetch(`${server.origin}/old`);
      expect([response.redirected, response.url, await response.text()]).toEqual([true, `${server.origin}/new`, 'new']);
    }
    expect(server.requests).toHaveLength(4);
  });
});
