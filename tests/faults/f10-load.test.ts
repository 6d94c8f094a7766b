import {
  circuitBreaker,
  isNetworkError,
  isResilienceError,
  parseRetryAfter,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
} from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { inOrder, testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { tcpProxy } from '../support/tcp-proxy.js';

describe('F10 503 with Retry-After 3600 and 10 s to spare', () => {
  it.each([
    ['retry-after', {}],
    ['deadline', { timeout: '10s', retry: { maxRetryAfter: Infinity } }],
    ['elapsed', { timeout: '2h', retry: { maxRetryAfter: Infinity, maxElapsed: '10s' } }],
  ] as const)('stops at once, by %s, with the response that says how long', async (reason, options) => {
    const clock = new TestClock();
    await using server = await testServer(
      inOrder({ status: 503, headers: { 'retry-after': '3600' }, body: 'not before four' }),
    );
    const gaveUp: unknown[] = [];
    const fetch = resilientFetch({ clock, ...options, on: { giveUp: (event) => gaveUp.push(event) } });
    const response = await fetch(server.origin); // no time has to pass
    expect(response.status).toBe(503);
    expect(parseRetryAfter(response.headers.get('retry-after'))).toBe(3_600_000);
    expect(await response.text()).toBe('not before four');
    expect(gaveUp).toEqual([{ reason, attempts: 1 }]);
    expect(server.requests).toHaveLength(1);
  });
});

describe('F11 a storm of 429 from 100 callers', () => {
  const CALLERS = 100;

  /** A server that refuses everybody, and when it did. */
  function storm(clock: TestClock, headers: Record<string, string> = {}) {
    const at: number[] = [];
    const fetch = async (_url: string, _init?: RequestInit) => {
      at.push(clock.now());
      return new Response('too many', { status: 429, headers });
    };
    return { at, fetch };
  }

  it('adds no more load than the budget allows', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const impatient = resilientFetch({
      clock,
      fetch,
      random: seededRandom(1),
      circuitBreaker: false,
      retry: { maxAttempts: 4, budget: new RetryBudget({ ratio: 0.1, minPerSecond: 0, clock }) },
    });
    let calls = 0;
    for (let second = 0; second < 20; second++) {
      for (let caller = 0; caller < CALLERS; caller++, calls++) void impatient('http://storm.test/');
      await clock.advance(1_000);
    }
    await clock.advance(60_000);
    expect(calls).toBe(20 * CALLERS);
    expect(at.length).toBeLessThanOrEqual(calls * 1.1);
    expect(at.length).toBeGreaterThan(calls * 1.05); // the budget is there to be used
    expect(clock.pendingTimers).toBe(0);
  });

  it('is answered by the breaker with less load than there were calls', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const careful = resilientFetch({ clock, fetch, random: seededRandom(1) });
    let calls = 0;
    for (let second = 0; second < 20; second++) {
      for (let caller = 0; caller < CALLERS; caller++, calls++) void careful('http://storm.test/').catch(() => {});
      await clock.advance(1_000);
    }
    expect(at.length).toBeLessThan(calls * 0.1);
  });

  it('does not come back in step', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock);
    const jittered = resilientFetch({ clock, fetch, random: seededRandom(1), circuitBreaker: false });
    for (let caller = 0; caller < CALLERS; caller++) void jittered('http://storm.test/');
    await clock.advance(60_000);
    expect(at.slice(0, CALLERS).every((time) => time === 0)).toBe(true);
    const second = at.slice(CALLERS).filter((time) => time <= 200); // full jitter of 200 ms
    expect(second.length).toBeGreaterThan(CALLERS * 0.9);
    expect(chiSquared(second, 200, 10)).toBeLessThan(27.88); // 9 degrees of freedom, p = 0.001
  });

  it('does not come back in step when all were told the same Retry-After', async () => {
    const clock = new TestClock();
    const { at, fetch } = storm(clock, { 'retry-after': '2' });
    const jittered = resilientFetch({ clock, fetch, random: seededRandom(1), circuitBreaker: false });
    for (let caller = 0; caller < CALLERS; caller++) void jittered('http://storm.test/');
    await clock.advance(3_999);
    const second = at.slice(CALLERS);
    expect(second.length).toBeGreaterThan(CALLERS * 0.9);
    expect(Math.min(...second)).toBeGreaterThanOrEqual(2_000);
    expect(mostWithin(10, second)).toBeLessThan(CALLERS / 4);
  });

  /** How far the times are from being spread evenly over [0, end). */
  function chiSquared(times: readonly number[], end: number, bins: number): number {
    const counts = new Array<number>(bins).fill(0);
    for (const time of times) counts[Math.min(bins - 1, Math.floor((time / end) * bins))]!++;
    const expected = times.length / bins;
    return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  }

  function mostWithin(ms: number, times: readonly number[]): number {
    return Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + ms).length));
  }
});

describe('F12 a POST fails after it was sent', () => {
  async function cutOff(init: RequestInit) {
    const bodies: string[] = [];
    await using server = await testServer(async (request) => {
      bodies.push(await request.text());
      return { body: 'done' };
    });
    await using proxy = await tcpProxy(server.port, (connection) => (connection === 0 ? { resetAfter: 0 } : {}));
    const gaveUp: unknown[] = [];
    const fetch = resilientFetch({ retry: { backoff: () => 0 }, on: { giveUp: (event) => gaveUp.push(event) } });
    const call = watch(fetch(proxy.origin, { method: 'POST', body: 'order', ...init }).then((it) => it.text()));
    await call.done;
    await settle();
    return { ...call, bodies, gaveUp };
  }

  it('is not tried again', async () => {
    const { error, bodies, gaveUp } = await cutOff({});
    expect(isNetworkError(error)).toBe(true);
    expect(bodies).toEqual(['order']);
    expect(gaveUp).toEqual([{ reason: 'not-retryable', attempts: 1 }]);
  });

  it('is tried again when the server can tell it is the same one', async () => {
    const { value, bodies } = await cutOff({ headers: { 'Idempotency-Key': '42' } });
    expect(value).toBe('done');
    expect(bodies).toEqual(['order', 'order']);
  });
});

it('F13 the stream of a body fails: not tried again, the original error, and not the fault of the server', async () => {
  await using server = await testServer(async (request) => ({ body: await request.text() }));
  const breaker = circuitBreaker();
  const fetch = resilientFetch({ policy: pipeline(retry({ backoff: () => 0 }), breaker) });
  const original = new Error('the disk is gone');
  const body = () => {
    let pulls = 0;
    return new ReadableStream({
      async pull(controller) {
        if (pulls++ === 0) controller.enqueue(new TextEncoder().encode('half'));
        else await vi.waitFor(() => expect(server.requests).not.toHaveLength(0)).then(() => controller.error(original));
      },
    });
  };
  const init = () => ({ method: 'PUT', body: body(), duplex: 'half' }) as const;
  const plain = watch(globalThis.fetch(server.origin, init()));
  await plain.done;
  const before = server.requests.length;

  const call = watch(fetch(server.origin, init()));
  await call.done;
  expect(rootOf(call.error)).toBe(original);
  expect(String(call.error)).toBe(String(plain.error));
  await settle();
  expect(server.requests).toHaveLength(before + 1);
  expect(breaker.stats.failures).toBe(0);
});

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

describe('F14 1,000 bodies of 503 that nobody reads', () => {
  it.each([
    ['short ones are drained, and their connections used again', 8_000, 20],
    ['long ones are cancelled, and their connections closed', 200_000, Infinity],
  ])('%s', { timeout: 30_000 }, async (_what, bytes, maxUsed) => {
    const WORKERS = 10;
    const body = 'x'.repeat(bytes);
    let mostOpen = 0;
    await using server = await testServer(({ path }) => {
      mostOpen = Math.max(mostOpen, server.sockets.open);
      failed.set(path, !failed.get(path));
      return failed.get(path) ? { status: 503, body } : { body: 'well' };
    });
    const failed = new Map<string, boolean>();
    const fetch = resilientFetch({
      circuitBreaker: false,
      retry: { backoff: () => 1, budget: new RetryBudget({ ratio: 1 }) },
    });
    let calls = 0;
    const worker = async () => {
      while (calls < 1_000) {
        const response = await fetch(`${server.origin}/${calls++}`);
        expect(await response.text()).toBe('well');
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    expect(server.requests).toHaveLength(2_000);
    expect(mostOpen).toBeLessThanOrEqual(2 * WORKERS);
    expect(server.sockets.used).toBeLessThanOrEqual(maxUsed);
    await vi.waitFor(() => expect(server.sockets.open).toBeLessThanOrEqual(2 * WORKERS));
  });
});

describe('F15 a brown-out: 30 % errors, five times the latency', () => {
  const WELL_MS = 20;

  /** A server whose answers take their time on the test's clock. */
  async function brownOut(clock: TestClock) {
    const random = seededRandom(15);
    const health = { browned: true, failuresInARow: 0, mostFailuresInARow: 0 };
    const server = await testServer(async () => {
      const fails = health.browned && random() < 0.3;
      await clock.advance(health.browned ? 5 * WELL_MS : WELL_MS);
      health.failuresInARow = fails ? health.failuresInARow + 1 : 0;
      health.mostFailuresInARow = Math.max(health.mostFailuresInARow, health.failuresInARow);
      return { status: fails ? 503 : 200 };
    });
    return { server, health, [Symbol.asyncDispose]: () => server.close() };
  }

  async function call(fetch: typeof globalThis.fetch, url: string, times: number) {
    const seen = { good: 0, bad: 0, refused: 0 };
    for (let i = 0; i < times; i++) {
      try {
        const response = await fetch(url);
        await response.arrayBuffer();
        seen[response.ok ? 'good' : 'bad']++;
      } catch (error) {
        if (!isResilienceError(error, 'ERR_CIRCUIT_OPEN')) throw error;
        seen.refused++;
      }
    }
    return seen;
  }

  it('the breaker goes by the rate: below the threshold it stays closed, whatever the streaks', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const fetch = resilientFetch({ clock, retry: false });
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.refused).toBe(0);
    expect(seen.bad).toBeGreaterThan(40); // more than minimumCalls, by far
    expect(upstream.health.mostFailuresInARow).toBeGreaterThanOrEqual(3);
  });

  it('the breaker goes by the rate: above the threshold it opens, though no streak is long', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const fetch = resilientFetch({
      clock,
      retry: false,
      circuitBreaker: { failureRateThreshold: 0.25, openFor: '1h' },
    });
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.refused).toBeGreaterThan(100);
    expect(upstream.server.requests.length + seen.refused).toBe(200);
  });

  it('the breaker opens for slowness alone, if asked to', async () => {
    const clock = new TestClock();
    await using upstream = await brownOut(clock);
    const slow = {
      slowCallDuration: 4 * WELL_MS,
      slowCallRateThreshold: 0.8,
      failureRateThreshold: 1,
      openFor: '1h',
    } as const;
    const fetch = resilientFetch({ clock, retry: false, circuitBreaker: slow });
    upstream.health.browned = false;
    expect(await call(fetch, upstream.server.origin, 20)).toEqual({ good: 20, bad: 0, refused: 0 });
    upstream.health.browned = true;
    const seen = await call(fetch, upstream.server.origin, 200);
    expect(seen.refused).toBeGreaterThan(50);
    expect(seen.good).toBeGreaterThan(20);
  });

  it('the bulkhead sheds what is more than it lets in', async () => {
    await using server = await testServer(() => undefined); // in no hurry at all
    const fetch = resilientFetch({ retry: false, bulkhead: { maxConcurrent: 10, maxQueue: 5 } });
    const stop = new AbortController();
    const calls = Array.from({ length: 40 }, () => watch(fetch(server.origin, { signal: stop.signal })));
    await vi.waitFor(() => expect(server.requests).toHaveLength(10));
    const shed = calls.filter(({ state }) => state === 'rejected');
    expect(shed).toHaveLength(25);
    expect(shed.every(({ error }) => isResilienceError(error, 'ERR_BULKHEAD_FULL'))).toBe(true);
    stop.abort();
    await Promise.all(calls.map(({ done }) => done));
    await settle();
    expect(server.requests).toHaveLength(10); // nobody came out of the queue
  });
});
