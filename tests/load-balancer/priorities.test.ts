import {
  type BalancerNode,
  consistentHash,
  LoadBalancer,
  type LoadBalancerOptions,
  leastConnections,
  leastResponseTime,
  powerOfTwoChoices,
  randomPick,
  resourceBased,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

/** `count` nodes of a priority, named after it: p0-0, p0-1 … */
const group = (priority: number, count: number, more: object = {}): BalancerNode[] =>
  Array.from({ length: count }, (_, i) => ({ node: `p${priority}-${i}`, priority, ...more }));

/** A balancer whose nodes are down as soon as `down` says so. */
async function withDown(nodes: BalancerNode[], down: readonly string[], options: LoadBalancerOptions = {}) {
  const clock = new TestClock();
  const failing = new Set<string>();
  const check = (node: string) => !failing.has(node);
  const balancer = new LoadBalancer(nodes, {
    clock,
    random: seededRandom(1),
    pick: roundRobin(),
    health: { check, interval: 1000, jitter: 0, rise: 1, fall: 1 },
    ...options,
  });
  const events: unknown[] = [];
  for (const type of ['panic', 'failover'] as const) balancer.on(type, (event) => events.push({ type, ...event }));
  const setDown = async (...names: string[]) => {
    failing.clear();
    for (const name of names) failing.add(name);
    await clock.advance(1000);
  };
  await clock.advance(0);
  await setDown(...down);
  return { clock, balancer, events, setDown };
}

/** The share of the calls for each priority. */
function sharesOf(balancer: LoadBalancer, calls = 2000, key?: (call: number) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    const lease = balancer.acquire(key === undefined ? {} : { key: key(call) });
    counts[lease.node.slice(0, 2)] = (counts[lease.node.slice(0, 2)] ?? 0) + 1;
    lease.release();
  }
  return Object.fromEntries(Object.entries(counts).map(([one, count]) => [one, count / calls]));
}

const downIn = (priority: number, count: number) => Array.from({ length: count }, (_, i) => `p${priority}-${i}`);

describe('Priority groups', () => {
  it('all calls go to the group with the smallest number while it is healthy, whatever the numbers are', () => {
    const balancer = new LoadBalancer([...group(7, 2), ...group(3, 2), ...group(9, 2)], { pick: roundRobin() });
    expect(sharesOf(balancer)).toEqual({ p3: 1 });
    expect(balancer.nodes.map(({ priority }) => priority)).toEqual([7, 7, 3, 3, 9, 9]);
  });

  // The columns of Envoy's table for two priorities with the overprovisioning factor 1.4.
  it.each([
    [0, { p0: 1 }],
    [28, { p0: 1 }],
    [29, { p0: 0.994, p1: 0.006 }],
    [50, { p0: 0.7, p1: 0.3 }],
    [75, { p0: 0.35, p1: 0.65 }],
    [100, { p1: 1 }],
  ])('with %d %% of the first group down, the calls are distributed as in Envoy', async (percent, expected) => {
    const { balancer } = await withDown([...group(0, 100), ...group(1, 100)], downIn(0, percent));
    const shares = sharesOf(balancer, 4000);
    for (const [one, share] of Object.entries(expected)) expect(shares[one]).toBeCloseTo(share, 1);
    expect(Object.keys(shares).length).toBeLessThanOrEqual(Object.keys(expected).length);
  });

  it('the second group takes what it can bear, and the third one the rest', async () => {
    const nodes = [0, 1, 2].flatMap((priority) => group(priority, 10));
    const { balancer, events } = await withDown(nodes, [...downIn(0, 8), ...downIn(1, 7)]);
    expect(events.at(-1)).toEqual({
      type: 'failover',
      shares: [
        { priority: 0, share: expect.closeTo(0.28) },
        { priority: 1, share: expect.closeTo(0.42) },
        { priority: 2, share: expect.closeTo(0.3) },
      ],
    });
    const shares = sharesOf(balancer, 4000);
    expect(shares.p0).toBeCloseTo(0.28, 1);
    expect(shares.p1).toBeCloseTo(0.42, 1);
    expect(shares.p2).toBeCloseTo(0.3, 1);
  });

  it('the weight of the healthy nodes counts, and not their number', async () => {
    const nodes = [{ node: 'p0-0', weight: 90 }, { node: 'p0-1', weight: 10 }, ...group(1, 1)];
    const { balancer } = await withDown(nodes, ['p0-0']);
    const shares = sharesOf(balancer, 4000);
    expect(shares.p0).toBeCloseTo(0.14, 1);
    expect(shares.p1).toBeCloseTo(0.86, 1);
  });

  it('a larger overprovision keeps the calls in the first group for longer', async () => {
    const options = { priorities: { overprovision: 4 } };
    const { balancer } = await withDown([...group(0, 100), ...group(1, 1)], downIn(0, 75), options);
    expect(sharesOf(balancer)).toEqual({ p0: 1 });
  });

  it('calls return when the first group is healthy again, with an event for each change', async () => {
    const { balancer, events, setDown } = await withDown([...group(0, 2), ...group(1, 2)], downIn(0, 2));
    expect(sharesOf(balancer)).toEqual({ p1: 1 });
    await setDown();
    expect(sharesOf(balancer)).toEqual({ p0: 1 });
    const both = (first: number, second: number) => ({
      type: 'failover',
      shares: [
        { priority: 0, share: expect.closeTo(first) },
        { priority: 1, share: expect.closeTo(second) },
      ],
    });
    expect(events).toEqual([both(0.7, 0.3), both(0, 1), both(0.7, 0.3), both(1, 0)]);
  });

  it('a healthy backup prevents panic, also if most nodes of the list are down', async () => {
    const { balancer, events } = await withDown([...group(0, 10), ...group(1, 2)], downIn(0, 10));
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'panic' }));
    expect(sharesOf(balancer)).toEqual({ p1: 1 });
  });

  it('if all groups together lack capacity, a group below panicThreshold uses all of its nodes', async () => {
    const { balancer, events } = await withDown([...group(0, 10), ...group(1, 10)], [...downIn(0, 8), ...downIn(1, 8)]);
    expect(events).toContainEqual({ type: 'panic', panicking: true, healthy: expect.any(Number), nodes: 20 });
    const seen = new Set(Array.from({ length: 400 }, () => balancer.acquire().node));
    expect(seen.size).toBe(20);
  });

  it('the shares of groups that lack capacity together are those of their capacity, and add up to 1', async () => {
    const { events } = await withDown([...group(0, 10), ...group(1, 10)], [...downIn(0, 8), ...downIn(1, 9)]);
    expect(events.at(-1)).toEqual({
      type: 'failover',
      shares: [
        { priority: 0, share: expect.closeTo(2 / 3, 6) },
        { priority: 1, share: expect.closeTo(1 / 3, 6) },
      ],
    });
  });

  it('a group whose capacity is just enough takes all calls, and none is in panic', async () => {
    const options = { priorities: { overprovision: 2 }, panicThreshold: 0.6 };
    const down = [...downIn(0, 1), ...downIn(1, 2)];
    const { balancer, events } = await withDown([...group(0, 2), ...group(1, 2)], down, options);
    expect(sharesOf(balancer)).toEqual({ p0: 1 });
    expect(events).toEqual([]);
  });

  it.each([
    ['all', [0.75, 0.25]],
    ['reject', [0, 0]],
  ] as const)("if all nodes are down, the shares with onNoHealthyNode '%s' are %j", async (onNoHealthyNode, shares) => {
    const nodes = [...group(0, 3, { weight: 2 }), ...group(1, 2)];
    const { events } = await withDown(nodes, [...downIn(0, 3), ...downIn(1, 2)], { onNoHealthyNode });
    const expected = shares.map((share, priority) => ({ priority, share: expect.closeTo(share, 6) }));
    expect(events.filter((event) => (event as { type: string }).type === 'failover').at(-1)).toEqual({
      type: 'failover',
      shares: expected,
    });
  });

  it('a group without a healthy node gets no calls in panic mode while another one has healthy nodes', async () => {
    const { balancer } = await withDown([...group(0, 10), ...group(1, 10)], [...downIn(0, 10), ...downIn(1, 5)]);
    const seen = new Set(Array.from({ length: 400 }, () => balancer.acquire().node));
    expect([...seen].sort()).toEqual(['p1-5', 'p1-6', 'p1-7', 'p1-8', 'p1-9']);
  });

  it("if all nodes are down, all groups are used; with 'reject' none is", async () => {
    const all = [...downIn(0, 2), ...downIn(1, 2)];
    const { balancer } = await withDown([...group(0, 2), ...group(1, 2)], all);
    expect(Object.keys(sharesOf(balancer)).sort()).toEqual(['p0', 'p1']);
    const strict = await withDown([...group(0, 2), ...group(1, 2)], all, { onNoHealthyNode: 'reject' });
    expect(() => strict.balancer.acquire()).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
    await strict.setDown('p0-0', 'p0-1', 'p1-0');
    expect(strict.balancer.acquire().node).toBe('p1-1');
  });

  it('ejected nodes count as unhealthy, and calls return when their ejection ends', async () => {
    const clock = new TestClock();
    const balancer = new LoadBalancer([...group(0, 1), ...group(1, 1)], {
      clock,
      outlier: { consecutiveFailures: 1, ejectFor: '10s' },
    });
    balancer.acquire().release({ ok: false, error: new Error('down') });
    expect(sharesOf(balancer, 10)).toEqual({ p1: 1 });
    await clock.advance(10_000);
    expect(sharesOf(balancer, 10)).toEqual({ p0: 1 });
  });

  it('a group of nodes with weight 0 gets no calls, and its calls go to the next group', () => {
    const balancer = new LoadBalancer([...group(0, 2, { weight: 0 }), ...group(1, 2)]);
    expect(sharesOf(balancer)).toEqual({ p1: 1 });
  });

  it('new nodes of a group count after their first check, and do not make the group look down', async () => {
    const { balancer, clock } = await withDown([...group(0, 1), ...group(1, 1)], []);
    balancer.setNodes([...group(0, 10), ...group(1, 1)]);
    expect(sharesOf(balancer, 10)).toEqual({ p0: 1 });
    await clock.advance(1000);
    expect(new Set(Array.from({ length: 20 }, () => balancer.acquire().node)).size).toBe(10);
  });

  it('a changed priority takes effect with setNodes, and the node keeps its counters', () => {
    const balancer = new LoadBalancer([...group(0, 1), ...group(1, 1)]);
    const shares: unknown[] = [];
    balancer.on('failover', (event) => shares.push(event.shares));
    balancer.acquire().release({ ok: true, value: 1 });
    balancer.setNodes([{ node: 'p0-0', priority: 2 }, ...group(1, 1)]);
    expect(sharesOf(balancer, 10)).toEqual({ p1: 1 });
    expect(balancer.nodes[0]).toMatchObject({ priority: 2, successes: 1 });
    balancer.setNodes([{ node: 'p0-0', priority: 2 }]);
    expect(balancer.acquire().node).toBe('p0-0');
    expect(shares).toEqual([
      [
        { priority: 1, share: 1 },
        { priority: 2, share: 0 },
      ],
      [{ priority: 2, share: 1 }],
    ]);
  });

  it('a retry stays in the group while it has untried nodes, and then uses the next group', () => {
    const balancer = new LoadBalancer([...group(0, 2), ...group(1, 1)], { pick: roundRobin() });
    expect(balancer.acquire({ exclude: ['p0-0'] }).node).toBe('p0-1');
    expect(balancer.acquire({ exclude: ['p0-0', 'p0-1'] }).node).toBe('p1-0');
    expect(balancer.acquire({ exclude: ['p1-0', 'p0-1'] }).node).toBe('p0-0');
    expect(() => balancer.acquire({ exclude: ['p0-0', 'p0-1', 'p1-0'] })).toThrow(
      expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }),
    );
  });

  it('a key stays in its group, and keys are distributed by the shares', async () => {
    const nodes = [...group(0, 100), ...group(1, 100)];
    const { balancer } = await withDown(nodes, downIn(0, 50), { pick: consistentHash() });
    expect(sharesOf(balancer, 4000, (call) => `user ${call}`).p0).toBeCloseTo(0.7, 1);
    const picks = new Set(Array.from({ length: 50 }, () => balancer.acquire({ key: 'user 1' }).node));
    expect(picks.size).toBe(1);
  });

  it('zones apply within a group, by independent draws for a key', async () => {
    const nodes = [0, 1].flatMap((priority) =>
      group(priority, 100).map((node, i) => ({ ...(node as object), zone: i % 2 === 0 ? 'eu' : 'us' }) as BalancerNode),
    );
    // Half of the first group is down; in its zone eu, too: 70 % of the calls stay in the group, and 70 % of those in eu.
    const { balancer } = await withDown(nodes, downIn(0, 50), { zone: 'eu', pick: consistentHash() });
    const zones = new Map(balancer.nodes.map(({ node, zone }) => [node, zone]));
    const counts = { eu: 0, us: 0 };
    for (let call = 0; call < 4000; call++) {
      const { node } = balancer.acquire({ key: `user ${call}` });
      if (node.startsWith('p0')) counts[zones.get(node) as 'eu' | 'us']++;
    }
    expect(counts.eu + counts.us).toBeGreaterThan(2600);
    expect(counts.eu / (counts.eu + counts.us)).toBeCloseTo(0.7, 1);
  });

  it.each([
    roundRobin(),
    weightedRoundRobin(),
    leastConnections(),
    weightedLeastConnections(),
    leastResponseTime(),
    powerOfTwoChoices(),
    powerOfTwoChoices({ by: 'latency' }),
    randomPick(),
    resourceBased(() => undefined),
  ])('$name uses all usable nodes of both groups evenly, and peek predicts each pick', async (pick) => {
    const { balancer } = await withDown([...group(0, 10), ...group(1, 4)], downIn(0, 5), { pick });
    for (let call = 0; call < 2000; call++) {
      const next = balancer.peek();
      const lease = balancer.acquire();
      expect(lease.node).toBe(next);
      lease.release();
    }
    const picks = new Map(balancer.nodes.map((one) => [one.node, one.picks]));
    for (let i = 0; i < 5; i++) expect(picks.get(`p0-${i}`)).toBe(0);
    for (let i = 5; i < 10; i++) expect(picks.get(`p0-${i}`)).toBeGreaterThan(200); // 280 on average
    for (let i = 0; i < 4; i++) expect(picks.get(`p1-${i}`)).toBeGreaterThan(100); // 150 on average
  });

  it.each([
    ['priorities', { priorities: 1.4 }],
    ['priorities.overprovision', { priorities: { overprovision: 0.9 } }],
    ['priorities.overprovision', { priorities: { overprovision: Infinity } }],
    ['priorities.overprovison', { priorities: { overprovison: 2 } }],
  ])('an invalid option %s is rejected', (option, options) => {
    expect(() => new LoadBalancer(['a'], options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', option }),
    );
  });

  it.each([-1, 1.5, Number.NaN, 1_000_001, '1'])('the priority %s is rejected', (priority) => {
    expect(() => new LoadBalancer([{ node: 'a', priority: priority as number }])).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'nodes[0].priority' }),
    );
  });
});
