import { circuitBreaker, isNetworkError, pipeline, RetryBudget, resilientFetch, retry } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { tcpProxy } from '../support/tcp-proxy.js';

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
  const attempt = async (fetch: typeof globalThis.fetch) => {
    const requests = server.requests.length;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('half'));
      },
      async pull(controller) {
        await eventually(() => expect(server.requests.length).toBeGreaterThan(requests));
        controller.error(original);
      },
    });
    const call = watch(fetch(server.origin, { method: 'PUT', body, duplex: 'half' } as RequestInit));
    await call.done;
    return call.error;
  };
  const plain = await attempt(globalThis.fetch);
  const error = await attempt(fetch);
  expect(rootOf(error)).toBe(original);
  expect(String(error)).toBe(String(plain));
  await settle();
  expect(server.requests).toHaveLength(2);
  expect(breaker.stats.failures).toBe(0);
});

function rootOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? rootOf(error.cause) : error;
}

describe('F14 500 bodies of 503 that nobody reads', () => {
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
      while (calls < 500) {
        const response = await fetch(`${server.origin}/${calls++}`);
        expect(await response.text()).toBe('well');
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    expect(server.requests).toHaveLength(1_000);
    expect(mostOpen).toBeLessThanOrEqual(2 * WORKERS);
    expect(server.sockets.used).toBeLessThanOrEqual(maxUsed);
    await eventually(() => expect(server.sockets.open).toBeLessThanOrEqual(2 * WORKERS));
  });
});

it('F14 20 answers of 503 that their caller forgets: their connections close when they are collected', async () => {
  async function* endless() {
    for (;;) yield 'x'.repeat(100_000);
  }
  await using server = await testServer(() => ({ status: 503, body: endless() }));
  const fetch = resilientFetch({ retry: false, circuitBreaker: false });
  const { signal } = new AbortController(); // outlives them all, as that of a service does
  for (let i = 0; i < 20; i++) await fetch(server.origin, { signal });
  await eventually(() => {
    collectGarbage();
    expect(server.sockets.open).toBeLessThan(5);
  });
  expect(server.requests).toHaveLength(20);
  expect(signal.aborted).toBe(false);
});
