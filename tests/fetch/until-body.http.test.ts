import { resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type Reply, testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';
import { tcpProxy } from '../support/tcp-proxy.js';

const retry = { backoff: () => 0 };

describe("A bulkhead with holdUntil 'body'", () => {
  /** One slot: the second call is sent when the first call releases the slot. */
  async function oneSlot(reply: (path: string) => Reply, options: { readonly clock?: TestClock } = {}) {
    const server = await testServer(({ path }) => reply(path));
    const fetch = resilientFetch({
      ...options,
      retry,
      bodyTimeout: '5s',
      bulkhead: { maxConcurrent: 1, maxQueue: 1, holdUntil: 'body' },
    });
    return { server, fetch, [Symbol.asyncDispose]: () => server.close() };
  }

  it.each<[string, (response: Response) => unknown]>([
    ['read', (response) => response.text()],
    ['cancelled', (response) => response.body?.cancel('no need')],
    ['read together with its clone', (response) => Promise.all([response.clone(), response].map((one) => one.text()))],
  ])('the slot is released when the body is %s', async (_how, use) => {
    await using it = await oneSlot(() => ({ body: 'x'.repeat(200_000) }));
    const first = await it.fetch(it.server.origin);
    const second = watch(it.fetch(it.server.origin));
    await settle();
    await expect(it.fetch(it.server.origin)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    expect(second.state).toBe('pending');
    expect(it.server.requests).toHaveLength(1);
    await use(first);
    await second.done;
    expect(second.value?.status).toBe(200);
    expect(it.server.requests).toHaveLength(2);
    await second.value?.body?.cancel();
  });

  it('the slot is released when the body times out, is aborted by the caller or fails', async () => {
    const clock = new TestClock();
    const hang = async function* () {
      yield 'the beginning';
      await new Promise(() => {});
    };
    await using it = await oneSlot(() => ({ body: hang() }), { clock });
    await using proxy = await tcpProxy(it.server.port);
    const late = watch((await it.fetch(proxy.origin)).text());
    const second = watch(it.fetch(proxy.origin, { signal: null }));
    await clock.advance(5_000);
    await Promise.all([late.done, second.done]);
    expect(late.error).toMatchObject({ code: 'ERR_TIMEOUT' });

    const third = watch(it.fetch(proxy.origin));
    await settle();
    expect(third.state).toBe('pending');
    const rest = watch(second.value!.text());
    for (const connection of proxy.connections) connection.reset();
    await rest.done;
    expect(rest.error).toBeInstanceOf(TypeError);
    await third.done;
    await third.value?.body?.cancel();

    const controller = new AbortController();
    const fourth = await it.fetch(proxy.origin, { signal: controller.signal });
    const fifth = watch(it.fetch(proxy.origin));
    await settle();
    expect(fifth.state).toBe('pending');
    controller.abort('enough');
    await expect(fourth.text()).rejects.toBe('enough');
    await fifth.done;
    await fifth.value?.body?.cancel();
    expect(clock.pendingTimers).toBe(0);
  });

  it('the slot is released at once when there is no body or the response is discarded', async () => {
    let failures = 2;
    await using it = await oneSlot((path) => {
      if (path === '/204') return { status: 204 };
      return failures-- > 0 ? { status: 503, body: 'x'.repeat(50_000) } : { body: 'well' };
    });
    await it.fetch(`${it.server.origin}/204`);
    const response = await it.fetch(it.server.origin); // the third attempt needs the slot of the first two
    expect(await response.text()).toBe('well');
    expect(it.server.requests).toHaveLength(4);
  });

  it('the slot is released when a classify function throws', async () => {
    await using server = await testServer(() => ({ body: 'well' }));
    let judged = 0;
    const fetch = resilientFetch({
      bodyTimeout: '1m',
      bulkhead: { maxConcurrent: 1, maxQueue: 1, holdUntil: 'body' },
      classify: () => {
        if (judged++ === 0) throw new Error('no judgement');
        return 'success';
      },
    });
    await expect(fetch(server.origin)).rejects.toThrow('no judgement');
    const second = watch(fetch(server.origin));
    await eventually(() => expect(second.state).toBe('fulfilled'));
    await second.value?.text();
  });
});
