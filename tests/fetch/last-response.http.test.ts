import { resilientFetch } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { testServer } from '../support/http-server.js';
import { watch } from '../support/promises.js';

const retryAtOnce = { backoff: () => 0 };

it('the last error response is returned with its status, headers and body', async () => {
  const body = JSON.stringify({ why: 'overloaded', n: 'x'.repeat(100_000) });
  await using server = await testServer(() => ({ status: 503, headers: { 'x-why': 'overloaded' }, body }));
  const response = await resilientFetch({ retry: retryAtOnce })(server.origin);
  expect([response.status, response.headers.get('x-why')]).toEqual([503, 'overloaded']);
  expect(await response.text()).toBe(body);
  expect(server.requests).toHaveLength(3);
});

it('retry delays have jitter by default, so no two clients retry at the same time', async () => {
  const random = seededRandom(1);
  const delays: number[] = [];
  for (let client = 0; client < 50; client++) {
    const clock = new TestClock();
    const fetch = resilientFetch({
      fetch: async (_url: string) => new Response('', { status: 503 }),
      on: { retry: ({ delayMs }) => delays.push(delayMs) },
      clock,
      random,
    });
    const call = watch(fetch('http://127.0.0.1:1/'));
    await clock.advance(60_000);
    expect(call.state).toBe('fulfilled');
  }
  expect(delays).toHaveLength(100);
  expect(new Set(delays.map(Math.round)).size).toBeGreaterThan(60);
});

it('the body of a response may take longer than any timeout of the call', async () => {
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
