/** Hedged reads over three replicas, against real servers. Time is virtual: a server answers when the test releases it. */
import { hedge, LoadBalancer, resilientFetch, roundRobin } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type Script, type TestServer, testServer } from '../support/http-server.js';
import { defer, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

const WELL: Script = ({ path }) => ({ body: path });
const DOWN: Script = () => ({ status: 503 });

async function replicas(...scripts: Script[]) {
  const list = await Promise.all(scripts.map((script) => testServer(script)));
  const clock = new TestClock();
  const balancer = new LoadBalancer(
    list.map(({ origin }) => origin),
    { pick: roundRobin(), outlier: { consecutiveFailures: 1 }, clock },
  );
  const close = async () => {
    await Promise.all(list.map((one) => one.close()));
  };
  return { list, clock, balancer, [Symbol.asyncDispose]: close };
}

const requestsOf = (list: readonly TestServer[]) => list.map(({ requests }) => requests.length);

describe('resilientFetch with a hedge over three servers', () => {
  it('O5: a hedge goes to another node, and O3: the loser is aborted and counts for nothing', async () => {
    using uncaught = catchUncaught();
    const hang = defer<{ body: string }>();
    await using cluster = await replicas(() => hang.promise, WELL, WELL);
    const { list, clock, balancer } = cluster;
    const fetch = resilientFetch({ clock, route: balancer.route(), hedge: hedge({ delay: 100 }) });
    const call = watch(fetch('http://users/42'));
    await eventually(() => expect(requestsOf(list)).toEqual([1, 0, 0]));
    await clock.advance(100);
    await call.done;
    expect(await call.value?.text()).toBe('/42');
    expect(requestsOf(list)).toEqual([1, 1, 0]);
    expect(fetch.breakwater.snapshot().keys).toMatchObject([
      { circuitBreaker: { calls: 1, failures: 0 }, bulkhead: { active: 0, queued: 0 } },
    ]);
    await eventually(() =>
      expect(balancer.nodes.map(({ active, failures, successes }) => [active, failures, successes])).toEqual([
        [0, 0, 0],
        [0, 0, 1],
        [0, 0, 0],
      ]),
    );
    hang.resolve({ body: 'too late' });
    expect(uncaught.rejections).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a failure starts the hedge on the next node immediately, and a second one on the third', async () => {
    await using cluster = await replicas(DOWN, DOWN, WELL);
    const { list, clock, balancer } = cluster;
    const policy = hedge({ delay: '10s', maxHedges: 2 });
    const fetch = resilientFetch({ clock, route: balancer.route(), hedge: policy });
    expect(await (await fetch('http://users/1')).text()).toBe('/1');
    expect(requestsOf(list)).toEqual([1, 1, 1]);
    expect(policy.stats).toMatchObject({ hedges: 2, wins: 1 });
    expect(clock.now()).toBe(0);
    expect(balancer.nodes.map(({ failures }) => failures)).toEqual([1, 1, 0]);
  });

  it('the connections of discarded responses are used again', async () => {
    await using cluster = await replicas(DOWN, DOWN, DOWN);
    const { list, clock } = cluster;
    const balancer = new LoadBalancer(
      list.map(({ origin }) => origin),
      { pick: roundRobin(), clock },
    );
    const policy = hedge({ delay: '10s', maxHedges: 2 });
    const fetch = resilientFetch({
      clock,
      route: balancer.route(),
      hedge: policy,
      retry: false,
      circuitBreaker: false,
    });
    for (let i = 0; i < 3; i++) {
      const response = await fetch('http://users/1');
      expect(response.status).toBe(503);
      await response.arrayBuffer();
    }
    expect(requestsOf(list)).toEqual([3, 3, 3]);
    expect(list.map(({ sockets }) => sockets.used)).toEqual([1, 1, 1]);
  });

  it('O4: a slow PUT is sent once', async () => {
    const hang = defer<{ body: string }>();
    await using cluster = await replicas(() => hang.promise, WELL, WELL);
    const { list, clock, balancer } = cluster;
    const fetch = resilientFetch({ clock, route: balancer.route(), hedge: hedge({ delay: 100 }) });
    const call = watch(fetch('http://users/42', { method: 'PUT', body: 'new' }));
    await eventually(() => expect(requestsOf(list)).toEqual([1, 0, 0]));
    await clock.advance(5000);
    expect(requestsOf(list)).toEqual([1, 0, 0]);
    hang.resolve({ body: 'done' });
    await call.done;
    expect(call.value?.status).toBe(200);
  });
});
