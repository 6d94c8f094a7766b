import { AsyncLocalStorage } from 'node:async_hooks';
import { gzipSync } from 'node:zlib';
import { pipeline, type ResilientFetchOptions, RetryBudget, resilientFetch, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { collectGarbage } from '../support/garbage.js';
import { type Reply, type TestRequest, testServer } from '../support/http-server.js';
import { settle, watch } from '../support/promises.js';

const SIZE = 300_000;
/** Bytes that differ at each offset, so that a part in the wrong place is seen. */
const data = Buffer.alloc(SIZE, 'x').map((_, at) => (at * 7 + (at >> 8) + (at >> 16)) & 255);
const ETAG = '"one"';
const quick = { retry: { backoff: () => 0 }, circuitBreaker: false } as const;

const offsetOf = ({ headers }: TestRequest): number | undefined => {
  const match = /^bytes=(\d+)-$/.exec(headers.range ?? '');
  return match === null ? undefined : Number(match[1]);
};

/** Sends the beginning of a body and then resets the connection. */
async function cut(
  { response }: TestRequest,
  head: Record<string, string | number>,
  status: number,
  bytes: Uint8Array,
) {
  response.writeHead(status, head);
  await new Promise((sent) => response.write(bytes, sent));
  setTimeout(() => response.destroy(), 10);
  return undefined;
}

const whole = (headers: Record<string, string | number> = {}) => ({ etag: ETAG, 'content-length': SIZE, ...headers });

const partHead = (from: number, headers: Record<string, string | number> = {}) => ({
  etag: ETAG,
  'content-range': `bytes ${from}-${SIZE - 1}/${SIZE}`,
  'content-length': SIZE - from,
  ...headers,
});

const sendPart = (
  { response }: TestRequest,
  from: number,
  head: Record<string, string | number> = partHead(from),
  bytes: Uint8Array = data.subarray(from),
) => {
  response.writeHead(206, head);
  response.end(bytes);
  return undefined;
};

type PartScript = (
  request: TestRequest,
  from: number,
  resumption: number,
) => Promise<Reply | undefined> | Reply | undefined;

/** A server whose first response breaks off after 100 kB, and which answers range requests by a script. */
function brokenServer(answer: PartScript, head: Record<string, string | number> = whole()) {
  let resumptions = 0;
  return testServer((request) => {
    const from = offsetOf(request);
    return from === undefined
      ? cut(request, head, 200, data.subarray(0, 100_000))
      : answer(request, from, ++resumptions);
  });
}

const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

/** Reads a body and returns what was read and the error that has ended it. */
async function readAll(response: Response) {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk);
    return { bytes: Buffer.concat(chunks), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error: error as Error };
  }
}

const isStart = (bytes: Buffer) => bytes.equals(data.subarray(0, bytes.length));

describe('A fetch with resume', () => {
  it('a body that breaks off is completed by a range request with If-Range (E39)', async () => {
    await using server = await brokenServer((request, from) => sendPart(request, from));
    const response = await resilientFetch({ ...quick, resume: true })(server.origin, { headers: { 'x-own': 'yes' } });
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(
      server.requests.map(({ headers }) => [headers.range, headers['if-range'], headers['accept-encoding']]),
    ).toEqual([
      [undefined, undefined, 'identity'],
      // Node's fetch adds one of its own to a range request, as the Fetch Standard says.
      ['bytes=100000-', ETAG, 'identity, identity'],
    ]);
    expect(server.requests[1]!.headers['x-own']).toBe('yes');
    expect(response).toMatchObject({ status: 200, url: `${server.origin}/` });
  });

  it('a body that breaks off again and again is completed by as many range requests as maxAttempts allows', async () => {
    await using server = await brokenServer((request, from, resumption) =>
      resumption < 3 ? cut(request, partHead(from), 206, data.subarray(from, from + 50_000)) : sendPart(request, from),
    );
    const response = await resilientFetch({ ...quick, resume: true })(server.origin);
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(server.requests.map(offsetOf)).toEqual([undefined, 100_000, 150_000, 200_000]);
  });

  it.each([1, 2, 5])(
    'a body ends with its error after %i resumptions if maxAttempts is that number',
    async (maxAttempts) => {
      await using server = await brokenServer((request, from) =>
        cut(request, partHead(from), 206, data.subarray(from, from + 1_000)),
      );
      const fetch = resilientFetch({ ...quick, retry: { backoff: () => 0, maxAttempts }, resume: true });
      const { bytes, error } = await readAll(await fetch(server.origin));
      expect(error).toBeInstanceOf(TypeError);
      expect(isStart(bytes)).toBe(true);
      expect(bytes).toHaveLength(100_000 + 1_000 * maxAttempts);
      expect(server.requests).toHaveLength(1 + maxAttempts);
    },
  );

  it('a body of unknown length is completed, with the length from the first Content-Range', async () => {
    await using server = await brokenServer((request, from) => sendPart(request, from), { etag: ETAG });
    const response = await resilientFetch({ ...quick, resume: true })(server.origin);
    expect((await bytesOf(response)).equals(data)).toBe(true);
  });

  it('a part that is shorter than the rest is followed by a request for what is still missing', async () => {
    await using server = await brokenServer((request, from, resumption) => {
      if (resumption > 1) return sendPart(request, from);
      const head = { etag: ETAG, 'content-range': `bytes ${from}-${from + 999}/${SIZE}` };
      return sendPart(request, from, head, data.subarray(from, from + 1_000));
    });
    const response = await resilientFetch({ ...quick, resume: true })(server.origin);
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(server.requests.map(offsetOf)).toEqual([undefined, 100_000, 101_000]);
  });

  it('a body of which only the end was missing is complete without another request (E41)', async () => {
    await using server = await testServer(async (request) => {
      request.response.writeHead(200, { etag: ETAG, 'content-length': SIZE, connection: 'close' });
      await new Promise((sent) => request.response.write(data, sent));
      return undefined;
    });
    const upstream = server.origin;
    const endless = async (url: string, init?: RequestInit) => {
      const response = await globalThis.fetch(url, init);
      const reader = response.body!.getReader();
      let left = SIZE;
      const body = new ReadableStream({
        async pull(controller) {
          if (left === 0) throw new TypeError('terminated');
          const { value } = await reader.read();
          left -= value!.byteLength;
          controller.enqueue(value);
        },
      });
      return new Response(body, response);
    };
    const response = await resilientFetch({ ...quick, fetch: endless, resume: true })(upstream);
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(server.requests).toHaveLength(1);
  });

  it('a 416 at the end of a body of unknown length is the end of the body (E41)', async () => {
    await using server = await testServer((request) => {
      const from = offsetOf(request);
      if (from === undefined) return cut(request, { etag: ETAG }, 200, data);
      return { status: 416, headers: { 'content-range': `bytes */${SIZE}` } };
    });
    const response = await resilientFetch({ ...quick, resume: true })(server.origin);
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it.each<[string, PartScript]>([
    ['a 416 in the middle', () => ({ status: 416, headers: { 'content-range': `bytes */${SIZE}` } })],
    ['a 200, because the entity has changed', () => ({ status: 200, headers: { etag: '"two"' }, body: 'changed' })],
    ['a 200 with the same ETag', () => ({ status: 200, headers: { etag: ETAG }, body: 'whole' })],
    ['a 412', () => ({ status: 412 })],
    ['a 404', () => ({ status: 404 })],
    ['a 206 with another ETag', (request, from) => sendPart(request, from, partHead(from, { etag: '"two"' }))],
    ['a 206 with a weak ETag', (request, from) => sendPart(request, from, partHead(from, { etag: `W/${ETAG}` }))],
    [
      'a 206 without an ETag',
      (request, from) => {
        const { etag: _, ...head } = partHead(from);
        return sendPart(request, from, head);
      },
    ],
    ['a 206 that starts elsewhere', (request) => sendPart(request, 0)],
    ['a 206 that starts one byte later', (request, from) => sendPart(request, from + 1)],
    [
      'a 206 in chunks that starts elsewhere',
      (request) => sendPart(request, 0, { etag: ETAG, 'content-range': `bytes 0-${SIZE - 1}/${SIZE}` }),
    ],
    [
      'a 206 in chunks that starts one byte later',
      (request, from) => {
        const head = { etag: ETAG, 'content-range': `bytes ${from + 1}-${SIZE - 1}/${SIZE}` };
        return sendPart(request, from + 1, head);
      },
    ],
    [
      'a 206 of another total',
      (request, from) =>
        sendPart(request, from, partHead(from, { 'content-range': `bytes ${from}-${SIZE - 1}/${SIZE + 1}` })),
    ],
    [
      'a 206 that ends behind its total',
      (request, from) => sendPart(request, from, partHead(from, { 'content-range': `bytes ${from}-${SIZE}/${SIZE}` })),
    ],
    [
      'a 206 that is compressed',
      (request, from) => {
        const bytes = gzipSync(data.subarray(from));
        return sendPart(
          request,
          from,
          partHead(from, { 'content-encoding': 'gzip', 'content-length': bytes.length }),
          bytes,
        );
      },
    ],
    [
      'a 206 without a Content-Range',
      (request, from) => {
        const { 'content-range': _, ...head } = partHead(from);
        return sendPart(request, from, head);
      },
    ],
    [
      'a 206 with several ranges',
      (request, from) =>
        sendPart(
          request,
          from,
          partHead(from, { 'content-type': 'multipart/byteranges; boundary=x', 'content-range': '' }),
        ),
    ],
    [
      'a 206 whose length does not match its range',
      (request, from) =>
        sendPart(request, from, partHead(from, { 'content-length': 10 }), data.subarray(from, from + 10)),
    ],
  ])(
    'a resumption that is answered with %s ends the body with its original error (E40 to E43)',
    async (_what, answer) => {
      await using server = await brokenServer(answer);
      const { bytes, error } = await readAll(await resilientFetch({ ...quick, resume: true })(server.origin));
      expect(error).toBeInstanceOf(TypeError);
      expect(error?.message).toBe('terminated');
      expect(bytes).toHaveLength(100_000);
      expect(isStart(bytes)).toBe(true);
      expect(server.requests).toHaveLength(2);
    },
  );

  it('a part with more bytes than announced ends the body with its original error (E40)', async () => {
    await using server = await brokenServer((request, from) => {
      const head = { etag: ETAG, 'content-range': `bytes ${from}-${SIZE - 1}/${SIZE}` };
      return sendPart(request, from, head, Buffer.concat([data.subarray(from), Buffer.from('forged')]));
    });
    const { bytes, error } = await readAll(await resilientFetch({ ...quick, resume: true })(server.origin));
    expect(error?.message).toBe('terminated');
    expect(isStart(bytes)).toBe(true);
    expect(server.requests).toHaveLength(2);
  });

  it.each<[string, Record<string, string | number>, RequestInit?]>([
    ['a weak ETag', whole({ etag: 'W/"one"' })],
    ['an ETag without quotes', whole({ etag: 'one' })],
    ['no ETag', { 'content-length': SIZE }],
    ['Accept-Ranges: none', whole({ 'accept-ranges': 'none' })],
    ['Content-Encoding', whole({ 'content-encoding': 'br' })],
    ['a Range of the caller', whole(), { headers: { range: 'bytes=0-' } }],
    ['a POST', whole(), { method: 'POST', headers: { 'idempotency-key': '1' } }],
  ])('a body with %s is not resumed', async (_what, head, init) => {
    await using server = await testServer((request) => cut(request, head, 200, data.subarray(0, 100_000)));
    const { error } = await readAll(await resilientFetch({ ...quick, resume: true })(server.origin, init));
    expect(error).toBeInstanceOf(TypeError);
    expect(server.requests).toHaveLength(1);
  });

  it('a first response that is not a 200 is not resumed', async () => {
    await using server = await testServer((request) => cut(request, whole(), 203, data.subarray(0, 100_000)));
    const { error } = await readAll(await resilientFetch({ ...quick, resume: true })(server.origin));
    expect(error).toBeInstanceOf(TypeError);
    expect(server.requests).toHaveLength(1);
  });

  it("the caller's own Accept-Encoding is kept (E39)", async () => {
    await using server = await testServer(() => ({ body: 'well' }));
    const fetch = resilientFetch({ ...quick, resume: true });
    await (await fetch(server.origin, { headers: { 'Accept-Encoding': 'gzip' } })).text();
    await (await fetch(new Request(server.origin, { headers: { 'x-own': 'yes' } }))).text();
    expect(server.requests[0]!.headers['accept-encoding']).toBe('gzip');
    expect(server.requests[1]!.headers).toMatchObject({ 'accept-encoding': 'identity', 'x-own': 'yes' });
  });

  it('a fetch without resume sends no Accept-Encoding of its own', async () => {
    await using server = await testServer(() => ({ body: 'well' }));
    await (await resilientFetch(quick)(server.origin)).text();
    expect(server.requests[0]!.headers['accept-encoding']).not.toBe('identity');
  });

  it('a resumption that fails with 503 or 429 is repeated, and each attempt counts (E45)', async () => {
    await using server = await brokenServer((request, from, resumption) =>
      resumption < 3 ? { status: resumption === 1 ? 503 : 429 } : sendPart(request, from),
    );
    const retries: number[] = [];
    const fetch = resilientFetch({ ...quick, resume: true, on: { retry: ({ attempt }) => retries.push(attempt) } });
    expect((await bytesOf(await fetch(server.origin))).equals(data)).toBe(true);
    expect(server.requests).toHaveLength(4);
    expect(retries).toEqual([1, 2, 3]);

    await using broken = await brokenServer(() => ({ status: 503 }));
    const { error } = await readAll(await fetch(broken.origin));
    expect(error?.message).toBe('terminated');
    expect(broken.requests).toHaveLength(4);
  });

  it('a resumption waits for the delay of the backoff, and no shorter than Retry-After', async () => {
    const clock = new TestClock();
    await using server = await brokenServer((request, from, resumption) =>
      resumption === 1 ? { status: 503, headers: { 'retry-after': '3' } } : sendPart(request, from),
    );
    const retry = { backoff: ({ attempt }: { attempt: number }) => attempt * 100 };
    const delays: number[] = [];
    const on = { retry: ({ delayMs }: { delayMs: number }) => delays.push(delayMs) };
    const response = await resilientFetch({ clock, circuitBreaker: false, retry, resume: true, on })(server.origin);
    const body = watch(bytesOf(response));
    await eventually(() => expect(delays).toEqual([100]));
    await settle();
    expect(server.requests).toHaveLength(1);
    await clock.advance(100);
    await eventually(() => expect(delays).toEqual([100, 3_000]));
    await clock.advance(3_000);
    await body.done;
    expect(body.value?.equals(data)).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a resumption has the attempt timeout up to its headers (E45)', async () => {
    const clock = new TestClock();
    await using server = await brokenServer((request, from, resumption) =>
      resumption === 1 ? undefined : sendPart(request, from),
    );
    const fetch = resilientFetch({ ...quick, clock, attemptTimeout: '2s', resume: true });
    const body = watch(bytesOf(await fetch(server.origin)));
    await eventually(() => expect(server.requests).toHaveLength(2));
    await clock.advance(2_000);
    await body.done;
    expect(body.value?.equals(data)).toBe(true);
    expect(server.requests).toHaveLength(3);
  });

  it('an open breaker rejects a resumption, and a resumption withdraws from the budget (E45)', async () => {
    await using server = await brokenServer(() => ({ status: 503 }));
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.1 }); // one retry in 10 s
    const bounded = resilientFetch({ retry: { backoff: () => 0, budget }, circuitBreaker: false, resume: true });
    await readAll(await bounded(server.origin));
    expect(server.requests).toHaveLength(2);

    const states: string[] = [];
    const fetch = resilientFetch({
      retry: { backoff: () => 0, maxAttempts: 9 },
      circuitBreaker: { consecutiveFailures: 2 },
      resume: true,
      on: { stateChange: ({ to }) => states.push(to) },
    });
    const { error } = await readAll(await fetch(server.origin));
    expect(error?.message).toBe('terminated');
    expect(states).toEqual(['open']);
    expect(server.requests).toHaveLength(2 + 3);
  });

  it("a body under bulkhead.holdUntil 'body' returns its slot before it is resumed (E57)", async () => {
    await using server = await brokenServer((request, from) => sendPart(request, from));
    const fetch = resilientFetch({
      ...quick,
      resume: true,
      bodyTimeout: '1m',
      bulkhead: { maxConcurrent: 1, maxQueue: 1, holdUntil: 'body' },
    });
    const response = await fetch(server.origin);
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect((await bytesOf(await fetch(server.origin))).equals(data)).toBe(true); // no slot is lost
  });

  it('a resumption under a policy of the caller and without retries is sent up to three times', async () => {
    for (const options of [{ retry: false as const }, { policy: pipeline(timeout('10s')) }]) {
      await using server = await brokenServer((request, from) =>
        cut(request, partHead(from), 206, data.subarray(from, from + 10)),
      );
      await readAll(await resilientFetch({ ...options, resume: true })(server.origin));
      expect(server.requests).toHaveLength(4);
    }
  });

  it('a resumption goes to the final URL, with credentials only to the same origin (E43)', async () => {
    await using other = await brokenServer((request, from) => sendPart(request, from));
    await using server = await testServer(({ path }) => ({
      status: 302,
      headers: { location: path === '/same' ? '/file' : `${other.origin}/file` },
    }));
    await using same = await testServer((request) => {
      if (request.path !== '/file') return { status: 302, headers: { location: '/file' } };
      const from = offsetOf(request);
      return from === undefined ? cut(request, whole(), 200, data.subarray(0, 1_000)) : sendPart(request, from);
    });
    const fetch = resilientFetch({ ...quick, resume: true });
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'x-own': 'yes' };
    expect((await bytesOf(await fetch(`${server.origin}/`, { headers }))).equals(data)).toBe(true);
    expect(other.requests.map(({ path }) => path)).toEqual(['/file', '/file']);
    expect(other.requests[1]!.headers).not.toHaveProperty('authorization');
    expect(other.requests[1]!.headers).not.toHaveProperty('cookie');
    expect(other.requests[1]!.headers['x-own']).toBe('yes');

    expect((await bytesOf(await fetch(new Request(`${same.origin}/`, { headers })))).equals(data)).toBe(true);
    expect(same.requests.map(({ path }) => path)).toEqual(['/', '/file', '/file']);
    expect(same.requests[2]!.headers.authorization).toBe('Bearer secret');
  });

  it('a resumption is prepared by beforeRetry, and has the changes of earlier attempts (E56)', async () => {
    let requests = 0;
    await using server = await testServer((request) => {
      requests++;
      if (requests === 1) return { status: 503 };
      const from = offsetOf(request);
      if (from === undefined) return cut(request, whole(), 200, data.subarray(0, 100_000));
      return requests === 3 ? { status: 503 } : sendPart(request, from);
    });
    const events: unknown[] = [];
    const fetch = resilientFetch({
      ...quick,
      resume: true,
      beforeRetry: ({ attempt, outcome, request }) => {
        events.push([attempt, outcome.ok && (outcome.value as Response).status, request.method]);
        return { headers: { 'x-token': `token ${events.length}` } };
      },
      on: { retry: ({ key, method }) => events.push(key === server.origin && method) },
    });
    expect((await bytesOf(await fetch(server.origin))).equals(data)).toBe(true);
    expect(server.requests.map(({ headers }) => headers['x-token'])).toEqual([
      undefined,
      'token 2',
      'token 4',
      'token 6',
    ]);
    expect(events).toEqual(['GET', [1, 503, 'GET'], 'GET', [1, false, 'GET'], 'GET', [2, 503, 'GET']]);
  });

  it('a resumption of a request that beforeRetry has moved goes to the new URL', async () => {
    await using server = await testServer((request) => {
      if (request.path === '/old') return { status: 503 };
      const from = offsetOf(request);
      return from === undefined ? cut(request, whole(), 200, data.subarray(0, 100_000)) : sendPart(request, from);
    });
    let moves = 0;
    const beforeRetry = () => (moves++ === 0 ? { url: '/new' } : undefined);
    const fetch = resilientFetch({ ...quick, resume: true, beforeRetry });
    expect((await bytesOf(await fetch(`${server.origin}/old`))).equals(data)).toBe(true);
    expect(server.requests.map(({ path }) => path)).toEqual(['/old', '/new', '/new']);
  });

  it('options of the call apply to its resumptions', async () => {
    await using server = await brokenServer((request, from, resumption) =>
      resumption === 1 ? undefined : sendPart(request, from),
    );
    const clock = new TestClock();
    const keys: string[] = [];
    const fetch = resilientFetch({ ...quick, resume: true, clock, on: { call: ({ key }) => keys.push(key) } });
    const response = await fetch(server.origin, { breakwater: { attemptTimeout: 700, key: 'mine' } });
    const body = watch(bytesOf(response));
    await eventually(() => expect(server.requests).toHaveLength(2));
    await clock.advance(700);
    await body.done;
    expect(body.value?.equals(data)).toBe(true);
    expect(keys).toEqual(['mine', 'mine', 'mine']);
  });

  it('a resumption asks the route for its address again', async () => {
    await using server = await brokenServer((request, from) => sendPart(request, from));
    const outcomes: boolean[] = [];
    const route = () => ({ url: `${server.origin}/routed`, release: ({ ok }: { ok: boolean }) => outcomes.push(ok) });
    const response = await resilientFetch({ ...quick, route, resume: true })('http://balanced.test/');
    expect((await bytesOf(response)).equals(data)).toBe(true);
    expect(server.requests.map(({ path }) => path)).toEqual(['/routed', '/routed']);
    expect(outcomes).toEqual([true, true]);
  });

  it('a caller that aborts while a resumption waits, or is sent, ends the body with the reason (E45)', async () => {
    const clock = new TestClock();
    await using server = await brokenServer(() => undefined);
    for (const delay of [1_000, 0]) {
      const controller = new AbortController();
      const retry = { backoff: () => delay };
      const before = server.requests.length;
      const fetch = resilientFetch({ clock, circuitBreaker: false, retry, resume: true });
      const body = watch(bytesOf(await fetch(server.origin, { signal: controller.signal })));
      if (delay > 0) await eventually(() => expect(clock.pendingTimers).toBe(1));
      else await eventually(() => expect(server.requests).toHaveLength(before + 2));
      controller.abort(new Error('enough'));
      await body.done;
      expect(body.error).toMatchObject({ message: 'enough' });
      if (delay === 0) await server.requests.at(-1)!.ended;
      else expect(server.requests).toHaveLength(before + 1);
      await settle();
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('a reader that cancels while a resumption is sent closes its connection', async () => {
    await using server = await brokenServer(() => undefined);
    const response = await resilientFetch({ ...quick, resume: true })(server.origin);
    const reader = response.body!.getReader();
    let bytes = 0;
    while (bytes < 100_000) bytes += (await reader.read()).value!.byteLength;
    const pending = watch(reader.read());
    await eventually(() => expect(server.requests).toHaveLength(2));
    await reader.cancel('no need');
    await pending.done;
    expect(pending.value).toEqual({ done: true, value: undefined });
    await server.requests[1]!.ended;
  });

  it('bodyTimeout includes resumptions', async () => {
    const clock = new TestClock();
    await using server = await brokenServer(() => undefined);
    const fetch = resilientFetch({ ...quick, clock, resume: true, bodyTimeout: '5s' });
    const body = watch(bytesOf(await fetch(server.origin)));
    await eventually(() => expect(server.requests).toHaveLength(2));
    await clock.advance(5_000);
    await body.done;
    expect(body.error).toMatchObject({ code: 'ERR_TIMEOUT', policy: 'resilientFetch body' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('a body that nothing reads is not requested ahead (E46)', async () => {
    let sent = 0;
    const total = 64 * 2 ** 20;
    const chunk = Buffer.alloc(65_536);
    async function* endless() {
      for (; sent < total; sent += chunk.length) yield chunk;
    }
    await using server = await testServer(() => ({ headers: { etag: ETAG }, body: endless() }));
    const response = await resilientFetch({ ...quick, resume: true, bodyIdleTimeout: '1m' })(server.origin);
    let before = -1;
    await eventually(() => {
      const now = sent;
      const isStill = now === before;
      before = now;
      expect(isStill).toBe(true);
    });
    expect(sent).toBeLessThan(16 * 2 ** 20);
    await response.body!.cancel();
  });

  it('a resumption runs in the async context of the call', async () => {
    const storage = new AsyncLocalStorage<string>();
    await using server = await brokenServer((request, from, resumption) =>
      resumption === 1 ? cut(request, partHead(from), 206, data.subarray(from, from + 10)) : sendPart(request, from),
    );
    const seen: (string | undefined)[] = [];
    const own = (...args: Parameters<typeof globalThis.fetch>) => {
      seen.push(storage.getStore());
      return globalThis.fetch(...args);
    };
    const fetch = resilientFetch({ ...quick, fetch: own, resume: true });
    const response = await storage.run('caller', () => fetch(server.origin));
    await storage.run('reader', () => bytesOf(response));
    expect(seen).toEqual(['caller', 'caller', 'caller']);
  });

  it('connections of resumed bodies that were dropped are closed', async () => {
    async function* endless() {
      for (;;) yield 'x'.repeat(10_000);
    }
    await using server = await testServer((request) => {
      const from = offsetOf(request);
      if (from === undefined) return cut(request, { etag: ETAG }, 200, data.subarray(0, 10));
      return {
        status: 206,
        headers: { etag: ETAG, 'content-range': `bytes 10-999999999/1000000000` },
        body: endless(),
      };
    });
    const fetch = resilientFetch({
      ...quick,
      resume: true,
      retry: { backoff: () => 0, budget: new RetryBudget({ ratio: 1 }) },
    });
    const start = async () => {
      const reader = (await fetch(server.origin)).body!.getReader();
      for (let bytes = 0; bytes <= 10; ) bytes += (await reader.read()).value!.byteLength;
    };
    for (let i = 0; i < 10; i++) await start();
    await eventually(() => {
      collectGarbage();
      expect(server.sockets.open).toBeLessThan(3);
    });
    expect(server.requests).toHaveLength(20);
  });
});

describe('The option resume', () => {
  it.each([0, 1, 'true', null, {}])('resume: %j is invalid', (resume) => {
    expect(() => resilientFetch({ resume } as unknown as ResilientFetchOptions)).toThrow(
      /"?resume"? must be a boolean/,
    );
  });
});
