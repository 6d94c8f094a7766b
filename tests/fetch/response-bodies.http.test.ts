import { getEventListeners } from 'node:events';
import { resilientFetch, TimeoutError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { inOrder, type Reply, testServer } from '../support/http-server.js';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { tcpProxy } from '../support/tcp-proxy.js';

const retry = { backoff: () => 0 };

async function* chunks(count: number, bytes: number) {
  for (let i = 0; i < count; i++) yield 'x'.repeat(bytes);
}

/** A server that sends the chunks of its body one at a time, when the test calls `send`. */
async function onDemand() {
  const more: ReturnType<typeof defer<string | undefined>>[] = [defer<string | undefined>()];
  async function* body() {
    for (let i = more.length - 1; ; i++) {
      const chunk = await more[i]!.promise;
      if (chunk === undefined) return;
      yield chunk;
    }
  }
  const server = await testServer(() => ({ body: body() }));
  const send = (chunk: string | undefined) => {
    more.push(defer<string | undefined>());
    more.at(-2)!.resolve(chunk);
  };
  return { server, origin: server.origin, send, [Symbol.asyncDispose]: () => server.close() };
}

const read = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
  const { done, value } = await reader.read();
  return done ? undefined : new TextDecoder().decode(value);
};

/** A clock whose timers all fire at once and late, as on a blocked event loop. */
function lateClock() {
  let now = 0;
  const timers = new Set<() => void>();
  return {
    now: () => now,
    setTimeout(callback: () => void) {
      timers.add(callback);
      return callback;
    },
    clearTimeout: (handle: unknown) => void timers.delete(handle as () => void),
    ring() {
      now += 3_600_000;
      for (const callback of [...timers]) if (timers.delete(callback)) callback();
    },
  };
}

describe('A discarded response', () => {
  it.each<[string, () => Reply['body']]>([
    ['with a length', () => 'x'.repeat(50_000)],
    ['in chunks', () => chunks(5, 10_000)],
  ])('20 discarded responses of status 503 with 50 kB %s are drained and use at most 2 sockets', async (_how, body) => {
    await using server = await testServer(({ index }) =>
      index < 20 ? { status: 503, body: body() } : { body: 'well' },
    );
    const fetch = resilientFetch({ circuitBreaker: false, retry: { ...retry, maxAttempts: 21 } });
    const response = await fetch(server.origin);
    expect(await response.text()).toBe('well');
    expect(server.requests).toHaveLength(21);
    expect(server.sockets.used).toBeLessThanOrEqual(2);
  });

  it('a discarded response is drained during the delay before the retry', async () => {
    const clock = new TestClock();
    await using server = await testServer(inOrder({ status: 503, body: 'x'.repeat(50_000) }, { body: 'well' }));
    const retries: number[] = [];
    const call = watch(resilientFetch({ clock, on: { retry: (event) => retries.push(event.attempt) } })(server.origin));
    await eventually(() => expect(retries).toEqual([1]));
    await eventually(() => expect(clock.pendingTimers).toBe(2)); // the total timeout and the delay: the body has been drained
    await settle();
    expect(server.requests).toHaveLength(1);
    await clock.advance(1_000);
    await call.done;
    expect(await call.value?.text()).toBe('well');
    expect(server.sockets.used).toBe(1);
  });

  it('a discarded response with a length above drainLimit is cancelled at once', async () => {
    const clock = new TestClock();
    const hanging = async function* () {
      yield 'x'.repeat(500);
      await new Promise(() => {});
    };
    const headers = { 'content-length': '1001' };
    await using server = await testServer(({ index }) =>
      index === 0 ? { status: 503, headers, body: hanging() } : { body: 'well' },
    );
    const response = await resilientFetch({ clock, retry, drainLimit: 1_000 })(server.origin);
    expect(await response.text()).toBe('well');
    await server.requests[0]!.ended; // the connection is closed, because the response is not complete
    expect(server.requests[0]!.response.writableFinished).toBe(false);
    expect(server.sockets.used).toBe(2);
  });

  it('a discarded response is cancelled when more than drainLimit was received', async () => {
    const clock = new TestClock();
    await using server = await testServer(({ index }) =>
      index === 0 ? { status: 503, body: chunks(1e9, 1_000) } : { body: 'well' },
    );
    const response = await resilientFetch({ clock, retry, drainLimit: 10_000 })(server.origin);
    expect(await response.text()).toBe('well');
    await server.requests[0]!.ended;
    expect(server.requests[0]!.response.writableFinished).toBe(false);
  });

  it('a discarded response without an end is cancelled', async () => {
    const clock = new TestClock();
    await using upstream = await onDemand();
    await using server = await testServer(inOrder({ body: 'well' }));
    let attempts = 0;
    const fetch = resilientFetch({
      clock,
      retry,
      route: () => ({ url: attempts++ === 0 ? upstream.origin : server.origin }),
      classify: () => (attempts === 1 ? 'failure' : 'success'),
    });
    upstream.send('the beginning');
    expect(await (await fetch('http://balanced.test/')).text()).toBe('well');
    expect(upstream.server.sockets.open).toBe(1);
    await clock.advance(1_000);
    await upstream.server.requests[0]!.ended;
    expect(clock.pendingTimers).toBe(0);
  });

  it('the last response is returned intact', async () => {
    await using server = await testServer(({ index }) => ({ status: 503, body: `no ${index} ${'x'.repeat(100_000)}` }));
    for (const bodyTimeout of [undefined, '1m'] as const) {
      const before = server.requests.length;
      const response = await resilientFetch({ retry, bodyTimeout })(server.origin);
      expect(response.status).toBe(503);
      expect(await response.text()).toBe(`no ${before + 2} ${'x'.repeat(100_000)}`);
      expect(server.requests).toHaveLength(before + 3);
    }
  });
});

describe('The body of a returned response', () => {
  it('attemptTimeout and timeout do not cut off the body', async () => {
    const clock = new TestClock();
    await using upstream = await onDemand();
    const fetch = resilientFetch({ clock, attemptTimeout: '1s', timeout: '2s' });
    for (const signal of [null, new AbortController().signal]) {
      const response = await fetch(upstream.origin, { signal });
      const reader = response.body!.getReader();
      for (const word of ['slow', 'and', 'steady']) {
        await clock.advance(60_000);
        upstream.send(word);
        expect(await read(reader)).toBe(word);
      }
      await reader.cancel();
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('bodyTimeout rejects the reader with a TimeoutError and closes the connection', async () => {
    const clock = new TestClock();
    await using upstream = await onDemand();
    const response = await resilientFetch({ clock, bodyTimeout: '5s' })(upstream.origin);
    const reader = response.body!.getReader();
    upstream.send('the beginning');
    expect(await read(reader)).toBe('the beginning');
    const rest = watch(reader.read());
    await clock.advance(4_999);
    expect(rest.state).toBe('pending');
    await clock.advance(1);
    await rest.done;
    expect(rest.error).toBeInstanceOf(TimeoutError);
    expect(rest.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 5_000 });
    await upstream.server.requests[0]!.ended;
    expect(clock.pendingTimers).toBe(0);
  });

  it('bodyTimeout starts with the headers, even if the body is read later', async () => {
    const clock = new TestClock();
    await using upstream = await onDemand();
    const response = await resilientFetch({ clock, bodyTimeout: '5s' })(upstream.origin);
    await clock.advance(5_000);
    await expect(response.text()).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await upstream.server.requests[0]!.ended;
  });

  it('a stall of the event loop does not cut off a body that has already arrived', async () => {
    const clock = lateClock();
    const fetch = resilientFetch({ clock, bodyTimeout: '1s' });
    await using server = await testServer(({ response }) => {
      response.flushHeaders();
      return undefined;
    });
    const response = await fetch(server.origin);
    const text = response.text();
    await settle();
    server.requests[0]!.response.end('all of it'); // in the buffer of the client's socket from now on
    clock.ring();
    expect(await text).toBe('all of it');
  });

  it('an abort by the caller rejects the reader with its reason and closes the connection', async () => {
    await using upstream = await onDemand();
    const { controller, listeners } = countingController();
    const response = await resilientFetch()(upstream.origin, { signal: controller.signal });
    expect(listeners()).toBe(1);
    const reader = response.body!.getReader();
    upstream.send('the beginning');
    expect(await read(reader)).toBe('the beginning');
    const rest = watch(reader.read());
    const reason = { why: 'enough' };
    controller.abort(reason);
    await rest.done;
    expect(rest.error).toBe(reason);
    await upstream.server.requests[0]!.ended;
    expect(listeners()).toBe(0);
  });

  it('an abort by the caller before the body is read rejects the read', async () => {
    await using upstream = await onDemand();
    const controller = new AbortController();
    const response = await resilientFetch()(new Request(upstream.origin, { signal: controller.signal }));
    controller.abort('enough');
    await expect(response.text()).rejects.toBe('enough');
    await upstream.server.requests[0]!.ended;
  });

  it('an abort of the signal of a garbage-collected Request rejects the read', async () => {
    await using upstream = await onDemand();
    const controller = new AbortController();
    const response = await resilientFetch()(new Request(upstream.origin, { signal: controller.signal }));
    const text = watch(response.text());
    for (let i = 0; i < 5; i++) {
      collectGarbage(); // platforms reference the signals of a Request weakly
      await settle();
    }
    controller.abort('enough');
    await eventually(() => expect(text.error).toBe('enough'));
  });

  it.each<[string, (response: Response) => unknown]>([
    ['the body was read', (response) => response.text()],
    ['the body was cancelled', (response) => response.body?.cancel()],
    [
      'the body was read in part and cancelled',
      async (response) => {
        const reader = response.body!.getReader();
        await reader.read();
        await reader.cancel();
      },
    ],
    ['the body and its clone were read', (response) => Promise.all([response.clone().text(), response.text()])],
  ])('a response leaves no listener on the signal and no timer after %s', async (_how, use) => {
    const clock = new TestClock();
    await using server = await testServer(() => ({ body: 'x'.repeat(200_000) }));
    const { controller, listeners } = countingController();
    const { signal } = controller;
    const fetch = resilientFetch({ clock, bodyTimeout: '1m' });
    for (let i = 0; i < 20; i++) await use(await fetch(server.origin, { signal }));
    expect(listeners()).toBe(0);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a failed body and a response without a body leave no listener and no timer', async () => {
    const clock = new TestClock();
    await using server = await testServer(({ path }) =>
      path === '/204' ? { status: 204 } : { body: 'x'.repeat(9_000) },
    );
    await using proxy = await tcpProxy(server.port, (connection) => (connection === 0 ? { cutAfter: 5_000 } : {}));
    const { controller, listeners } = countingController();
    const { signal } = controller;
    const fetch = resilientFetch({ clock, bodyTimeout: '1m' });
    await expect((await fetch(proxy.origin, { signal })).text()).rejects.toThrow(TypeError);
    expect((await fetch(`${proxy.origin}/204`, { signal })).body).toBe(null);
    expect((await fetch(proxy.origin, { signal, method: 'HEAD' })).body).toBe(null);
    expect(listeners()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the body can be read byte by byte into buffers of the caller', async () => {
    await using server = await testServer(() => ({ body: 'x'.repeat(100_000) }));
    const response = await resilientFetch({ bodyTimeout: '1m' })(server.origin);
    const reader = response.body!.getReader({ mode: 'byob' });
    let bytes = 0;
    for (let view = new Uint8Array(1_000); ; ) {
      const { done, value } = await reader.read(view);
      if (done) break;
      bytes += value.length;
      view = value;
    }
    expect(bytes).toBe(100_000);
  });
});

describe('A returned response', () => {
  it('a response whose headers have already arrived does not time out after a stall of the event loop', async () => {
    const clock = lateClock();
    const fetch = resilientFetch({ clock, attemptTimeout: '1s', timeout: '1m' });
    await using server = await testServer(() => undefined);
    const call = fetch(server.origin);
    await eventually(() => expect(server.requests).toHaveLength(1));
    await settle();
    server.requests[0]!.response.end('all of it');
    clock.ring();
    expect(await (await call).text()).toBe('all of it');
  });

  it('a response without a signal or a body timeout is returned as the original object', async () => {
    const answer = new Response('well');
    const fetch = resilientFetch({ fetch: async (_url: string) => answer });
    expect(await fetch('http://spy.test/')).toBe(answer);
  });

  it('a watched response and its clones have the properties of the original response', async () => {
    await using server = await testServer(({ path }) => {
      if (path === '/') return { status: 302, headers: { location: '/there' } };
      const headers = { 'set-cookie': ['a=1', 'b=2'], 'content-type': 'application/json', 'x-other': 'ü' };
      return { status: 418, headers, body: '{"tea":true}' };
    });
    const what = ({ url, redirected, type, status, statusText, ok, headers, bodyUsed }: Response) => {
      const all = [...headers].filter(([name]) => name !== 'date');
      return { url, redirected, type, status, statusText, ok, bodyUsed, headers: all };
    };
    const plain = await fetch(server.origin);
    const response = await resilientFetch({ bodyTimeout: '1m' })(server.origin);
    expect(response).toBeInstanceOf(Response);
    expect(what(response)).toEqual(what(plain));
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);

    const clone = response.clone();
    const cloneOfClone = clone.clone();
    for (const copy of [clone, cloneOfClone]) expect(what(copy)).toEqual(what(plain));
    expect(await response.json()).toEqual({ tea: true });
    expect(await clone.text()).toBe('{"tea":true}');
    expect((await cloneOfClone.blob()).type).toBe('application/json');
    expect([response.bodyUsed, clone.bodyUsed]).toEqual([true, true]);
  });

  it.each([
    [
      'a status that a Response cannot be constructed with',
      'HTTP/1.1 999 Request denied\r\ncontent-length: 9\r\n\r\nno',
    ],
    ['a reason phrase that is not ASCII', 'HTTP/1.1 404 N\u00e3o\r\ncontent-length: 9\r\n\r\nno'],
  ])('a response with %s can be watched', async (_what, beginning) => {
    await using server = await testServer(({ response }) => {
      response.socket!.write(Buffer.from(beginning, 'latin1'));
      return undefined;
    });
    const what = ({ status, statusText, ok }: Response) => ({ status, statusText, ok });
    const plain = await fetch(server.origin);
    const controller = new AbortController();
    const response = await resilientFetch()(server.origin, { signal: controller.signal });
    expect(what(response)).toEqual(what(plain));
    expect(what(response.clone())).toEqual(what(plain));
    const reader = response.body!.getReader();
    expect(await read(reader)).toBe('no');
    controller.abort('enough');
    await expect(reader.read()).rejects.toBe('enough');
    await plain.body!.cancel();
  });

  it.each<[string, () => Uint8Array[]]>([
    [
      'views of one buffer',
      () => {
        const slab = new TextEncoder().encode('abcdef');
        return [slab.subarray(0, 3), slab.subarray(3, 6)];
      },
    ],
    ['an empty chunk', () => [new Uint8Array(0), new TextEncoder().encode('abcdef')]],
  ])('a body of a custom fetch can consist of %s, and its chunks are not changed', async (_what, make) => {
    const parts = make();
    const before = parts.map((part) => part.slice());
    const body = () =>
      new ReadableStream({
        start(controller) {
          for (const part of parts) controller.enqueue(part);
          controller.close();
        },
      });
    const fetch = resilientFetch({ fetch: async (_url: string) => new Response(body()), bodyTimeout: '1m' });
    const reader = (await fetch('http://spy.test/')).body!.getReader();
    let text = '';
    for (let part = await read(reader); part !== undefined; part = await read(reader)) text += part;
    expect(text).toBe('abcdef');
    expect(parts).toEqual(before);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a body that is not a stream', async () => ({ status: 200, headers: new Headers(), body: 'text' })],
    [
      'the shape of a Response only',
      async () => ({ status: 200, headers: new Headers(), body: new Response('').body }),
    ],
    [
      'a body that has already been read',
      async () => {
        const response = new Response('text');
        await response.text();
        return response;
      },
    ],
  ])('a response of a custom fetch can have %s', async (_what, make) => {
    const made = (await make()) as Response;
    const { signal } = new AbortController();
    const fetch = resilientFetch({ fetch: async (_url: string, _init?: RequestInit) => made });
    expect(await fetch('http://spy.test/', { signal })).toBe(made);
  });
});
