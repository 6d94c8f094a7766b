import { circuitBreaker, isNetworkError, pipeline, resilientFetch, retry } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { tcpProxy } from '../support/tcp-proxy.js';

describe('A POST that fails after it was sent', () => {
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

  it('the POST is not retried', async () => {
    const { error, bodies, gaveUp } = await cutOff({});
    expect(isNetworkError(error)).toBe(true);
    expect(bodies).toEqual(['order']);
    expect(gaveUp).toMatchObject([{ reason: 'not-retryable', attempts: 1, method: 'POST' }]);
  });

  it('the POST is retried if it has an idempotency key', async () => {
    const { value, bodies } = await cutOff({ headers: { 'Idempotency-Key': '42' } });
    expect(value).toBe('done');
    expect(bodies).toEqual(['order', 'order']);
  });
});

it('a request body stream that fails rejects with its own error, is not retried and does not count for the breaker', async () => {
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
