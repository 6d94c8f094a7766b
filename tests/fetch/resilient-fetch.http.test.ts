import { AsyncLocalStorage } from 'node:async_hooks';
import { isNetworkError, RetryBudget, resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { Request as UndiciRequest, Response as UndiciResponse, fetch as undiciFetch } from 'undici';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { inOrder, type Reply, type TestRequest, testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

/** Retries without a delay. */
const retry = { backoff: () => 0 };
const UNAVAILABLE: Reply = { status: 503, body: 'unavailable' };

/** Fails for the first request, then returns 200, and records the requests. */
async function failsOnce() {
  const received: { method: string; body: string; headers: TestRequest['headers'] }[] = [];
  const server = await testServer(async (request) => {
    const { method, headers, index } = request;
    received.push({ method, headers, body: await request.text() });
    return index === 0 ? UNAVAILABLE : { body: 'well' };
  });
  return { origin: server.origin, received, [Symbol.asyncDispose]: () => server.close() };
}

function streamOf(text: string): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

describe('Requests that are sent', () => {
  it('a Request without a body is sent in each attempt', async () => {
    await using server = await failsOnce();
    const request = new Request(server.origin, { method: 'DELETE', headers: { 'x-who': 'me' } });
    const response = await resilientFetch({ retry })(request);
    expect(await response.text()).toBe('well');
    expect(server.received).toHaveLength(2);
    for (const { method, headers } of server.received) expect([method, headers['x-who']]).toEqual(['DELETE', 'me']);
  });

  it('a Request with a body is sent in each attempt, with the length of its body', async () => {
    await using server = await failsOnce();
    const request = new Request(server.origin, { method: 'PUT', body: 'twice', headers: { 'content-type': 'a/b' } });
    const response = await resilientFetch({ retry })(request);
    expect([response.status, await response.text(), request.bodyUsed]).toEqual([200, 'well', true]);
    const sent = { method: 'PUT', body: 'twice', headers: { 'content-length': '5', 'content-type': 'a/b' } };
    expect(server.received).toMatchObject([sent, sent]);
  });

  it('a Request whose body is replaced by the second argument is sent in each attempt', async () => {
    await using server = await failsOnce();
    const request = new Request(server.origin, { method: 'PUT', body: 'old' });
    const response = await resilientFetch({ retry })(request, { body: 'new' });
    expect(await response.text()).toBe('well');
    expect(server.received.map(({ body }) => body)).toEqual(['new', 'new']);
  });

  it('a stream is sent once', async () => {
    await using server = await failsOnce();
    const init = { method: 'PUT', body: streamOf('a stream'), duplex: 'half' } as RequestInit;
    const response = await resilientFetch({ retry })(server.origin, init);
    expect(response.status).toBe(503);
    expect(server.received).toMatchObject([{ body: 'a stream' }]);
  });

  it.each<[string, () => BodyInit, string]>([
    ['text', () => 'payload', 'payload'],
    ['bytes', () => new TextEncoder().encode('payload'), 'payload'],
    ['an ArrayBuffer', () => new TextEncoder().encode('payload').buffer as ArrayBuffer, 'payload'],
    ['a Blob', () => new Blob(['payload']), 'payload'],
    ['URLSearchParams', () => new URLSearchParams({ a: 'b c' }), 'a=b+c'],
  ])('a body given as %s is sent in each attempt', async (_what, body, expected) => {
    await using server = await failsOnce();
    const response = await resilientFetch({ retry })(server.origin, { method: 'PUT', body: body() });
    expect(await response.text()).toBe('well');
    expect(server.received.map((request) => request.body)).toEqual([expected, expected]);
  });

  it('FormData is sent in each attempt', async () => {
    await using server = await failsOnce();
    const body = new FormData();
    body.set('file', new Blob(['payload']), 'name.txt');
    await resilientFetch({ retry })(server.origin, { method: 'PUT', body });
    expect(server.received).toHaveLength(2);
    for (const request of server.received) expect(request.body).toContain('payload');
  });

  it('a Request as the second argument replaces the method, the headers and the body', async () => {
    await using server = await failsOnce();
    const init = new Request('http://elsewhere.test/', { method: 'POST', body: 'hi', headers: { 'x-who': 'me' } });
    await resilientFetch({ retry })(server.origin, init);
    expect(server.received).toMatchObject([{ method: 'POST', body: 'hi', headers: { 'x-who': 'me' } }]);
  });

  it('a call whose signal is already aborted sends no request', async () => {
    await using server = await failsOnce();
    const reason = new Error('too late');
    const signal = AbortSignal.abort(reason);
    await expect(resilientFetch()(server.origin, { signal })).rejects.toBe(reason);
    await expect(resilientFetch()(new Request(server.origin, { signal }))).rejects.toBe(reason);
    await settle();
    expect(server.received).toHaveLength(0);
    const response = await resilientFetch({ retry })(new Request(server.origin, { signal }), { signal: null });
    expect(await response.text()).toBe('well'); // null removes the signal of the Request, as with fetch
  });
});

describe('Requests that are retried', () => {
  it.each([
    [500, 2],
    [502, 2],
    [503, 2],
    [504, 2],
    [429, 2],
    [408, 2],
    [501, 1],
    [404, 1],
    [204, 1],
  ])('a response of status %i leads to %i requests', async (status, requests) => {
    await using server = await testServer(inOrder({ status, headers: { 'x-first': 'yes' } }, { body: 'well' }));
    const response = await resilientFetch({ retry })(server.origin);
    expect(response.status).toBe(requests === 1 ? status : 200);
    expect(server.requests).toHaveLength(requests);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])('the method %s is retried', async (method) => {
    await using server = await failsOnce();
    expect((await resilientFetch({ retry })(server.origin, { method })).status).toBe(200);
    expect(server.received).toHaveLength(2);
  });

  it.each(['POST', 'PATCH', 'post'])('the method %s is not retried', async (method) => {
    await using server = await failsOnce();
    const response = await resilientFetch({ retry })(server.origin, { method, body: 'x' });
    expect([response.status, await response.text()]).toEqual([503, 'unavailable']);
    expect(server.received).toHaveLength(1);
  });

  it.each<[string, (url: string) => Parameters<typeof fetch>]>([
    ['a record', (url) => [url, { headers: { 'idempotency-key': '1' } }]],
    ['pairs', (url) => [url, { headers: [['Idempotency-Key', '1']] }]],
    ['Headers', (url) => [url, { headers: new Headers({ 'IDEMPOTENCY-KEY': '1' }) }]],
    ['a Request', (url) => [new Request(url, { headers: { 'Idempotency-Key': '1' } }), {}]],
  ])('a POST is retried with an Idempotency-Key in %s', async (_where, call) => {
    await using server = await failsOnce();
    const [input, init] = call(server.origin);
    const response = await resilientFetch({ retry })(input, { ...init, method: 'POST', body: 'order' });
    expect(await response.text()).toBe('well');
    expect(server.received).toMatchObject([
      { method: 'POST', body: 'order', headers: { 'idempotency-key': '1' } },
      { method: 'POST', body: 'order', headers: { 'idempotency-key': '1' } },
    ]);
  });

  it('a retry starts after the Retry-After of the response', async () => {
    const clock = new TestClock();
    await using server = await testServer(inOrder({ status: 503, headers: { 'Retry-After': '7' } }, { body: 'well' }));
    const delays: number[] = [];
    const call = watch(
      resilientFetch({ clock, retry, on: { retry: ({ delayMs }) => delays.push(delayMs) } })(server.origin),
    );
    await eventually(() => expect(delays).toHaveLength(1));
    expect(delays[0]).toBeGreaterThanOrEqual(7_000);
    await clock.advance(6_999);
    expect(server.requests).toHaveLength(1);
    await clock.advance(delays[0]! - 6_999);
    await call.done;
    expect(await call.value?.text()).toBe('well');
    expect(server.requests).toHaveLength(2);
  });

  it('a response with a Retry-After above maxRetryAfter is not retried', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    for (const retryAfter of ['6', date]) {
      await using server = await testServer(inOrder({ ...UNAVAILABLE, headers: { 'retry-after': retryAfter } }));
      const response = await resilientFetch({ retry: { ...retry, maxRetryAfter: '5s' } })(server.origin);
      expect([response.status, await response.text()]).toEqual([503, 'unavailable']);
      expect(server.requests).toHaveLength(1);
    }
  });

  it('retries are limited by the budget, which all calls of the instance share', async () => {
    await using server = await testServer(inOrder(UNAVAILABLE));
    const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 0 });
    const fetch = resilientFetch({ retry: { ...retry, budget }, circuitBreaker: false });
    for (let i = 0; i < 10; i++) expect((await fetch(server.origin)).status).toBe(503);
    expect(server.requests).toHaveLength(15);
  });
});

describe('Redirects', () => {
  it.each([301, 302, 303, 307, 308])('a redirect of status %i is followed', async (status) => {
    await using server = await testServer(({ path }) =>
      path === '/' ? { status, headers: { location: '/there' } } : { body: path },
    );
    for (const bodyTimeout of [undefined, '1m'] as const) {
      const response = await resilientFetch({ bodyTimeout })(server.origin);
      expect(response).toMatchObject({ status: 200, redirected: true, url: `${server.origin}/there` });
      expect(await response.text()).toBe('/there');
    }
  });

  it.each([
    [303, 'GET', ''],
    [307, 'POST', 'order'],
  ])('a redirect of status %i continues a POST as %s', async (status, method, body) => {
    await using server = await testServer(async (request) =>
      request.path === '/'
        ? { status, headers: { location: '/there' } }
        : { body: `${request.method} ${await request.text()}` },
    );
    const response = await resilientFetch()(server.origin, { method: 'POST', body: 'order' });
    expect(await response.text()).toBe(`${method} ${body}`);
    expect(server.requests).toHaveLength(2);
  });

  it('a redirect to another origin returns its response and does not send the secrets there', async () => {
    await using there = await testServer(({ headers }) => ({ body: `authorization: ${headers.authorization}` }));
    await using here = await testServer(() => ({ status: 302, headers: { location: `${there.origin}/there` } }));
    const response = await resilientFetch()(here.origin, { headers: { authorization: 'secret' } });
    expect(await response.text()).toBe('authorization: undefined');
    expect(response.url).toBe(`${there.origin}/there`);
    expect(here.requests[0]?.headers.authorization).toBe('secret');
  });

  it('a failure behind a redirect is retried from the start and counts for the original origin', async () => {
    await using there = await testServer(inOrder(UNAVAILABLE, { body: 'well' }, UNAVAILABLE));
    await using here = await testServer(() => ({ status: 307, headers: { location: there.origin } }));
    const keys: string[] = [];
    const fetch = resilientFetch({
      retry,
      circuitBreaker: { consecutiveFailures: 3 },
      on: { stateChange: ({ key }) => keys.push(key) },
    });
    expect(await (await fetch(here.origin)).text()).toBe('well');
    expect([here.requests.length, there.requests.length]).toEqual([2, 2]);
    expect((await fetch(here.origin)).status).toBe(503);
    expect(keys).toEqual([here.origin]);
  });

  it.each(['follow', 'error'] as const)('a failed redirect is not retried: %s', async (redirect) => {
    await using server = await testServer(() => ({ status: 302, headers: { location: '/' } }));
    const plain = watch(fetch(server.origin, { redirect }));
    await plain.done;
    const once = server.requests.length;
    const call = watch(resilientFetch({ retry })(server.origin, { redirect }));
    await call.done;
    await settle();
    expect(String(call.error)).toBe(String(plain.error));
    expect(server.requests).toHaveLength(2 * once);
  });

  it('a redirect in the manual mode is returned as the response', async () => {
    await using server = await testServer(() => ({ status: 302, headers: { location: '/there' } }));
    const response = await resilientFetch()(server.origin, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, '/there']);
  });

  it('a redirect of a stream fails as with fetch, and the stream is not sent twice', async () => {
    await using server = await testServer(async (request) => {
      await request.text();
      return { status: 307, headers: { location: '/there' } };
    });
    const init = () => ({ method: 'PUT', body: streamOf('once'), duplex: 'half' }) as RequestInit;
    const plain = watch(fetch(server.origin, init()));
    await plain.done;
    const call = watch(resilientFetch({ retry })(server.origin, init()));
    await call.done;
    expect(String(call.error)).toBe(String(plain.error));
    expect(server.requests).toHaveLength(2);
  });
});

describe('A custom fetch', () => {
  it('the fetch of undici receives its own Request and returns its own Response', async () => {
    await using server = await failsOnce();
    const fetch = resilientFetch({ fetch: undiciFetch, retry });
    const request = new UndiciRequest(server.origin, { method: 'DELETE', headers: { 'x-who': 'me' } });
    const response = await fetch(request); // a Request always has a signal, so the response is watched
    expect(response).toBeInstanceOf(UndiciResponse);
    expect([response.status, response.url, await response.text()]).toEqual([200, `${server.origin}/`, 'well']);
    expect(server.received).toMatchObject([
      { method: 'DELETE', headers: { 'x-who': 'me' } },
      { method: 'DELETE', headers: { 'x-who': 'me' } },
    ]);
    expect(await fetch(server.origin)).toBeInstanceOf(UndiciResponse);
  });

  it('a custom fetch receives the arguments of the caller and a separate signal', async () => {
    const calls: [string, RequestInit | undefined][] = [];
    const spy = async (input: string, init?: RequestInit) => {
      calls.push([input, init]);
      return new Response();
    };
    const init = { method: 'PUT', body: 'x', cache: 'no-store', dispatcher: {} } as RequestInit;
    await resilientFetch({ fetch: spy })('http://spy.test/', init);
    expect(calls).toEqual([['http://spy.test/', { ...init, signal: expect.any(AbortSignal) }]]);
    expect(init).not.toHaveProperty('signal');
  });

  it('the default fetch is looked up at each call', async () => {
    const fetch = resilientFetch();
    vi.stubGlobal('fetch', async () => new Response('stubbed'));
    try {
      expect(await (await fetch('http://nowhere.test/')).text()).toBe('stubbed');
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it('a late response of a fetch that ignores signals is drained', async () => {
    const clock = new TestClock();
    let answer = (): void => {};
    await using server = await testServer(async ({ index }) => {
      if (index === 0) await new Promise<void>((resolve) => (answer = resolve));
      return { body: 'x'.repeat(50_000) };
    });
    const late: Response[] = [];
    const ignorant = async (input: string, { signal, ...init }: RequestInit = {}) => {
      const response = await globalThis.fetch(input, init);
      if (signal?.aborted) late.push(response);
      return response;
    };
    const fetch = resilientFetch({ clock, fetch: ignorant, retry, attemptTimeout: '1s' });
    const call = watch(fetch(server.origin));
    await eventually(() => expect(server.requests).toHaveLength(1));
    await clock.advance(1_000);
    await call.done;
    expect(call.value?.status).toBe(200);
    await call.value?.text();
    expect(server.requests).toHaveLength(2);

    answer();
    await eventually(() => expect(late[0]?.bodyUsed).toBe(true));
    await server.requests[0]!.ended; // the whole response was read
    expect(server.sockets).toEqual({ used: 2, open: 2 });
  });

  it('a late rejection of a fetch causes no unhandled rejection', async () => {
    const clock = new TestClock();
    using uncaught = catchUncaught();
    const fail: ((reason: unknown) => void)[] = [];
    const fetch = resilientFetch({
      clock,
      retry: { ...retry, maxAttempts: 2 },
      attemptTimeout: '1s',
      fetch: (_url: string) => new Promise<Response>((_resolve, reject) => fail.push(reject)),
    });
    const call = watch(fetch('http://late.test/'));
    await clock.advance(5_000);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(fail).toHaveLength(2);
    for (const reject of fail) reject(new Error('late'));
    await settle();
    await settle();
    expect(uncaught.rejections).toEqual([]);
  });
});

describe('URLs', () => {
  it('a URL that does not parse rejects as with fetch and is passed to the fetch once', async () => {
    const spy = vi.fn(globalThis.fetch);
    const plain = watch(fetch('not a url'));
    const init = { method: 'DELETE' };
    const call = watch(resilientFetch({ fetch: spy, retry })('not a url', init));
    await Promise.all([plain.done, call.done]);
    expect(call.error).toBeInstanceOf(TypeError);
    expect(String(call.error)).toBe(String(plain.error));
    expect(spy.mock.calls).toEqual([['not a url', init]]);
  });

  it.each(['not-a-scheme:x', 'http://127.0.0.1:1/'])(
    'the URL %s rejects as with fetch and is tried once',
    async (url) => {
      const spy = vi.fn(globalThis.fetch); // port 1 is a bad port: no connection is tried
      const plain = watch(fetch(url));
      const call = watch(resilientFetch({ fetch: spy, retry })(url));
      await Promise.all([plain.done, call.done]);
      expect(isNetworkError(call.error)).toBe(false);
      expect(String(call.error)).toBe(String(plain.error));
      expect(spy).toHaveBeenCalledTimes(1);
    },
  );

  it('a data URL works with and without a signal', async () => {
    const url = new URL('data:text/plain,hello%20there');
    expect(await (await resilientFetch()(url)).text()).toBe('hello there');
    const { signal } = new AbortController();
    expect(await (await resilientFetch()(url, { signal })).text()).toBe('hello there');
  });
});

it('every attempt runs in the async context of its caller, also after the queue and after a delay', async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  await using server = await testServer(({ path, index }) => (index < 4 ? UNAVAILABLE : { body: path }));
  const fetch = resilientFetch({
    retry: { backoff: () => 1 },
    bulkhead: { maxConcurrent: 1 },
    fetch: (input: string, init?: RequestInit) => {
      seen.push(`${storage.getStore()} ${input.slice(-1)}`);
      return globalThis.fetch(input, init);
    },
  });
  const callers = ['a', 'b', 'c', 'd'];
  const calls = callers.map((name) => storage.run(name, () => fetch(`${server.origin}/${name}`)));
  const texts = await Promise.all(calls.map(async (call) => (await call).text()));
  expect(texts).toEqual(['/a', '/b', '/c', '/d']);
  expect(seen).toHaveLength(8);
  for (const one of seen) expect(callers.map((name) => `${name} ${name}`)).toContain(one);
});
