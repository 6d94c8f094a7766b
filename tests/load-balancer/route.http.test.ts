/** `resilientFetch` over a `LoadBalancer`, against real servers. */

import { resilientFetch } from 'breakwater/fetch';
import { consistentHash, LoadBalancer, roundRobin } from 'breakwater/load-balancer';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.js';
import { type Script, type TestServer, testServer } from '../support/http-server.js';

const atOnce = { backoff: () => 0 };
const WELL: Script = ({ path }) => ({ body: path });
const DOWN: Script = () => ({ status: 503 });

async function servers(...scripts: Script[]) {
  const list = await Promise.all(scripts.map(testServer));
  const close = async () => {
    await Promise.all(list.map((one) => one.close()));
  };
  return { list, origins: list.map(({ origin }) => origin), [Symbol.asyncDispose]: close };
}

const requestsOf = (list: readonly TestServer[]) => list.map(({ requests }) => requests.length);

describe('route', () => {
  it('a route sends requests to the nodes with their path and query', async () => {
    await using cluster = await servers(WELL, WELL);
    const balancer = new LoadBalancer(cluster.origins, { pick: roundRobin() });
    const fetch = resilientFetch({ route: balancer.route() });
    for (let call = 0; call < 4; call++) {
      expect(await (await fetch('http://users/42?full=1#top')).text()).toBe('/42?full=1');
    }
    expect(requestsOf(cluster.list)).toEqual([2, 2]);
    expect(balancer.nodes).toMatchObject([
      { picks: 2, successes: 2, active: 0 },
      { picks: 2, successes: 2, active: 0 },
    ]);
  });

  it('the path of a node precedes the path of the request', async () => {
    await using cluster = await servers(WELL);
    const fetch = resilientFetch({ route: new LoadBalancer([`${cluster.origins[0]}/v2/`]).route() });
    expect(await (await fetch('http://users/42')).text()).toBe('/v2/42');
  });

  it('a retry uses an untried node, and the balancer receives both outcomes', async () => {
    await using cluster = await servers(DOWN, DOWN, WELL);
    const balancer = new LoadBalancer(cluster.origins, { pick: roundRobin() });
    const fetch = resilientFetch({ route: balancer.route(), retry: atOnce });
    expect(await (await fetch('http://users/1')).text()).toBe('/1');
    expect(requestsOf(cluster.list)).toEqual([1, 1, 1]);
    expect(balancer.nodes.map(({ failures, successes }) => [failures, successes])).toEqual([
      [1, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('a retry uses an untried node although the picker always prefers the same one', async () => {
    await using cluster = await servers(DOWN, DOWN, DOWN);
    const balancer = new LoadBalancer(cluster.origins, { pick: consistentHash() });
    const fetch = resilientFetch({
      route: balancer.route({ key: () => 'one key' }),
      retry: { ...atOnce, maxAttempts: 3 },
    });
    expect((await fetch('http://users/1')).status).toBe(503);
    expect(requestsOf(cluster.list)).toEqual([1, 1, 1]);
  });

  it('the classify function of the fetch judges the outcome for the balancer', async () => {
    await using cluster = await servers(() => ({ status: 404 }));
    const balancer = new LoadBalancer(cluster.origins);
    const classify = () => 'permanent' as const;
    await resilientFetch({ route: balancer.route(), classify })('http://users/1');
    await resilientFetch({ route: balancer.route() })('http://users/1');
    expect(balancer.nodes).toMatchObject([{ failures: 1, successes: 1 }]);
  });

  it('an attempt that times out counts against its node, and an attempt that the caller aborts does not', async () => {
    await using cluster = await servers(() => undefined);
    const balancer = new LoadBalancer(cluster.origins);
    const fetch = resilientFetch({ route: balancer.route(), retry: false, attemptTimeout: 50 });
    await expect(fetch('http://users/1')).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    await eventually(() => expect(balancer.nodes).toMatchObject([{ failures: 1, active: 0 }]));
    const controller = new AbortController();
    const patient = resilientFetch({ route: balancer.route(), retry: false });
    const call = patient('http://users/1', { signal: controller.signal });
    await eventually(() => expect(cluster.list[0]!.requests).toHaveLength(2));
    controller.abort();
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    await eventually(() => expect(balancer.nodes).toMatchObject([{ failures: 1, active: 0, picks: 2 }]));
  });

  it('requests with the same key use the same node', async () => {
    await using cluster = await servers(WELL, WELL, WELL);
    const balancer = new LoadBalancer(cluster.origins, { pick: consistentHash() });
    const fetch = resilientFetch({ route: balancer.route({ key: ({ url }) => url.pathname }) });
    for (let call = 0; call < 3; call++) await (await fetch('http://users/42')).text();
    expect(requestsOf(cluster.list).toSorted()).toEqual([0, 0, 3]);
    // The ports are random, and with them the ring: 60 keys leave no node with three or fewer in a million runs.
    for (let user = 0; user < 60; user++) await (await fetch(`http://users/${user}`)).text();
    expect(Math.min(...requestsOf(cluster.list))).toBeGreaterThan(3);
  });

  it('a picker that needs a key rejects a request without one', async () => {
    const fetch = resilientFetch({ route: new LoadBalancer(['http://a'], { pick: consistentHash() }).route() });
    await expect(fetch('http://users/1')).rejects.toThrow('consistentHash: "key" must be a string for each call');
  });

  it('the url option maps a node to its URL', async () => {
    await using cluster = await servers(WELL);
    const url = (node: string, request: { readonly url: URL }) =>
      `${cluster.origins[0]}/${node}${request.url.pathname}`;
    const fetch = resilientFetch({ route: new LoadBalancer(['eu']).route({ url }) });
    expect(await (await fetch('http://users/42')).text()).toBe('/eu/42');
  });

  it('a missing node is not retried, and a node that is not a URL releases its lease', async () => {
    const balancer = new LoadBalancer(['not a url']);
    const fetch = resilientFetch({ route: balancer.route(), retry: atOnce });
    await expect(fetch('http://users/1')).rejects.toThrow(
      'LoadBalancer: "node" must be a URL if the options of route have no "url"',
    );
    expect(balancer.nodes).toMatchObject([{ active: 0, picks: 1, failures: 0 }]);
    balancer.setNodes([]);
    await expect(fetch('http://users/1')).rejects.toMatchObject({ code: 'ERR_NO_HEALTHY_NODE' });
  });

  it('route rejects invalid options', () => {
    const balancer = new LoadBalancer([]);
    expect(() => balancer.route({ key: 'id' as never })).toThrow(
      'LoadBalancer.route: "key" must be a function, got "id"',
    );
    expect(() => balancer.route({ uri: () => '' } as never)).toThrow('"uri" is unknown (did you mean "url"?)');
  });
});
