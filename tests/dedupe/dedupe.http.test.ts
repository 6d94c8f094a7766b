import { AsyncLocalStorage } from 'node:async_hooks';
import { dedupe, pipeline, type ResilientFetchOptions, resilientFetch, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import nodeFetch from 'node-fetch';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { type Script, type TestRequest, testServer } from '../support/http-server.js';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const SIZE = 3_000_000;
/** Bytes that differ at each offset, so that a wrong or missing part is seen. */
const data = Buffer.alloc(SIZE, 'x').map((_, at) => (at * 7 + (at >> 8) + (at >> 16)) & 255);

/** A server that answers after `open` was called, so that all calls of a test are concurrent. */
async function gatedServer(script: Script) {
  const gate = defer<void>();
  const server = await testServer(async (request) => {
    await gate.promise;
    return script(request);
  });
  return { server, origin: server.origin, open: () => gate.resolve(), [Symbol.asyncDispose]: () => server.close() };
}

/** A server that sends each response in parts, when the test says so. */
async function steppedServer(head: (request: TestRequest) => Record<string, string> = () => ({})) {
  const server = await testServer((request) => {
    request.response.writeHead(200, head(request));
    request.response.flushHeaders();
    return undefined;
  });
  return { server, origin: server.origin, [Symbol.asyncDispose]: () => server.close() };
}

const send = (request: TestRequest, bytes: Uint8Array | string) =>
  new Promise((sent) => request.response.write(bytes, sent));

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

async function readSome(reader: ReadableStreamDefaultReader<Uint8Array>, bytes: number) {
  const chunks: Uint8Array[] = [];
  for (let read = 0; read < bytes; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    read += value.byteLength;
  }
  return Buffer.concat(chunks);
}

const quick = { retry: { backoff: () => 0 }, circuitBreaker: false } satisfies ResilientFetchOptions;
const sharing = (options?: Parameters<typeof dedupe>[0]) => resilientFetch({ ...quick, dedupe: dedupe(options) });

describe('A fetch with dedupe', () => {
  it('50 concurrent calls send one request, and each gets its own Response', async () => {
    await using it = await gatedServer(() => ({ headers: { 'x-seen': 'yes' }, body: 'hello' }));
    const fetch = sharing();
    const calls = Array.from({ length: 50 }, () => fetch(it.origin));
    await eventually(() => expect(it.server.requests).toHaveLength(1));
    it.open();
    const responses = await Promise.all(calls);
    expect(new Set(responses).size).toBe(50);
    responses[0]!.headers.set('x-seen', 'no');
    expect(responses[1]!.headers.get('x-seen')).toBe('yes');
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual(Array(50).fill('hello'));
    expect(it.server.requests).toHaveLength(1);

    expect(await (await fetch(it.origin)).text()).toBe('hello'); // nothing is kept
    expect(it.server.requests).toHaveLength(2);
  });

  it('shared responses have the url, redirected, type and status of the original (E50)', async () => {
    await using it = await gatedServer(({ path }) =>
      path === '/' ? { status: 302, headers: { location: '/file' } } : { status: 404, body: 'no such file' },
    );
    const fetch = sharing();
    const calls = [fetch(it.origin), fetch(it.origin, { signal: new AbortController().signal })];
    it.open();
    for (const response of await Promise.all(calls)) {
      expect(response).toBeInstanceOf(Response);
      expect(response).toMatchObject({
        url: `${it.origin}/file`,
        redirected: true,
        type: 'basic',
        status: 404,
        ok: false,
      });
      expect(response.statusText).toBe('Not Found');
      expect(await response.clone().text()).toBe('no such file');
      expect(response.clone().url).toBe(`${it.origin}/file`);
      expect(await response.text()).toBe('no such file');
    }
    expect(it.server.requests).toHaveLength(2);
  });

  it('responses to HEAD and of status 204 have no body (E50)', async () => {
    await using it = await gatedServer(({ path }) => (path === '/204' ? { status: 204 } : { body: 'hello' }));
    const fetch = sharing();
    const calls = ['HEAD', 'HEAD', 'GET', 'GET'].map((method) =>
      fetch(`${it.origin}/${method === 'GET' ? '204' : ''}`, { method }),
    );
    it.open();
    for (const response of await Promise.all(calls)) expect(response.body).toBeNull();
    expect(it.server.requests.map(({ method }) => method).sort()).toEqual(['GET', 'HEAD']);
  });

  it('each caller gets copies of the chunks (E50)', async () => {
    await using it = await gatedServer(() => ({ body: 'hello' }));
    const fetch = sharing();
    const calls = [fetch(it.origin), fetch(it.origin)];
    it.open();
    const [one, other] = await Promise.all(calls);
    (await one!.body!.getReader().read()).value!.fill(0);
    expect(await other!.text()).toBe('hello');
  });

  it('the abort of the first caller ends its own call only (E49)', async () => {
    await using it = await gatedServer(() => ({ body: 'hello' }));
    const fetch = sharing();
    const { controller, listeners } = countingController();
    const first = watch(fetch(it.origin, { signal: controller.signal }));
    const second = watch(fetch(it.origin));
    await eventually(() => expect(it.server.requests).toHaveLength(1));
    controller.abort(new Error('enough'));
    await first.done;
    expect(first.error).toMatchObject({ message: 'enough' });
    expect(listeners()).toBe(0);
    it.open();
    await second.done;
    expect(await second.value!.text()).toBe('hello');
    expect(it.server.requests).toHaveLength(1);
  });

  it('the abort of the last caller aborts the request, and the next call sends a new one (E49)', async () => {
    await using server = await testServer(({ index }) => (index === 0 ? undefined : { body: 'fresh' }));
    const fetch = sharing();
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => watch(fetch(server.origin, { signal })));
    await eventually(() => expect(server.requests).toHaveLength(1));
    for (const [at, controller] of controllers.entries()) controller.abort(new Error(`reason ${at}`));
    await settle();
    for (const [at, { error }] of calls.entries()) expect(error).toMatchObject({ message: `reason ${at}` });
    expect(await (await fetch(server.origin)).text()).toBe('fresh');
    await server.requests[0]!.ended;
    expect(server.requests).toHaveLength(2);
  });

  it('a caller that joins in the same turn as the abort of the only other caller gets its response', async () => {
    await using it = await gatedServer(() => ({ body: 'hello' }));
    const fetch = sharing();
    const controller = new AbortController();
    const first = watch(fetch(it.origin, { signal: controller.signal }));
    await eventually(() => expect(it.server.requests).toHaveLength(1));
    controller.abort(new Error('enough'));
    const second = fetch(it.origin);
    it.open();
    expect(await (await second).text()).toBe('hello');
    await first.done;
    expect(first.state).toBe('rejected');
  });

  it("a caller's abort ends its own body only, and the last one closes the connection (E49)", async () => {
    await using it = await steppedServer();
    const fetch = sharing();
    const controllers = [new AbortController(), new AbortController()];
    const responses = await Promise.all(controllers.map(({ signal }) => fetch(it.origin, { signal })));
    expect(it.server.requests).toHaveLength(1);
    const [one, other] = responses.map((response) => response.body!.getReader());
    await send(it.server.requests[0]!, 'first');
    expect((await one!.read()).value).toEqual((await other!.read()).value);
    controllers[0]!.abort(new Error('enough'));
    await expect(one!.read()).rejects.toThrow('enough');
    await send(it.server.requests[0]!, 'second');
    expect(Buffer.from((await other!.read()).value!).toString()).toBe('second');
    await other!.cancel();
    await it.server.requests[0]!.ended;
  });

  it('failures are shared, and forgotten immediately (E51)', async () => {
    await using server = await testServer((request) => {
      if (request.index > 0) return { body: 'well' };
      request.response.destroy();
      return undefined;
    });
    const fetch = resilientFetch({ retry: false, circuitBreaker: false, dedupe: dedupe() });
    let again: Promise<Response> | undefined;
    const first = fetch(server.origin).catch((error) => {
      again = fetch(server.origin);
      throw error;
    });
    const calls = await Promise.allSettled([first, fetch(server.origin)]);
    expect(calls.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(await (await again!).text()).toBe('well');
    expect(server.requests).toHaveLength(2);
  });

  it('an error in the middle of the body reaches each caller after the bytes before it', async () => {
    await using it = await steppedServer();
    const fetch = sharing();
    const responses = await Promise.all([fetch(it.origin), fetch(it.origin)]);
    await send(it.server.requests[0]!, 'first');
    const readers = responses.map((response) => response.body!.getReader());
    for (const reader of readers) expect(Buffer.from((await reader.read()).value!).toString()).toBe('first');
    it.server.requests[0]!.response.destroy();
    for (const reader of readers) await expect(reader.read()).rejects.toThrow('terminated');
  });

  it('the retries of a shared request are those of one call', async () => {
    await using server = await testServer(({ index }) => (index < 2 ? { status: 503 } : { body: 'well' }));
    const fetch = sharing();
    const responses = await Promise.all(Array.from({ length: 10 }, () => fetch(server.origin)));
    for (const response of responses) expect(await response.text()).toBe('well');
    expect(server.requests).toHaveLength(3);
  });

  it('two instances with the same dedupe object share nothing', async () => {
    await using it = await gatedServer(() => ({ body: 'hello' }));
    const shared = dedupe();
    const calls = [1, 2].map(() => resilientFetch({ dedupe: shared })(it.origin));
    it.open();
    await Promise.all(calls);
    expect(it.server.requests).toHaveLength(2);
  });

  it.each<[string, Record<string, string>]>([
    ['Set-Cookie', { 'set-cookie': 'session=1' }],
    ['Vary: *', { vary: 'accept, *' }],
  ])('a response with %s goes to one caller, and the others send their own requests', async (_what, headers) => {
    await using it = await gatedServer(({ index }) => ({ headers, body: `${index}` }));
    const fetch = sharing();
    const calls = [fetch(it.origin), fetch(it.origin), fetch(it.origin)];
    await eventually(() => expect(it.server.requests).toHaveLength(1));
    it.open();
    const texts = await Promise.all(calls.map(async (call) => (await call).text()));
    expect(texts[0]).toBe('0');
    expect(texts.sort()).toEqual(['0', '1', '2']);
  });

  it('a body that is a Node stream goes to one caller, and the others send their own requests', async () => {
    await using it = await gatedServer(({ index }) => ({ body: `${index}` }));
    const fetch = resilientFetch({ fetch: nodeFetch, dedupe: dedupe() });
    const calls = [fetch(it.origin), fetch(it.origin)];
    it.open();
    expect(await Promise.all(calls.map(async (call) => (await call).text()))).toEqual(['0', '1']);
  });

  it('followers run in their own async context, also if they send their own requests (E51)', async () => {
    await using it = await gatedServer(() => ({ headers: { 'set-cookie': 'a=b' }, body: 'hello' }));
    const storage = new AsyncLocalStorage<string>();
    const sent: (string | undefined)[] = [];
    const own = (...args: Parameters<typeof globalThis.fetch>) => {
      sent.push(storage.getStore());
      return globalThis.fetch(...args);
    };
    const fetch = resilientFetch({ ...quick, fetch: own, dedupe: dedupe() });
    const seen = ['leader', 'follower', 'other'].map((name) =>
      storage.run(name, async () => {
        const response = await fetch(it.origin);
        const before = storage.getStore();
        await response.text();
        return [before, storage.getStore()];
      }),
    );
    it.open();
    expect(await Promise.all(seen)).toEqual(['leader', 'follower', 'other'].map((name) => [name, name]));
    expect(sent).toEqual(['leader', 'follower', 'other']);
  });

  it('works under a policy of the caller, with resume, bodyIdleTimeout, bodyTimeout and held slots', async () => {
    await using server = await testServer(async ({ headers, response }) => {
      const from = /bytes=(\d+)-/.exec(headers.range ?? '')?.[1];
      if (from === undefined) {
        response.writeHead(200, { etag: '"one"', 'content-length': SIZE });
        await new Promise((sent) => response.write(data.subarray(0, 500_000), sent));
        setTimeout(() => response.destroy(), 10);
      } else {
        const head = { etag: '"one"', 'content-range': `bytes ${from}-${SIZE - 1}/${SIZE}` };
        response.writeHead(206, head).end(data.subarray(Number(from)));
      }
      return undefined;
    });
    const limits = { dedupe: dedupe(), resume: true, bodyIdleTimeout: '1m', bodyTimeout: '1m' } as const;
    const slots = { maxConcurrent: 1, maxQueue: 1, holdUntil: 'body' } as const;
    for (const options of [{ ...quick, bulkhead: slots }, { policy: pipeline(timeout('1m')) }]) {
      const fetch = resilientFetch({ ...options, ...limits });
      for (let round = 1; round <= 2; round++) {
        const bodies = await Promise.all([1, 2, 3].map(async () => bytesOf(await fetch(server.origin))));
        expect(bodies.every((bytes) => bytes.equals(data))).toBe(true);
      }
    }
    expect(server.requests).toHaveLength(8);
  });

  it('bodyTimeout ends the body of each caller, and the connection with the last one', async () => {
    const clock = new TestClock();
    await using it = await steppedServer();
    const fetch = resilientFetch({ clock, dedupe: dedupe(), bodyTimeout: '5s' });
    const bodies = (await Promise.all([fetch(it.origin), fetch(it.origin)])).map((response) => watch(response.text()));
    await clock.advance(5_000);
    await Promise.all(bodies.map(({ done }) => done));
    for (const { error } of bodies) expect(error).toMatchObject({ policy: 'resilientFetch body' });
    await it.server.requests[0]!.ended;
  });
});

describe('A reader that falls behind', () => {
  it('a caller that never reads does not delay the others, and then reads the whole body from its own request (E48)', async () => {
    await using server = await testServer(({ response }) => {
      response.writeHead(200).end(data);
      return undefined;
    });
    const fetch = sharing();
    const [idle, ...others] = await Promise.all([1, 2, 3].map(() => fetch(server.origin)));
    const read = await Promise.all(others.map(bytesOf));
    expect(read.every((bytes) => bytes.equals(data))).toBe(true);
    expect(server.requests).toHaveLength(1);
    expect((await bytesOf(idle!)).equals(data)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it('a caller that is less than maxBuffer behind reads what was buffered', async () => {
    await using server = await testServer(({ response }) => {
      response.writeHead(200).end(data.subarray(0, 900_000));
      return undefined;
    });
    const [idle, other] = await Promise.all(
      [1, 2].map(
        (
          (fetch) => () =>
            fetch(server.origin)
        )(sharing()),
      ),
    );
    expect((await bytesOf(other!)).length).toBe(900_000);
    expect((await bytesOf(idle!)).equals(data.subarray(0, 900_000))).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, Record<string, string>]>([
    ['a strong ETag', { etag: '"one"' }],
    ['a weak ETag', { etag: 'W/"one"' }],
    ['no ETag', {}],
  ])('a caller that has read a part of a body with %s reads the rest from its own request', async (_what, head) => {
    await using server = await testServer(({ response }) => {
      response.writeHead(200, head).end(data);
      return undefined;
    });
    for (const maxBuffer of [0, 100_000]) {
      const fetch = sharing({ maxBuffer });
      const before = server.requests.length;
      const [slow, fast] = await Promise.all([fetch(server.origin), fetch(server.origin)]);
      const reader = slow!.body!.getReader();
      const whole = bytesOf(fast!);
      const start = await readSome(reader, 10_000);
      expect((await whole).equals(data)).toBe(true);
      const rest = await readSome(reader, Infinity);
      expect(Buffer.concat([start, rest]).equals(data)).toBe(true);
      expect(server.requests).toHaveLength(before + 2);
    }
  });

  it.each<[string, (index: number) => { head?: Record<string, string>; status?: number; body: Uint8Array }]>([
    ['another ETag', (index) => ({ head: { etag: `"${index}"` }, body: data })],
    ['another length', (index) => ({ head: { 'content-length': `${SIZE - index}` }, body: data.subarray(index) })],
    ['another status', (index) => ({ status: index === 0 ? 200 : 404, body: data })],
    ['other bytes at the beginning', (index) => ({ body: Buffer.from(data).fill(data[5]! + index, 5, 6) })],
    ['an end before the bytes that were read', (index) => ({ body: data.subarray(0, index === 0 ? SIZE : 10) })],
  ])('a caller whose own request gets %s gets an error and no mixture', async (_what, answer) => {
    await using server = await testServer(({ index, response }) => {
      const { head = {}, status = 200, body } = answer(index);
      response.writeHead(status, head).end(body);
      return undefined;
    });
    const fetch = sharing({ maxBuffer: 0 });
    const [slow, fast] = await Promise.all([fetch(server.origin), fetch(server.origin)]);
    const reader = slow!.body!.getReader();
    const whole = bytesOf(fast!);
    const start = await readSome(reader, 1);
    await whole;
    await expect(reader.read()).rejects.toThrow('fell behind by more than maxBuffer');
    expect(start.equals(data.subarray(0, start.length))).toBe(true);
    await eventually(() => expect(server.requests[1]!.response.closed).toBe(true));
  });

  it('the own request is sent in the async context of its caller and with its headers, and only if it is read', async () => {
    await using server = await testServer(({ response }) => {
      response.writeHead(200).end(data);
      return undefined;
    });
    const storage = new AsyncLocalStorage<string>();
    const sent: (string | undefined)[] = [];
    const own = (...args: Parameters<typeof globalThis.fetch>) => {
      sent.push(storage.getStore());
      return globalThis.fetch(...args);
    };
    const fetch = resilientFetch({ ...quick, fetch: own, dedupe: dedupe() });
    const call = (name: string) => storage.run(name, () => fetch(server.origin, { headers: { traceparent: name } }));
    const [, slow, other] = await Promise.all(['leader', 'slow', 'other'].map(call));
    await bytesOf(other!);
    await settle();
    expect(sent).toEqual(['leader']);
    await bytesOf(slow!);
    expect(sent).toEqual(['leader', 'slow']);
    expect(server.requests.map(({ headers }) => headers.traceparent)).toEqual(['leader', 'slow']);
  });

  it('a caller that cancels or aborts during its own request closes the connection', async () => {
    const gates = [defer<void>(), defer<void>()];
    for (const [at, how] of (['cancel', 'abort'] as const).entries()) {
      await using server = await testServer(async ({ index, response }) => {
        response.writeHead(200);
        response.write(data);
        if (index > 0) gates[at]!.resolve();
        else response.end();
        return undefined;
      });
      const controller = new AbortController();
      const fetch = sharing({ maxBuffer: 0 });
      const [slow, fast] = await Promise.all([
        fetch(server.origin, { signal: controller.signal }),
        fetch(server.origin),
      ]);
      await bytesOf(fast!);
      const reader = slow!.body!.getReader();
      await readSome(reader, 1);
      await gates[at]!.promise;
      if (how === 'cancel') await reader.cancel();
      else {
        controller.abort(new Error('enough'));
        await expect(reader.read()).rejects.toThrow('enough');
      }
      await server.requests[1]!.ended;
      expect(server.requests[1]!.response.writableFinished).toBe(false);
    }
  });

  it('a slow pair of readers is not read ahead of (E46)', async () => {
    let sent = 0;
    const chunk = Buffer.alloc(65_536);
    async function* endless() {
      for (; sent < 64 * 2 ** 20; sent += chunk.length) yield chunk;
    }
    await using server = await testServer(() => ({ body: endless() }));
    const fetch = sharing();
    const responses = await Promise.all([fetch(server.origin), fetch(server.origin)]);
    let before = -1;
    await eventually(() => {
      const isStill = sent === before;
      before = sent;
      expect(isStill).toBe(true);
    });
    expect(sent).toBeLessThan(16 * 2 ** 20);
    await Promise.all(responses.map((response) => response.body!.cancel()));
    await server.requests[0]!.ended;
  });
});

describe('Responses of shared requests that are dropped', () => {
  it.each([
    ['with one caller', 1, false],
    ['with three callers', 3, false],
    ['with three callers that have a signal', 3, true],
  ])(
    'connections of unread bodies %s are closed, and their signals have no listener',
    async (_what, callers, isLinked) => {
      async function* endless() {
        for (;;) yield 'x'.repeat(100_000);
      }
      await using server = await testServer(() => ({ body: endless() }));
      const fetch = sharing();
      const { controller, listeners } = countingController();
      const signal = isLinked ? controller.signal : null;
      for (let i = 0; i < 10; i++) {
        await Promise.all(Array.from({ length: callers }, () => fetch(`${server.origin}/${i}`, { signal })));
      }
      await eventually(() => {
        collectGarbage();
        expect(server.sockets.open).toBeLessThan(3);
        expect(listeners()).toBe(0);
      });
      expect(server.requests).toHaveLength(10);
    },
  );

  it('a caller that reads keeps its body although the others were dropped', async () => {
    await using it = await steppedServer();
    const fetch = sharing();
    const reader = (await Promise.all([fetch(it.origin), fetch(it.origin)]))[1]!.body!.getReader();
    for (let round = 0; round < 3; round++) {
      collectGarbage();
      await settle();
      await send(it.server.requests[0]!, `${round}`);
      expect(Buffer.from((await reader.read()).value!).toString()).toBe(`${round}`);
    }
    await reader.cancel();
    await it.server.requests[0]!.ended;
  });
});
