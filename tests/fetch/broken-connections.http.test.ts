import { circuitBreaker, isNetworkError, isResilienceError, pipeline, resilientFetch, retry } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { Agent, fetch as undiciFetch } from 'undici';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { type Faults, tcpProxy } from '../support/tcp-proxy.js';

/** Only the first connection has the faults. */
const first = (faults: Faults) => (connection: number) => (connection === 0 ? faults : {});

/** A breaker whose stats can be read, inside a retry. */
function observed() {
  const breaker = circuitBreaker();
  return { breaker, fetch: resilientFetch({ policy: pipeline(retry({ backoff: () => 0 }), breaker) }) };
}

const resets: readonly [string, Faults, number][] = [
  ['on connecting', { resetOnConnect: true }, 0],
  ['after the request, before the headers', { resetAfter: 0 }, 1],
  ['in the middle of the headers', { resetAfter: 20 }, 1],
];

describe.each(resets)('A connection reset %s', (_when, faults, seen) => {
  it('the GET is retried, and the breaker counts one failure', async () => {
    await using server = await testServer(() => ({ body: 'well' }));
    await using proxy = await tcpProxy(server.port, first(faults));
    const { breaker, fetch } = observed();
    const response = await fetch(proxy.origin);
    expect(await response.text()).toBe('well');
    expect(proxy.accepted).toBe(2);
    expect(server.requests).toHaveLength(seen + 1);
    expect(breaker.stats).toMatchObject({ calls: 2, failures: 1 });
  });
});

// If the connection is reset while it is made, nothing was sent, and a POST may be retried.
describe.each(resets.slice(1))('A connection reset %s', (_when, faults, seen) => {
  it('the POST is not retried, and the breaker counts one failure', async () => {
    await using server = await testServer(() => ({ body: 'well' }));
    await using proxy = await tcpProxy(server.port, first(faults));
    const { breaker, fetch } = observed();
    const call = watch(fetch(proxy.origin, { method: 'POST', body: 'once' }));
    await call.done;
    expect(isNetworkError(call.error)).toBe(true);
    expect(proxy.accepted).toBe(1);
    expect(server.requests).toHaveLength(seen);
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
  });
});

async function* beginning() {
  yield 'the beginning';
  await new Promise(() => {});
}

describe.each([
  ["the platform's response", {}],
  ['a watched response', { bodyTimeout: '1m' }],
] as const)('A connection reset in the middle of the body of %s', (_what, options) => {
  it('the reader rejects, and the request is not retried', async () => {
    await using server = await testServer(() => ({ body: beginning() }));
    await using proxy = await tcpProxy(server.port);
    const fetch = resilientFetch(options);
    const response = await fetch(proxy.origin);
    const reader = response.body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('the beginning');

    proxy.connections[0]!.reset();
    const rest = watch(reader.read());
    await rest.done;
    expect(rest.error).toBeInstanceOf(TypeError);
    expect(isNetworkError(rest.error)).toBe(true);
    await settle();
    expect(server.requests).toHaveLength(1);
    expect(proxy.accepted).toBe(1);
  });
});

describe('ECONNREFUSED', () => {
  it('a refused connection is retried after a delay with jitter', async () => {
    const clock = new TestClock();
    await using server = await testServer(() => ({}));
    await using proxy = await tcpProxy(server.port);
    await proxy.refuse();
    const delays: number[] = [];
    let attempts = 0;
    const fetch = resilientFetch({
      clock,
      random: seededRandom(7),
      retry: { maxAttempts: 5 },
      fetch: (input: string, init?: RequestInit) => {
        attempts++;
        return globalThis.fetch(input, init);
      },
      on: { retry: ({ delayMs }) => delays.push(delayMs) },
    });

    const call = watch(fetch(proxy.origin));
    for (let attempt = 1; attempt <= 4; attempt++) {
      await eventually(() => expect(delays).toHaveLength(attempt)); // the attempt fails without time passing
      const delayMs = delays.at(-1)!;
      expect(delayMs).toBeGreaterThan(0);
      expect(delayMs).toBeLessThanOrEqual(200 * 2 ** (attempt - 1));
      await clock.advance(delayMs / 2);
      expect(attempts).toBe(attempt);
      await clock.advance(delayMs / 2);
      expect(attempts).toBe(attempt + 1);
    }
    await call.done;
    expect(call.error).toMatchObject({ message: 'fetch failed', cause: { code: 'ECONNREFUSED' } });
    expect(attempts).toBe(5);
    expect(new Set(delays.map((delayMs, i) => delayMs / 2 ** i)).size).toBe(4); // jitter
  });

  it('a refused connection is retried until the server listens again', async () => {
    await using server = await testServer(() => ({ body: 'back' }));
    await using proxy = await tcpProxy(server.port);
    await proxy.refuse();
    const accepting: Promise<void>[] = [];
    const fetch = resilientFetch({
      retry: { backoff: ({ attempt }) => (attempt === 2 ? 20 : 0) },
      on: { retry: ({ attempt }) => attempt === 2 && accepting.push(proxy.accept()) },
    });
    const response = await fetch(proxy.origin, { method: 'PUT', body: 'x' });
    await Promise.all(accepting);
    expect(await response.text()).toBe('back');
    expect(proxy.accepted).toBe(1);
  });
});

describe('A host name that cannot be resolved at first', () => {
  function resolver() {
    const dns = { works: false, lookups: 0 };
    const agent = new Agent({
      connect: {
        lookup(hostname, _options, callback) {
          dns.lookups++;
          const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), { code: 'ENOTFOUND' });
          if (dns.works) callback(null, [{ address: '127.0.0.1', family: 4 }]);
          else callback(error, []);
        },
      },
    });
    const fetch: typeof undiciFetch = (input, init) => undiciFetch(input, { ...init, dispatcher: agent });
    return { dns, fetch, [Symbol.asyncDispose]: () => agent.destroy() };
  }

  it('a retry resolves the host name', async () => {
    await using server = await testServer(() => ({ body: 'found' }));
    await using names = resolver();
    const fetch = resilientFetch({
      fetch: names.fetch,
      retry: { backoff: () => 0 },
      on: {
        retry: () => {
          names.dns.works = true;
        },
      },
    });
    const response = await fetch(`http://upstream.test:${server.port}/`);
    expect(await response.text()).toBe('found');
    expect(names.dns.lookups).toBe(2);
    expect(server.requests).toHaveLength(1);
  });

  it('an open breaker prevents further look-ups, and the breaker closes after a probe', async () => {
    const clock = new TestClock();
    await using server = await testServer(() => ({ body: 'found' }));
    await using names = resolver();
    const states: string[] = [];
    const fetch = resilientFetch({
      clock,
      fetch: names.fetch,
      retry: { backoff: () => 0 },
      circuitBreaker: { consecutiveFailures: 3, openFor: '5s', halfOpen: { probes: 1 } },
      on: { stateChange: ({ key, from, to }) => states.push(`${key}: ${from} → ${to}`) },
    });
    const origin = `http://upstream.test:${server.port}`;

    await expect(fetch(origin)).rejects.toMatchObject({ cause: { code: 'ENOTFOUND' } });
    expect(names.dns.lookups).toBe(3);
    const rejected = watch(fetch(origin));
    await rejected.done;
    expect(isResilienceError(rejected.error, 'ERR_CIRCUIT_OPEN')).toBe(true);
    expect(rejected.error).toMatchObject({ cause: { cause: { code: 'ENOTFOUND' } } });
    expect(names.dns.lookups).toBe(3);

    names.dns.works = true;
    await clock.advance(5_000);
    expect(await (await fetch(origin)).text()).toBe('found');
    expect(states).toEqual([
      `${origin}: closed → open`,
      `${origin}: open → half-open`,
      `${origin}: half-open → closed`,
    ]);
  });
});

describe.each([
  ["the platform's response", {}],
  ['a watched response', { bodyTimeout: '1m' }],
] as const)('A body of %s that is shorter than its content-length', (_what, options) => {
  it('the reader rejects, and the next call returns the whole body', async () => {
    const whole = 'x'.repeat(10_000);
    await using server = await testServer(() => ({ body: whole }));
    await using proxy = await tcpProxy(server.port, first({ cutAfter: 5_000 }));
    const fetch = resilientFetch(options);
    const response = await fetch(proxy.origin);
    expect(response.headers.get('content-length')).toBe('10000');
    const text = watch(response.text());
    await text.done;
    expect(text.error).toBeInstanceOf(TypeError);
    expect(server.requests).toHaveLength(1);
    expect(await (await fetch(proxy.origin)).text()).toBe(whole);
  });
});
