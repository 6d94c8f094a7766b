/** The rows of the 47 pitfalls in the policies research that need a real server. */
import { resilientFetch } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { testServer } from '../support/http-server.js';
import { watch } from '../support/promises.js';

const retryAtOnce = { backoff: () => 0 };

describe('27: 20 calls whose first answer is an error with a body that nobody reads', () => {
  it.each([
    ['10 B: drained', 10, 2],
    ['40 kB: drained', 40_000, 2],
    // Each of them costs its connection. (On Node 24 undici gives up the next one too, if that is asked for at once.)
    ['200 kB: cancelled, and no connection is left open by them', 200_000, 40],
  ])('27: %s', async (_name, bytes, sockets) => {
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

it('28: the last bad response comes back intact', async () => {
  const body = JSON.stringify({ why: 'overloaded', n: 'x'.repeat(100_000) });
  await using server = await testServer(() => ({ status: 503, headers: { 'x-why': 'overloaded' }, body }));
  const response = await resilientFetch({ retry: retryAtOnce })(server.origin);
  expect([response.status, response.headers.get('x-why')]).toEqual([503, 'overloaded']);
  expect(await response.text()).toBe(body);
  expect(server.requests).toHaveLength(3);
});

it('28: pauses have jitter unless it is turned off: no two clients come back together', async () => {
  const random = seededRandom(1);
  const pauses: number[] = [];
  for (let client = 0; client < 50; client++) {
    const clock = new TestClock();
    const fetch = resilientFetch({
      fetch: async (_url: string) => new Response('', { status: 503 }),
      on: { retry: ({ delayMs }) => pauses.push(delayMs) },
      clock,
      random,
    });
    const call = watch(fetch('http://127.0.0.1:1/'));
    await clock.advance(60_000);
    expect(call.state).toBe('fulfilled');
  }
  expect(pauses).toHaveLength(100);
  expect(new Set(pauses.map(Math.round)).size).toBeGreaterThan(60);
});

it('39: the body of the answer may take longer than any timeout of the call', async () => {
  await using server = await testServer(() => ({
    body: (async function* () {
      for (const part of ['one ', 'two ', 'three']) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        yield part;
      }
    })(),
  }));
  const signals: AbortSignal[] = [];
  const fetch = resilientFetch({
    timeout: 200,
    attemptTimeout: 90,
    fetch: (url: string, init?: RequestInit) => {
      if (init?.signal) signals.push(init.signal);
      return globalThis.fetch(url, init);
    },
  });
  const response = await fetch(server.origin);
  expect(await response.text()).toBe('one two three');
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});
