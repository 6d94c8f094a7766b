import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { resilient } from 'breakwater/undici';
import type { Dispatcher } from 'undici';
import { inOrder } from '../../support/http-server.js';
import { after, type Scenarios, SOON } from './scenario.js';

const BAD = { status: 503, body: 'bad' };
const GOOD = { body: 'good' };
const mine = new Error('The token cannot be fetched');

/** Header fields in each form that undici accepts, all with the same two fields. */
const FORMS: readonly (() => unknown)[] = [
  () => ({ Authorization: 'stale', 'x-other': 'kept' }),
  () => ['Authorization', 'stale', 'x-other', 'kept'],
  () => new Headers({ Authorization: 'stale', 'x-other': 'kept' }),
  () => new Map(Object.entries({ Authorization: 'stale', 'x-other': 'kept' })),
];

/** What `beforeRetry` receives, and what its changes do to a request. */
export const beforeRetries: Scenarios = {
  'sends header fields in every form that undici accepts': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD, GOOD));
    for (const make of FORMS) {
      const { length } = requests;
      const options = { dispatcher: guarded(), headers: make() } as { dispatcher: Dispatcher };
      await (await undici.request(origin, options)).body.dump();
      for (const { headers } of requests.slice(length)) {
        assert.deepEqual([headers.authorization, headers['x-other']], ['stale', 'kept']);
      }
    }
  },

  'finds an Idempotency-Key in every form of header fields': async ({ undici, guarded, server }) => {
    const fields = { 'Idempotency-Key': '1' };
    for (const headers of [
      fields,
      Object.entries(fields).flat(),
      new Headers(fields),
      new Map(Object.entries(fields)),
    ]) {
      const { origin, requests } = await server(inOrder(BAD, GOOD));
      const options = { method: 'POST', dispatcher: guarded(), headers } as { dispatcher: Dispatcher };
      assert.equal((await undici.request(origin, options)).statusCode, 200);
      assert.equal(requests.length, 2);
    }
  },

  'calls beforeRetry after the delay, and sends its fields with all later attempts': async (bench) => {
    const { undici, guarded, server } = bench;
    for (const make of FORMS) {
      const { origin, requests } = await server(inOrder(BAD, BAD, GOOD));
      const events: unknown[] = [];
      const dispatcher = guarded({
        retry: { backoff: () => 50 },
        beforeRetry: async ({ attempt, outcome, request, signal }) => {
          await after(1);
          const status = outcome.ok && (outcome.value as { readonly status: number }).status;
          events.push([attempt, status, request.method, request.url.href, signal.aborted, requests.length]);
          return attempt === 1 ? { headers: { authorization: 'fresh', 'x-new': '1' } } : undefined;
        },
      });
      const options = { dispatcher, headers: make(), query: { a: '1', b: ['2', '3'] } } as { dispatcher: Dispatcher };
      const { statusCode, body } = await undici.request(`${origin}/path`, options);
      assert.deepEqual([statusCode, await body.text()], [200, 'good']);
      const href = `${origin}/path?a=1&b=2&b=3`;
      assert.deepEqual(events, [
        [1, 503, 'GET', href, false, 1],
        [2, 503, 'GET', href, false, 2],
      ]);
      assert.deepEqual(
        requests.map(({ path: url, headers }) => [url, headers.authorization, headers['x-other'], headers['x-new']]),
        [
          ['/path?a=1&b=2&b=3', 'stale', 'kept', undefined],
          ['/path?a=1&b=2&b=3', 'fresh', 'kept', '1'],
          ['/path?a=1&b=2&b=3', 'fresh', 'kept', '1'],
        ],
      );
    }
  },

  'prepares requests of fetch, whose headers and body keep their form': async ({ undici, guarded, server }) => {
    const bodies: string[] = [];
    const { origin, requests } = await server(async (request) => {
      bodies.push(await request.text());
      return request.index === 0 ? BAD : GOOD;
    });
    const dispatcher = guarded({ beforeRetry: () => ({ headers: { authorization: 'fresh', 'x-old': undefined } }) });
    const headers = { authorization: 'stale', 'x-old': '1', 'content-type': 'text/x-test' };
    const response = await undici.fetch(origin, { method: 'PUT', body: 'text', headers, dispatcher });
    assert.deepEqual([response.status, await response.text(), bodies], [200, 'good', ['text', 'text']]);
    const [first, second] = requests.map((request) => request.headers);
    assert.deepEqual({ ...first, authorization: 'fresh', 'x-old': undefined }, { ...second, 'x-old': undefined });
  },

  'changes path, method and body of a request': async ({ undici, guarded, server }) => {
    const changes = [
      { change: { url: '/other?x=1' }, sent: ['PUT', '/other?x=1', 'old'] },
      { change: { method: 'delete' }, sent: ['DELETE', '/path', 'old'] },
      { change: { body: 'new and longer' }, sent: ['PUT', '/path', 'new and longer'] },
      { change: { body: new TextEncoder().encode('bytes') }, sent: ['PUT', '/path', 'bytes'] },
      { change: { body: null, method: 'GET' }, sent: ['GET', '/path', ''] },
    ];
    for (const { change, sent } of changes) {
      for (const make of [() => 'old', () => Readable.from(['o', 'ld'])]) {
        const received: unknown[] = [];
        const { origin } = await server(async (request) => {
          received.push([request.method, request.path, await request.text()]);
          return request.index === 0 ? BAD : GOOD;
        });
        const dispatcher = guarded({ beforeRetry: () => change });
        const { statusCode, body } = await undici.request(`${origin}/path`, {
          method: 'PUT',
          body: make(),
          dispatcher,
        });
        assert.deepEqual([statusCode, await body.text()], [200, 'good']);
        assert.deepEqual(received, [['PUT', '/path', 'old'], sent]);
      }
    }
  },

  'sends a changed body that is a stream once more': async ({ undici, guarded, server }) => {
    const received: string[] = [];
    const { origin } = await server(async (request) => {
      received.push(await request.text());
      return BAD;
    });
    const once = guarded({ replayLimit: 0, beforeRetry: () => ({ body: Readable.from(['stream']) }) });
    const { statusCode } = await undici.request(origin, { method: 'PUT', body: 'text', dispatcher: once });
    assert.deepEqual([statusCode, received.splice(0)], [503, ['text', 'stream']]);
    let calls = 0;
    const recorded = guarded({ beforeRetry: () => (calls++ === 0 ? { body: Readable.from(['stream']) } : undefined) });
    await undici.request(origin, { method: 'PUT', body: 'text', dispatcher: recorded });
    assert.deepEqual(received, ['text', 'stream', 'stream']);
  },

  'removes credentials from a request that moves to another origin, and uses its breaker': async (bench) => {
    const { undici, server, onEnd } = bench;
    const [first, second] = [await server(inOrder(BAD)), await server(inOrder(GOOD))];
    const interceptor = resilient({
      retry: SOON,
      circuitBreaker: { consecutiveFailures: 1 },
      beforeRetry: () => ({ url: `${second.origin}/moved`, headers: { cookie: 'of-second=1' } }),
    });
    const agent = new undici.Agent();
    onEnd(() => agent.destroy());
    const secrets = {
      Authorization: 'secret',
      Cookie: 'of-first=1',
      'proxy-authorization': 'secret',
      host: 'first.test',
    };
    const { statusCode } = await undici.request(`${first.origin}/path`, {
      dispatcher: agent.compose(interceptor),
      headers: { ...secrets, 'x-other': 'kept' },
    });
    assert.equal(statusCode, 200);
    const [{ path: url, headers } = assert.fail()] = second.requests;
    assert.deepEqual(
      [url, headers.authorization, headers['proxy-authorization'], headers.cookie, headers['x-other'], headers.host],
      ['/moved', undefined, undefined, 'of-second=1', 'kept', new URL(second.origin).host],
    );
    const states = interceptor.breakwater
      .snapshot()
      .keys.map(({ key, circuitBreaker }) => [key, circuitBreaker?.state]);
    assert.deepEqual(
      new Map(states as [string, string][]),
      new Map([
        [first.origin, 'open'],
        [second.origin, 'closed'],
      ]),
    );
  },

  'decides again whether a changed request may be repeated': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const reasons: unknown[] = [];
    const dispatcher = guarded({
      beforeRetry: () => ({ method: 'POST' }),
      on: { giveUp: ({ method, reason }) => void reasons.push([method, reason]) },
    });
    await (await undici.request(origin, { method: 'PUT', body: 'text', dispatcher })).body.dump();
    assert.deepEqual(
      requests.map(({ method }) => method),
      ['PUT', 'POST'],
    );
    assert.deepEqual(reasons, [['POST', 'not-retryable']]);
  },

  'lets beforeRetry send requests through the same dispatcher while no slot is free': async (bench) => {
    const { undici, guarded, server } = bench;
    const { origin, requests } = await server(({ path: url }) =>
      url === '/token' ? { body: 'fresh' } : inOrderOf(url),
    );
    let attempts = 0;
    const inOrderOf = (_url: string) => (attempts++ === 0 ? BAD : GOOD);
    const dispatcher: Dispatcher = guarded({
      bulkhead: { maxConcurrent: 1, maxQueue: 0 },
      beforeRetry: async () => {
        const { body } = await undici.request(`${origin}/token`, { dispatcher });
        return { headers: { authorization: await body.text() } };
      },
    });
    assert.equal((await undici.request(`${origin}/path`, { dispatcher })).statusCode, 200);
    assert.deepEqual(
      requests.map(({ path: url, headers }) => [url, headers.authorization]),
      [
        ['/path', undefined],
        ['/token', undefined],
        ['/path', 'fresh'],
      ],
    );
  },

  'ends a call with the error of beforeRetry, or for an invalid change': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const failures: readonly [() => unknown, object][] = [
      [() => Promise.reject(mine), mine],
      [() => ({ header: {} }), { owner: 'resilient', option: 'beforeRetry.header' }],
      [() => 'text', { owner: 'resilient', option: 'beforeRetry' }],
      [() => ({ url: 'http://[' }), { owner: 'resilient', option: 'beforeRetry.url' }],
      [() => ({ method: 7 }), { owner: 'resilient', option: 'beforeRetry.method' }],
      [() => ({ method: 'connect' }), { owner: 'resilient', option: 'beforeRetry.method' }],
      [() => ({ headers: { 'x a': '1' } }), { owner: 'resilient', option: 'beforeRetry.headers' }],
      [() => ({ headers: ['x-a', '1'] }), { owner: 'resilient', option: 'beforeRetry.headers' }],
    ];
    for (const [beforeRetry, expected] of failures) {
      const dispatcher = guarded({ beforeRetry: beforeRetry as never });
      await assert.rejects(undici.request(origin, { dispatcher }), expected);
    }
    assert.equal(requests.length, failures.length);
  },

  'rejects a change of the origin if only the dispatcher knows the origin': async ({
    undici,
    major,
    server,
    onEnd,
  }) => {
    if (major === 8) return; // its Client passes its origin on
    const { origin, requests } = await server(inOrder(BAD));
    const change = resilient({ retry: SOON, beforeRetry: () => ({ url: 'http://other.test/' }) });
    const client = new undici.Client(origin);
    onEnd(() => client.destroy());
    const options = { path: '/', method: 'GET' } as const;
    await assert.rejects(client.compose(change).request(options), { option: 'beforeRetry.url' });
    assert.equal(requests.length, 1);
  },

  'aborts the signal of beforeRetry with the call': async ({ undici, guarded, server }) => {
    const { origin, requests } = await server(inOrder(BAD));
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const dispatcher = guarded({
      beforeRetry: ({ signal }) => {
        seen = signal;
        setImmediate(() => controller.abort(mine));
        return new Promise<undefined>(() => {});
      },
    });
    await assert.rejects(undici.request(origin, { dispatcher, signal: controller.signal }), mine);
    assert.deepEqual([seen?.aborted, seen?.reason, requests.length], [true, mine, 1]);
  },
};
