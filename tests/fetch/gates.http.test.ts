import {
  definePolicy,
  isResilienceError,
  type Outcome,
  type Policy,
  pipeline,
  resilientFetch,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { eventually } from '../support/eventually.js';
import { inOrder, testServer } from '../support/http-server.js';
import { defer, settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

const DOWN = () => ({ status: 503, body: 'down' });
const WELL = () => ({ body: 'well' });
const atOnce = { backoff: () => 0 };

/** The rejection of a promise. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  const watched = watch(promise);
  await watched.done;
  return watched.error;
}

describe('The circuit breaker', () => {
  it('the breaker of one origin opens and stops its requests, and other origins are not affected', async () => {
    await using sick = await testServer(DOWN);
    await using healthy = await testServer(WELL);
    const rejects: unknown[] = [];
    const fetch = resilientFetch({ retry: false, on: { reject: (event) => rejects.push(event) } });
    for (let i = 0; i < 20; i++) expect((await fetch(sick.origin)).status).toBe(503); // minimumCalls
    for (let i = 0; i < 5; i++) {
      const error = await errorOf(fetch(`${sick.origin}/${i}`));
      expect(isResilienceError(error, 'ERR_CIRCUIT_OPEN')).toBe(true);
      expect(error).toMatchObject({ name: 'CircuitOpenError', policy: sick.origin });
      expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
    }
    expect(sick.requests).toHaveLength(20);
    expect(rejects).toHaveLength(5);
    expect(rejects[0]).toMatchObject({ key: sick.origin, by: 'circuit-breaker', event: { state: 'open' } });
    expect(await (await fetch(healthy.origin)).text()).toBe('well');
  });

  it('the breaker opens for one second at first and closes after three successful probes', async () => {
    const clock = new TestClock();
    await using server = await testServer(({ index }) => (index < 20 ? DOWN() : WELL()));
    const states: string[] = [];
    const fetch = resilientFetch({
      clock,
      retry: false,
      random: () => 0.999,
      on: { stateChange: ({ to }) => states.push(to) },
    });
    for (let i = 0; i < 20; i++) await fetch(server.origin);
    await clock.advance(499); // with jitter, at least half of the open time has to pass
    expect(isResilienceError(await errorOf(fetch(server.origin)), 'ERR_CIRCUIT_OPEN')).toBe(true);
    await clock.advance(501);
    for (let i = 0; i < 3; i++) expect((await fetch(server.origin)).status).toBe(200);
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('the breaker counts a failed POST, which is not retried, and no response of 404', async () => {
    await using server = await testServer(({ method }) => ({ status: method === 'POST' ? 500 : 404 }));
    const fetch = resilientFetch({ circuitBreaker: { consecutiveFailures: 2 } });
    for (let i = 0; i < 5; i++) expect((await fetch(server.origin)).status).toBe(404);
    for (let i = 0; i < 2; i++) expect((await fetch(server.origin, { method: 'POST' })).status).toBe(500);
    expect(isResilienceError(await errorOf(fetch(server.origin)), 'ERR_CIRCUIT_OPEN')).toBe(true);
    expect(server.requests).toHaveLength(7);
  });

  it('the breaker counts no abort by the caller', async () => {
    await using server = await testServer(({ path }) => (path === '/' ? WELL() : undefined));
    const fetch = resilientFetch({ circuitBreaker: { consecutiveFailures: 1 } });
    for (let i = 1; i <= 3; i++) {
      const controller = new AbortController();
      const call = watch(fetch(`${server.origin}/hang`, { signal: controller.signal }));
      await eventually(() => expect(server.requests).toHaveLength(i));
      controller.abort('enough');
      await call.done;
      expect(call.error).toBe('enough');
      await server.requests[i - 1]!.ended; // and its connection is closed
    }
    expect((await fetch(server.origin)).status).toBe(200);
  });

  it('the breaker and all other policies can be disabled', async () => {
    await using server = await testServer(DOWN);
    const fetch = resilientFetch({
      retry: false,
      circuitBreaker: false,
      bulkhead: false,
      timeout: Infinity,
      attemptTimeout: Infinity,
    });
    for (let i = 0; i < 40; i++) expect((await fetch(server.origin)).status).toBe(503);
  });
});

describe('The bulkhead', () => {
  it('the bulkhead of one origin is full without effect on other origins', async () => {
    await using slow = await testServer(() => undefined);
    await using healthy = await testServer(WELL);
    const rejects: unknown[] = [];
    const fetch = resilientFetch({
      bulkhead: { maxConcurrent: 2, maxQueue: 0 },
      on: { reject: (event) => rejects.push(event) },
    });
    const stop = new AbortController();
    const running = [1, 2].map(() => errorOf(fetch(slow.origin, { signal: stop.signal })));
    const error = await errorOf(fetch(slow.origin));
    expect(error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: slow.origin });
    expect(rejects).toEqual([{ key: slow.origin, by: 'bulkhead', event: { reason: 'full' } }]);
    expect(await (await fetch(healthy.origin)).text()).toBe('well');
    await eventually(() => expect(slow.requests).toHaveLength(2));
    stop.abort();
    await Promise.all(running);
  });

  it('the attempt timeout does not include the time in the queue', async () => {
    const clock = new TestClock();
    const answers = [defer<{ body: string }>(), defer<{ body: string }>()];
    await using server = await testServer(({ index }) => answers[index]?.promise);
    const fetch = resilientFetch({ clock, retry: false, attemptTimeout: '10s', bulkhead: { maxConcurrent: 1 } });
    const first = watch(fetch(server.origin));
    const second = watch(fetch(server.origin));
    await eventually(() => expect(server.requests).toHaveLength(1));
    await clock.advance(9_000);
    answers[0]!.resolve({ body: 'first' });
    await first.done;
    await eventually(() => expect(server.requests).toHaveLength(2));
    await clock.advance(9_000);
    expect(second.state).toBe('pending');
    answers[1]!.resolve({ body: 'second' });
    await second.done;
    expect(await second.value?.text()).toBe('second');
  });
});

describe('The key option', () => {
  it('the key selects the breaker and the bulkhead of a call', async () => {
    await using one = await testServer(DOWN);
    await using other = await testServer(WELL);
    const seen: string[] = [];
    const fetch = resilientFetch({
      retry: false,
      circuitBreaker: { consecutiveFailures: 1 },
      key: ({ url, method }) => {
        seen.push(`${method} ${url.pathname}`);
        return url.pathname.slice(1);
      },
    });
    await fetch(`${one.origin}/tenant`, { method: 'put' });
    const error = await errorOf(fetch(`${other.origin}/tenant`));
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN', policy: 'tenant' });
    expect((await fetch(`${other.origin}/neighbour`)).status).toBe(200);
    expect(seen).toEqual(['PUT /tenant', 'GET /tenant', 'GET /neighbour']);
    expect(other.requests).toHaveLength(1);
  });

  it('a key function that throws rejects the call, because fetch never throws', async () => {
    const fetch = resilientFetch({
      key: () => {
        throw new Error('no key');
      },
    });
    let call: Promise<unknown> | undefined;
    expect(() => (call = fetch('http://nowhere.test/'))).not.toThrow();
    await expect(call).rejects.toThrow('no key');
  });
});

describe('The route option', () => {
  it('a route selects the URL of each attempt, and its release receives each outcome once', async () => {
    await using sick = await testServer(DOWN);
    await using healthy = await testServer(async (request) => ({ body: `${request.method} ${await request.text()}` }));
    const released: Outcome[] = [];
    const attempts: number[] = [];
    const fetch = resilientFetch({
      retry: atOnce,
      route: async ({ url }, { attempt }) => {
        attempts.push(attempt);
        const { origin } = attempt < 3 ? sick : healthy;
        return { url: new URL(url.pathname, origin), release: (outcome) => released.push(outcome) };
      },
    });
    const response = await fetch('http://balanced.test/path', { method: 'PUT', body: 'payload' });
    expect(await response.text()).toBe('PUT payload');
    expect(response.url).toBe(`${healthy.origin}/path`);
    expect(attempts).toEqual([1, 2, 3]);
    expect(released.map((outcome) => outcome.ok && (outcome.value as Response).status)).toEqual([503, 503, 200]);
    expect([sick.requests.length, healthy.requests.length]).toEqual([2, 1]);
    expect(sick.requests[0]!.headers.host).toBe(`127.0.0.1:${sick.port}`);
  });

  it('a route sends a Request to another URL with its method, headers and body', async () => {
    await using server = await testServer(async (request) => ({
      body: `${request.method} ${request.path} ${request.headers['x-who']} ${await request.text()}`,
    }));
    const fetch = resilientFetch({ route: () => ({ url: `${server.origin}/there` }) });
    const init = { method: 'POST', body: 'payload', headers: { 'x-who': 'me' } };
    const response = await fetch(new Request('http://balanced.test/', init));
    expect(await response.text()).toBe('POST /there me payload');
  });

  it('release receives the outcome of attempts that fail or time out', async () => {
    const clock = new TestClock();
    await using gone = await testServer(WELL);
    const { origin } = gone;
    await gone.close();
    await using silent = await testServer(() => undefined);
    await using healthy = await testServer(WELL);
    const released: Outcome[] = [];
    const fetch = resilientFetch({
      clock,
      attemptTimeout: '1s',
      retry: atOnce,
      route: (_request, { attempt }) => ({
        url: [origin, silent.origin, healthy.origin][attempt - 1]!,
        release: (outcome) => released.push(outcome),
      }),
    });
    const call = watch(fetch('http://balanced.test/'));
    await eventually(() => expect(silent.requests).toHaveLength(1));
    await clock.advance(1_000);
    await call.done;
    expect(await call.value?.text()).toBe('well');
    await eventually(() => expect(released).toHaveLength(3));
    expect(released.map(({ ok }) => ok)).toEqual([false, false, true]);
    expect(released[0]).toMatchObject({ error: { cause: { code: 'ECONNREFUSED' } } });
    expect(released[1]).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
  });

  it.each([
    ['a string', (url: string) => url],
    ['a Request', (url: string) => new Request(url)],
  ])('release is called for the input %s, even if the URL of the route is invalid', async (_what, input) => {
    const released: Outcome[] = [];
    const fetch = resilientFetch({
      route: () => ({ url: 'not a url', release: (outcome) => released.push(outcome) }),
    });
    await expect(fetch(input('http://balanced.test/'))).rejects.toThrow(TypeError);
    expect(released).toMatchObject([{ ok: false }]);
  });

  it('a route that resolves after the abort of the call is released, and no request is sent', async () => {
    const place = defer<string>();
    const released: Outcome[] = [];
    const spy = vi.fn(async (_url: string, _init?: RequestInit) => new Response()); // ignores signals
    const fetch = resilientFetch({
      fetch: spy,
      route: async () => ({ url: await place.promise, release: (outcome) => released.push(outcome) }),
    });
    const controller = new AbortController();
    const call = watch(fetch('http://balanced.test/', { signal: controller.signal }));
    await settle();
    controller.abort('enough');
    await call.done;
    expect(call.error).toBe('enough');
    place.resolve('http://somewhere.test/');
    await settle();
    expect(spy).not.toHaveBeenCalled();
    expect(released).toMatchObject([{ ok: false }]);
  });

  it('an error of release does not change the result and surfaces as an uncaught exception', async () => {
    await using server = await testServer(WELL);
    const error = new Error('release');
    const release = vi.fn(() => {
      throw error;
    });
    const fetch = resilientFetch({ retry: false, route: () => ({ url: server.origin, release }) });
    using uncaught = catchUncaught();
    expect(await (await fetch('http://balanced.test/')).text()).toBe('well');
    await eventually(() => expect(uncaught.errors).toEqual([error]));
    expect(release).toHaveBeenCalledTimes(1);
  });
});

describe('A custom policy', () => {
  it('a custom policy replaces all default policies', async () => {
    const clock = new TestClock();
    const down = { status: 503, body: 'x'.repeat(50_000) };
    await using server = await testServer(inOrder(down, down, down, down, WELL()));
    const fetch = resilientFetch({ policy: retry({ clock, maxAttempts: 5, backoff: () => 0 }) });
    expect(await (await fetch(server.origin)).text()).toBe('well');
    expect(server.requests).toHaveLength(5);
    expect(server.sockets.used).toBeLessThanOrEqual(2); // the discarded responses were drained
    expect((await fetch(server.origin, { method: 'POST' })).status).toBe(200);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each<[string, (responses: Response[]) => Response | undefined]>([
    ['the first', ([first]) => first],
    ['the second', ([, second]) => second],
    ['none', () => undefined],
  ])(
    'a custom policy can run two attempts and return %s, and the other responses are cancelled',
    async (_which, choose) => {
      const cancelled: number[] = [];
      const make = (index: number) =>
        new Response(new ReadableStream({ cancel: () => void cancelled.push(index) }), {
          headers: { 'content-length': '1000000', 'x-index': String(index) },
        });
      const twice: Policy = definePolicy({
        name: 'twice',
        async run(next, context) {
          const attempts = [1, 2].map((attempt) => next(context.derive({ attempt })));
          const chosen = choose((await Promise.all(attempts)) as Response[]);
          if (chosen === undefined) throw new Error('none will do');
          return chosen;
        },
      });
      let made = 0;
      const fetch = resilientFetch({ policy: twice, fetch: async (_url: string) => make(made++) });
      const answer = await fetch('http://spy.test/').catch(() => undefined);
      await settle();
      const index = answer === undefined ? -1 : Number(answer.headers.get('x-index'));
      expect(cancelled.sort()).toEqual([0, 1].filter((one) => one !== index));
    },
  );

  it('a custom policy that retries a request that must not be repeated receives no discarded response', async () => {
    const clock = new TestClock();
    const late = defer<Response>();
    const spy = vi.fn((_url: string, _init?: RequestInit) => late.promise); // ignores signals
    const insisting = retry({ clock, classify: ({ ok }) => (ok ? 'success' : 'failure'), backoff: () => 0 });
    const fetch = resilientFetch({ policy: pipeline(insisting, timeout({ duration: '1s', clock })), fetch: spy });
    const call = watch(fetch('http://spy.test/', { method: 'POST' }));
    await clock.advance(1_500);
    late.resolve(new Response('late'));
    await clock.advance(10_000);
    expect(spy).toHaveBeenCalledTimes(1);
    expect(call).toMatchObject({ state: 'rejected', error: { code: 'ERR_TIMEOUT' } });
  });
});

it('listeners receive all events in order', async () => {
  const clock = new TestClock();
  await using server = await testServer(({ index }) => (index === 1 ? undefined : DOWN()));
  const received: string[] = [];
  const { origin } = server;
  const fetch = resilientFetch({
    clock,
    attemptTimeout: '1s',
    retry: atOnce,
    circuitBreaker: { consecutiveFailures: 3 },
    on: {
      retry: ({ attempt, delayMs, outcome }) =>
        received.push(`retry ${attempt} after ${delayMs} ms, ok: ${outcome.ok}`),
      giveUp: ({ reason, attempts }) => received.push(`giveUp ${reason} ${attempts}`),
      timeout: (event) => received.push(`timeout of ${event.of} ${event.timeoutMs}`),
      stateChange: ({ key, from, to, reason }) => received.push(`${key}: ${from} → ${to} (${reason})`),
      reject: ({ key, by }) => received.push(`${key}: rejected by ${by}`),
    },
  });
  const call = watch(fetch(origin));
  await eventually(() => expect(server.requests).toHaveLength(2));
  await clock.advance(1_000);
  await call.done;
  expect(call.value?.status).toBe(503);
  await errorOf(fetch(origin));
  expect(received).toEqual([
    'retry 1 after 0 ms, ok: true',
    'timeout of attempt 1000',
    'retry 2 after 0 ms, ok: false',
    `${origin}: closed → open (consecutive-failures)`,
    'giveUp attempts 3',
    `${origin}: rejected by circuit-breaker`,
    'giveUp not-retryable 1',
  ]);
});
