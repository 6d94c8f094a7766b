import { RetryBudget, resilientFetch } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { testServer } from '../support/http-server.js';

const retryAtOnce = { backoff: () => 0 };

describe('20 calls whose first response is an error with an unread body', () => {
  it.each([
    ['10 B is drained', 10, 2],
    ['40 kB is drained', 40_000, 2],
    // Each of these bodies costs its connection. (On Node 24 undici also closes the next one if a request follows at once.)
    ['200 kB is cancelled and leaves no connection open', 200_000, 40],
  ])('an unread body of %s', async (_name, bytes, sockets) => {
    await using server = await testServer(({ index }) =>
      index % 2 === 0 ? { status: 503, body: 'x'.repeat(bytes) } : { body: 'fine' },
    );
    const fetch = resilientFetch({ retry: retryAtOnce, circuitBreaker: false });
    for (let i = 0; i < 20; i++) expect(await (await fetch(server.origin)).text()).toBe('fine');
    expect(server.requests).toHaveLength(40);
    expect(server.sockets.used).toBeLessThanOrEqual(sockets);
    await expect.poll(() => server.sockets.open).toBeLessThanOrEqual(2);
  });
});

describe('500 unread bodies of 503 responses', () => {
  it.each([
    ['short bodies are drained, and their connections are reused', 8_000, 20],
    ['long bodies are cancelled, and their connections are closed', 200_000, Infinity],
  ])('500 calls with unread responses: %s', { timeout: 30_000 }, async (_what, bytes, maxUsed) => {
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

it('connections of 20 unread 503 responses close when the responses are garbage-collected', async () => {
  async function* endless() {
    for (;;) yield 'x'.repeat(100_000);
  }
  await using server = await testServer(() => ({ status: 503, body: endless() }));
  const fetch = resilientFetch({ retry: false, circuitBreaker: false });
  const { signal } = new AbortController(); // outlives all responses, like the signal of a service
  for (let i = 0; i < 20; i++) await fetch(server.origin, { signal });
  await eventually(() => {
    collectGarbage();
    expect(server.sockets.open).toBeLessThan(5);
  });
  expect(server.requests).toHaveLength(20);
  expect(signal.aborted).toBe(false);
});
