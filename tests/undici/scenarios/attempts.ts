import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { isResilienceError } from 'breakwater';
import { inOrder } from '../../support/http-server.js';
import { type Scenarios, SOON } from './scenario.js';

const BAD = { status: 503, headers: { 'x-kind': 'bad' }, body: 'bad' };
const GOOD = { body: 'good' };

/** When a request is repeated, and what its caller receives. */
export const attempts: Scenarios = {
  'repeats undici.request after a 503, on the same connection': async ({ undici, guarded, server }) => {
    const peer = await server(inOrder(BAD, BAD, GOOD));
    const { statusCode, body } = await undici.request(peer.origin, {
      dispatcher: guarded({ retry: { backoff: () => 20 } }),
    });
    assert.deepEqual([statusCode, await body.text(), peer.requests.length], [200, 'good', 3]);
    assert.equal(peer.sockets.used, 1);
  },

  'repeats undici.fetch after a 503': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD, BAD, GOOD));
    const response = await undici.fetch(origin, { dispatcher: guarded() });
    assert.deepEqual([response.status, await response.text(), requests.length], [200, 'good', 3]);
  },

  'repeats undici.stream after a 503': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD, GOOD));
    const output = new PassThrough();
    const received = text(output);
    await undici.stream(origin, { method: 'GET', dispatcher: guarded() }, () => output);
    assert.deepEqual([await received, requests.length], ['good', 2]);
  },

  'repeats undici.pipeline with its body after a 503': async ({ undici, guarded, server }) => {
    const bodies: string[] = [];
    const { origin } = await server(async (request) => {
      bodies.push(await request.text());
      return request.index === 0 ? BAD : GOOD;
    });
    const duplex = undici.pipeline(origin, { method: 'PUT', dispatcher: guarded() }, ({ body }) => body);
    duplex.end('pipelined');
    assert.equal(await text(duplex), 'good');
    assert.deepEqual(bodies, ['pipelined', 'pipelined']);
  },

  'returns the last failed response intact': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const dispatcher = guarded();
    const response = await undici.fetch(origin, { dispatcher });
    assert.deepEqual([response.status, response.headers.get('x-kind'), await response.text()], [503, 'bad', 'bad']);
    const { statusCode, headers, body } = await undici.request(origin, { dispatcher });
    assert.deepEqual([statusCode, headers['x-kind'], await body.text()], [503, 'bad', 'bad']);
    assert.equal(requests.length, 6);
  },

  'sends a POST once, but repeats it with an Idempotency-Key': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const dispatcher = guarded();
    const send = (headers: object) =>
      undici.request(origin, { method: 'POST', body: 'x', headers: { ...headers }, dispatcher });
    await (await send({})).body.dump();
    assert.equal(requests.length, 1);
    await (await send({ 'idempotency-key': '1' })).body.dump();
    assert.equal(requests.length, 4);
    const turns = ['Idempotency-Key', '2'];
    await (await undici.request(origin, { method: 'POST', headers: turns, dispatcher })).body.dump();
    assert.equal(requests.length, 7);
  },

  'repeats a POST that was never sent, with any body': async ({ undici, guarded }) => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    let retries = 0;
    const dispatcher = guarded({ on: { retry: () => void retries++ } });
    const form = new undici.FormData();
    form.set('name', 'value');
    const generator = async function* () {
      yield 'chunk';
    };
    for (const body of ['text', Buffer.from('bytes'), form, generator() as unknown as Readable]) {
      await assert.rejects(undici.request(origin, { method: 'POST', body, dispatcher }), { code: 'ECONNREFUSED' });
    }
    await assert.rejects(undici.fetch(origin, { method: 'POST', body: 'text', dispatcher }));
    assert.equal(retries, 10);
  },

  'repeats a request whose connection was reset before the response': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(({ index, response }) => {
      if (index === 2) return GOOD;
      response.destroy();
      return undefined;
    });
    const { body } = await undici.request(origin, { dispatcher: guarded() });
    assert.deepEqual([await body.text(), requests.length], ['good', 3]);
  },

  'reports the error of the last attempt, as plain undici does': async ({ undici, guarded }) => {
    const origin = `http://127.0.0.1:${await freePort()}`;
    const dispatcher = guarded();
    await assert.rejects(undici.request(origin, { dispatcher }), { code: 'ECONNREFUSED' });
    await assert.rejects(undici.fetch(origin, { dispatcher }), (error: TypeError) => {
      assert.equal(error.message, 'fetch failed');
      assert.equal((error.cause as NodeJS.ErrnoException).code, 'ECONNREFUSED');
      return true;
    });
  },

  'ends a silent attempt after attemptTimeout and makes another': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(({ index }) => (index === 0 ? undefined : GOOD));
    const { body } = await undici.request(origin, { dispatcher: guarded({ attemptTimeout: 150 }) });
    assert.equal(await body.text(), 'good');
    await requests[0]?.ended;
  },

  'ends the call after the total timeout, with TimeoutError': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(() => undefined);
    const dispatcher = guarded({ timeout: 100 });
    await assert.rejects(undici.request(origin, { dispatcher }), { code: 'ERR_TIMEOUT' });
    await assert.rejects(undici.fetch(origin, { dispatcher }), (error: TypeError) =>
      isResilienceError(error.cause, 'ERR_TIMEOUT'),
    );
    await Promise.all(requests.map(({ ended }) => ended));
  },

  'opens the breaker of one origin': async ({ undici, guarded, server }) => {
    const [bad, good] = [await server(inOrder(BAD)), await server(inOrder(GOOD))];
    const dispatcher = guarded({ retry: false, circuitBreaker: { minimumCalls: 5 } });
    for (let call = 0; call < 5; call++) await (await undici.request(bad.origin, { dispatcher })).body.dump();
    await assert.rejects(undici.request(bad.origin, { dispatcher }), { code: 'ERR_CIRCUIT_OPEN' });
    await assert.rejects(undici.fetch(bad.origin, { dispatcher }), (error: TypeError) =>
      isResilienceError(error.cause, 'ERR_CIRCUIT_OPEN'),
    );
    assert.equal((await undici.request(good.origin, { dispatcher })).statusCode, 200);
    assert.equal(bad.requests.length, 5);
  },

  'does not repeat mistakes of the caller, nor count them for the breaker': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(async (request) => {
      await request.text();
      return GOOD;
    });
    let retries = 0;
    const circuitBreaker = { minimumCalls: 2 };
    const dispatcher = guarded({ circuitBreaker, on: { retry: () => void retries++ } });
    const failure = new Error('The source has failed');
    const failing = async function* () {
      yield 'chunk';
      throw failure;
    };
    const send = (options: object) => undici.request(origin, { method: 'PUT', dispatcher, ...options });
    await assert.rejects(send({ headers: { 'bad name': 'x' } }), { code: 'UND_ERR_INVALID_ARG' });
    await assert.rejects(send({ headers: { expect: '100-continue' } }), { code: 'UND_ERR_NOT_SUPPORTED' });
    await assert.rejects(send({ body: 'abc', headers: { 'content-length': '5' } }), {
      code: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
    });
    await assert.rejects(send({ body: failing() }), failure);
    await assert.rejects(send({ body: 5 }), { code: 'UND_ERR_INVALID_ARG' });
    assert.equal(retries, 0);
    assert.equal(await (await send({ body: 'whole' })).body.text(), 'good');
    assert.ok(requests.length <= 2);
  },

  'delays requests while a server answers with 429': async ({ undici, guarded, server }) => {
    const { origin } = await server(({ index }) =>
      index === 0 ? { status: 429, headers: { 'retry-after': '1' } } : GOOD,
    );
    const started = performance.now();
    const dispatcher = guarded({ retry: undefined });
    const bodies = await Promise.all(
      [0, 20].map(async (ms) => {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return (await undici.request(origin, { dispatcher })).body.text();
      }),
    );
    assert.deepEqual(bodies, ['good', 'good']);
    assert.ok(performance.now() - started >= 900);
  },

  'reads options of one request from its member "breakwater"': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const dispatcher = guarded();
    const send = (breakwater: object) => undici.request(origin, { method: 'POST', dispatcher, ...{ breakwater } });
    await (await send({ repeatable: true })).body.dump();
    assert.equal(requests.length, 3);
    await assert.rejects(send({ timeut: 1 }), { code: 'ERR_INVALID_OPTION' });
    await assert.rejects(send({ classify: () => 'fine' }), { code: 'ERR_INVALID_OPTION' });
  },

  'treats each dispatcher with an origin of its own as one key': async ({ undici, server }) => {
    const { resilient } = await import('breakwater/undici');
    const { origin } = await server(inOrder(BAD, GOOD));
    const interceptor = resilient({ retry: SOON });
    for (const Kind of [undici.Pool, undici.Client]) {
      const dispatcher = new Kind(origin).compose(interceptor);
      const { body } = await dispatcher.request({ path: '/', method: 'GET' });
      assert.equal(await body.text(), 'good');
      await dispatcher.close();
    }
    const keys = interceptor.breakwater.snapshot().keys.map(({ key }) => key);
    assert.ok(keys.length > 0 && keys.every((key) => key === origin || key.startsWith('dispatcher ')), String(keys));
  },
};

/** Returns a port on which no server listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
