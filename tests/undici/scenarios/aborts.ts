import assert from 'node:assert/strict';
import { inOrder } from '../../support/http-server.js';
import { after, handlerOf, type Scenarios, until } from './scenario.js';

const mine = new Error('The abort reason of the caller');
const HOUR = 3_600_000;

/** Aborts at every stage of a call, and handlers and dispatchers that throw. */
export const aborts: Scenarios = {
  'ends a call that was aborted before it began': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder({ body: 'good' }));
    const signal = AbortSignal.abort(mine);
    const dispatcher = guarded();
    await assert.rejects(undici.request(origin, { dispatcher, signal }), mine);
    await assert.rejects(undici.fetch(origin, { dispatcher, signal }), mine);
    assert.equal(requests.length, 0);
  },

  'closes the connection when the caller aborts before the headers': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(() => undefined);
    const dispatcher = guarded();
    for (const send of [undici.request, undici.fetch] as const) {
      const controller = new AbortController();
      const { length } = requests;
      const sent = (send as typeof undici.fetch)(origin, { dispatcher, signal: controller.signal });
      const rejected = assert.rejects(sent, mine);
      await until(() => requests.length > length);
      controller.abort(mine);
      await rejected;
      await requests[length]?.ended;
    }
    assert.equal(requests.length, 2);
  },

  'ends a backoff when the caller aborts': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder({ status: 503, body: 'bad' }));
    let retries = 0;
    const dispatcher = guarded({
      timeout: Infinity,
      retry: { backoff: () => HOUR },
      on: { retry: () => void retries++ },
    });
    const controller = new AbortController();
    const rejected = assert.rejects(undici.request(origin, { dispatcher, signal: controller.signal }), mine);
    await until(() => retries === 1);
    controller.abort(mine);
    await rejected;
    assert.equal(requests.length, 1);
  },

  'ends the wait for a slot of the bulkhead when the caller aborts': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(() => undefined);
    const dispatcher = guarded({ bulkhead: { maxConcurrent: 1 } });
    const controller = new AbortController();
    const [first, second] = [1, 2].map(() => undici.request(origin, { dispatcher, signal: controller.signal }));
    const rejected = Promise.all([assert.rejects(first!, mine), assert.rejects(second!, mine)]);
    await until(() => requests.length === 1);
    controller.abort(mine);
    await rejected;
    await after(20);
    assert.equal(requests.length, 1);
  },

  'closes the connection when the caller aborts in the body': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(async ({ response }) => {
      response.write('first');
      return undefined;
    });
    const controller = new AbortController();
    const response = await undici.fetch(origin, { dispatcher: guarded(), signal: controller.signal });
    const rejected = assert.rejects(response.text(), mine);
    controller.abort(mine);
    await rejected;
    await requests[0]?.ended;
    const { body } = await undici.request(origin, { dispatcher: guarded() });
    body.on('error', () => {}).destroy();
    await requests[1]?.ended;
  },

  'reports an abort without a reason as undici does': async ({ undici, guarded, server }) => {
    const { origin } = await server(() => undefined);
    const { EventEmitter } = await import('node:events');
    const signal = new EventEmitter();
    const sent = undici.request(origin, { dispatcher: guarded(), signal });
    const rejected = assert.rejects(sent, { name: 'AbortError', code: 'UND_ERR_ABORTED' });
    await after(30);
    signal.emit('abort');
    await rejected;
  },

  'reports the error of a handler that throws, once, and closes the connection': async ({ major, guarded, server }) => {
    const { origin, requests } = await server(({ response }) => {
      response.write('first');
      setTimeout(() => response.write('second'), 20);
      return undefined;
    });
    for (const stage of ['head', 'data'] as const) {
      const errors: unknown[] = [];
      const { length } = requests;
      const fail = () => {
        throw mine;
      };
      const handler = handlerOf(major, { [stage]: fail, error: (error) => errors.push(error) });
      guarded().dispatch({ origin, path: '/', method: 'GET' }, handler);
      await until(() => errors.length > 0);
      await requests[length]?.ended;
      await after(30);
      assert.deepEqual(errors, [mine]);
    }
    assert.equal(requests.length, 2);
  },

  'reports an error that the inner dispatch throws, and ignores its result': async ({ major, undici, server }) => {
    const { resilient } = await import('breakwater/undici');
    const { origin } = await server(inOrder({ body: 'good' }));
    const agent = new undici.Agent();
    const options = { origin, path: '/', method: 'GET' } as const;
    const guard = resilient({ retry: false });
    const throwing = guard((_options: object, _handler: object): boolean => {
      throw mine;
    });
    const error = await new Promise((resolve) => throwing(options, handlerOf(major, { error: resolve })));
    assert.equal(error, mine);
    const busy = guard((request: typeof options, handler: Parameters<typeof agent.dispatch>[1]): boolean => {
      agent.dispatch(request, handler);
      return false;
    });
    assert.equal(
      await new Promise((resolve) => busy(options, handlerOf(major, { end: () => resolve('end'), error: resolve }))),
      'end',
    );
    await agent.close();
  },

  'rejects new requests after close, and close waits for those in flight': async ({ undici, server, onEnd }) => {
    const { resilient } = await import('breakwater/undici');
    const { origin, requests } = await server(async () => {
      await after(50);
      return { body: 'good' };
    });
    const interceptor = resilient();
    const agent = new undici.Agent();
    onEnd(() => agent.destroy());
    const dispatcher = agent.compose(interceptor);
    const sent = undici.request(origin, { dispatcher });
    await until(() => requests.length === 1);
    assert.equal(interceptor.breakwater.snapshot().inFlight, 1);
    let isClosed = false;
    const closing = interceptor.breakwater.close().then(() => {
      isClosed = true;
    });
    await assert.rejects(undici.request(origin, { dispatcher }), { code: 'ERR_CLOSED' });
    assert.equal(isClosed, false);
    await (await sent).body.dump();
    await closing;
    assert.equal(interceptor.breakwater.snapshot().inFlight, 0);
  },
};
