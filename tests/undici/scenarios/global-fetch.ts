import assert from 'node:assert/strict';
import { circuitBreaker, isResilienceError, resilientFetch } from 'breakwater';
import { resilient } from 'breakwater/undici';
import { inOrder } from '../../support/http-server.js';
import { type Bench, type Scenarios, SOON, until } from './scenario.js';

const BAD = { status: 503, body: 'bad' };
const GOOD = { headers: { 'set-cookie': ['a=1', 'b=2'] }, body: 'good' };
const mine = new Error('The abort reason of the caller');

/** Guards the global `fetch` of Node until the end of the scenario. */
function guardGlobalFetch({ undici, onEnd }: Bench, options: Parameters<typeof resilient>[0] = {}): void {
  const before = undici.getGlobalDispatcher();
  const agent = new undici.Agent();
  const interceptor = resilient({ retry: SOON, ...options });
  undici.setGlobalDispatcher(agent.compose(interceptor));
  onEnd(() => {
    undici.setGlobalDispatcher(before);
    return agent.destroy();
  });
}

/** What the global `fetch` of Node does under a dispatcher with the interceptor. */
export const globalFetch: Scenarios = {
  'repeats a GET of the global fetch, and keeps both fields of a Set-Cookie': async (bench) => {
    const { origin, requests } = await bench.server(inOrder(BAD, GOOD));
    guardGlobalFetch(bench);
    const response = await fetch(origin);
    assert.deepEqual([response.status, await response.text(), requests.length], [200, 'good', 2]);
    assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  },

  'repeats a PUT of the global fetch with text, a Request and a stream': async (bench) => {
    guardGlobalFetch(bench);
    const bodies: (() => RequestInit)[] = [
      () => ({ body: 'abc' }),
      () => ({ body: new Blob(['abc']).stream(), duplex: 'half' }) as RequestInit,
    ];
    for (const make of bodies) {
      for (const asRequest of [false, true]) {
        const received: string[] = [];
        const { origin } = await bench.server(async (request) => {
          received.push(await request.text());
          return request.index === 0 ? BAD : GOOD;
        });
        const init = { method: 'PUT', ...make() };
        const response = await (asRequest ? fetch(new Request(origin, init)) : fetch(origin, init));
        assert.deepEqual([response.status, received], [200, ['abc', 'abc']]);
        await response.text();
      }
    }
  },

  'ends the global fetch when its caller aborts': async (bench) => {
    guardGlobalFetch(bench);
    const { origin, requests } = await bench.server(() => undefined);
    const controller = new AbortController();
    const rejected = assert.rejects(fetch(origin, { signal: controller.signal }), mine);
    await until(() => requests.length === 1);
    controller.abort(mine);
    await rejected;
    await requests[0]?.ended;
  },

  'rejects the global fetch with an error of this package as the cause of a TypeError': async (bench) => {
    guardGlobalFetch(bench, { retry: false, circuitBreaker: { minimumCalls: 2 } });
    const { origin } = await bench.server(inOrder(BAD));
    for (let call = 0; call < 2; call++) await (await fetch(origin)).text();
    await assert.rejects(fetch(origin), (error: TypeError) => isResilienceError(error.cause, 'ERR_CIRCUIT_OPEN'));
  },

  'lets outer policies judge that TypeError as its cause': async (bench) => {
    guardGlobalFetch(bench, { retry: false, circuitBreaker: { minimumCalls: 2 } });
    const { origin } = await bench.server(inOrder(BAD));
    for (let call = 0; call < 2; call++) await (await fetch(origin)).text();
    const outer = circuitBreaker({ minimumCalls: 2 });
    let retries = 0;
    const guarded = resilientFetch({ retry: SOON, on: { retry: () => void retries++ } });
    for (let call = 0; call < 5; call++) {
      await assert.rejects(
        outer.execute(() => fetch(origin)),
        TypeError,
      );
      await assert.rejects(guarded(origin), TypeError);
    }
    assert.deepEqual([outer.state, retries], ['closed', 0]);
  },
};
