import { HashRing } from 'breakwater/hash-ring';
import {
  type BalancerNode,
  consistentHash,
  ipHash,
  LoadBalancer,
  type LoadBalancerOptions,
  leastConnections,
  leastResponseTime,
  type PickerFactory,
  powerOfTwoChoices,
  randomPick,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { vectors } from '../hash-ring/vectors.js';
import { ManualClock } from '../support/manual-clock.js';

const OK = { ok: true, value: undefined } as const;

/** A balancer on a constant clock with a seeded random source. */
function balance(nodes: Iterable<BalancerNode>, options: LoadBalancerOptions = {}) {
  const clock = new ManualClock();
  const balancer = new LoadBalancer(nodes, { clock, random: seededRandom(1), ...options });
  /** The nodes of sequential calls, where `tookMs` is the duration of a call per node. */
  const pick = (count: number, tookMs: Readonly<Record<string, number>> = {}) =>
    Array.from({ length: count }, () => {
      const lease = balancer.acquire();
      clock.time += tookMs[lease.node] ?? 0;
      lease.release(OK);
      return lease.node;
    });
  /** The leases of concurrent calls. */
  const hold = (count: number) => Array.from({ length: count }, () => balancer.acquire());
  return { balancer, clock, pick, hold };
}

function countOf(picked: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const node of picked) counts[node] = (counts[node] ?? 0) + 1;
  return counts;
}

const letters = (picked: readonly string[]) => picked.join('');

describe('roundRobin', () => {
  const pick = roundRobin();

  it('roundRobin returns the nodes in order, at any weight', () => {
    const { pick: next } = balance([{ node: 'a', weight: 5 }, 'b', 'c'], { pick });
    expect(letters(next(7))).toBe('abcabca');
  });

  it('the node after an excluded node receives no additional calls', () => {
    const { balancer, pick: next } = balance(['a', 'b', 'c'], { pick });
    const picked = Array.from({ length: 6 }, () => balancer.acquire({ exclude: ['b'] }).node);
    expect(letters(picked)).toBe('acacac');
    expect(letters(next(3))).toBe('abc');
  });

  it('roundRobin keeps its position when nodes are added or removed before it, and restarts if its node was removed', () => {
    const { balancer, pick: next } = balance(['a', 'b', 'c', 'd'], { pick });
    expect(letters(next(2))).toBe('ab');
    balancer.setNodes(['b', 'c', 'd']);
    expect(letters(next(1))).toBe('c');
    balancer.setNodes(['x', 'y', 'b', 'c', 'd']);
    expect(letters(next(1))).toBe('d');
    balancer.setNodes(['x', 'y']);
    expect(letters(next(3))).toBe('xyx');
  });

  it('two balancers with the same picker have separate positions', () => {
    const [one, other] = [balance(['a', 'b'], { pick }), balance(['a', 'b'], { pick })];
    expect([one.pick(1), other.pick(2), one.pick(1)]).toEqual([['a'], ['a', 'b'], ['b']]);
  });
});

describe('weightedRoundRobin', () => {
  it.each(vectors.smooth_wrr_vectors)(
    'weightedRoundRobin repeats the sequence of nginx for the weights $weights',
    ({ weights, seq }) => {
      const nodes = weights.map((weight, index) => ({ node: `${index}`, weight }));
      const { pick } = balance(nodes, { pick: weightedRoundRobin() });
      const period = seq.map(String);
      expect(pick(3 * seq.length)).toEqual([...period, ...period, ...period]);
    },
  );

  it('peek does not change how credits of removed nodes are cleared', () => {
    const turns = (peeks: boolean) => {
      const { balancer, pick } = balance([{ node: 'a', weight: 100 }, 'b', 'c'], { pick: weightedRoundRobin() });
      pick(37);
      balancer.setNodes(['b', 'c']);
      if (peeks) balancer.peek();
      return letters(pick(12));
    };
    expect(turns(true)).toBe(turns(false));
  });

  it('new weights apply from the next call on, without remaining credits', () => {
    const { balancer, pick } = balance([{ node: 'a', weight: 9 }, 'b'], { pick: weightedRoundRobin() });
    pick(5);
    balancer.setNodes(['a', { node: 'b', weight: 9 }, 'c']);
    expect(countOf(pick(110))).toEqual({ a: 10, b: 90, c: 10 });
  });
});

describe('leastConnections', () => {
  it('leastConnections picks the node with the fewest calls in flight and alternates between equal nodes', () => {
    const { balancer, hold } = balance([{ node: 'a', weight: 3 }, 'b', 'c'], { pick: leastConnections() });
    const [first] = hold(3);
    expect(countOf(balancer.nodes.flatMap(({ node, active }) => Array<string>(active).fill(node)))).toEqual({
      a: 1,
      b: 1,
      c: 1,
    });
    first!.release();
    expect(balancer.peek()).toBe(first!.node);
  });

  it('weightedLeastConnections divides by the weight and alternates between equal nodes by weight, as nginx does', () => {
    const { balancer, hold } = balance([{ node: 'a', weight: 3 }, 'b'], { pick: weightedLeastConnections() });
    expect(letters(hold(8).map(({ node }) => node))).toBe('abaaabaa');
    expect(balancer.nodes.map(({ active }) => active)).toEqual([6, 2]);
  });

  it.each([
    [leastConnections(), { a: 50, b: 50 }],
    [weightedLeastConnections(), { a: 75, b: 25 }],
  ])('%o distributes sequential calls over all nodes', (pick, shares) => {
    expect(countOf(balance([{ node: 'a', weight: 3 }, 'b'], { pick }).pick(100))).toEqual(shares);
  });
});

describe('powerOfTwoChoices', () => {
  it('powerOfTwoChoices compares two different nodes, so of two nodes it picks the less loaded one', () => {
    const { balancer, hold } = balance(['a', 'b'], { pick: powerOfTwoChoices() });
    hold(1000);
    expect(balancer.nodes.map(({ active }) => active)).toEqual([500, 500]);
  });

  it('powerOfTwoChoices distributes calls more evenly than random choice', () => {
    const names = Array.from({ length: 100 }, (_, index) => `node-${index}`);
    const peakOf = (pick: PickerFactory) => {
      const { balancer, hold } = balance(names, { pick });
      hold(10_000);
      return Math.max(...balancer.nodes.map(({ active }) => active));
    };
    expect(peakOf(powerOfTwoChoices())).toBeLessThanOrEqual(104); // the mean is 100
    expect(peakOf(randomPick())).toBeGreaterThan(115);
  });

  it('powerOfTwoChoices loads nodes by their weight', () => {
    const { balancer, hold } = balance([{ node: 'a', weight: 3 }, 'b', 'c'], { pick: powerOfTwoChoices() });
    hold(500);
    const [a, b, c] = balancer.nodes.map(({ active }) => active) as [number, number, number];
    expect(Math.abs(a - 300)).toBeLessThan(10);
    expect(Math.abs(b - c)).toBeLessThan(10);
  });

  it('every pair of nodes is equally likely', () => {
    const { balancer } = balance(['a', 'b', 'c'], { pick: powerOfTwoChoices() });
    const others = (node: string) => ['a', 'b', 'c'].filter((name) => name !== node);
    for (let call = 0; call < 3; call++) balancer.acquire({ exclude: others('a') });
    balancer.acquire({ exclude: others('b') });
    // a has three calls, b one and c none: of a and b the picker takes b, of any other pair c.
    const counts = countOf(
      Array.from({ length: 3000 }, () => {
        using lease = balancer.acquire();
        return lease.node;
      }),
    );
    expect(counts.a).toBeUndefined();
    expect(Math.abs(counts.b! - 1000)).toBeLessThan(100);
  });

  it('powerOfTwoChoices by latency sends few calls to a slow node', () => {
    const { pick } = balance(['fast', 'slow', 'other'], { pick: powerOfTwoChoices({ by: 'latency' }) });
    const counts = countOf(pick(600, { fast: 5, slow: 100, other: 5 }));
    expect(counts.slow).toBeLessThan(10);
    expect(counts.fast).toBeGreaterThan(200);
    expect(counts.other).toBeGreaterThan(200);
  });

  it('powerOfTwoChoices picks the only node', () => {
    expect(balance(['a'], { pick: powerOfTwoChoices() }).pick(3)).toEqual(['a', 'a', 'a']);
  });
});

describe('leastResponseTime', () => {
  const pick = leastResponseTime();

  it('leastResponseTime picks the node with the lowest expected latency, including its calls in flight', () => {
    const { balancer, clock } = balance(['a', 'b'], { pick });
    for (const [node, tookMs] of [
      ['a', 10],
      ['b', 35],
    ] as const) {
      const lease = balancer.acquire({ exclude: node === 'a' ? ['b'] : ['a'] });
      clock.time += tookMs;
      lease.release(OK);
    }
    const held = Array.from({ length: 5 }, () => balancer.acquire().node);
    expect(letters(held)).toBe('aaaba'); // 10, 20, 30; then 40 against 35; then 40 against 70
  });

  it('a node of three times the weight receives three times the calls', () => {
    const { balancer, clock } = balance([{ node: 'a', weight: 3 }, 'b'], { pick });
    for (const node of ['a', 'b']) {
      const lease = balancer.acquire({ exclude: node === 'a' ? ['b'] : ['a'] });
      clock.time += 10;
      lease.release(OK);
    }
    const held = Array.from({ length: 40 }, () => balancer.acquire().node);
    expect(Math.abs(countOf(held).a! - 30)).toBeLessThan(2);
  });

  it('a node without a measured latency receives one call until it has responded', () => {
    const { balancer, clock } = balance(['a', 'b'], { pick });
    const known = balancer.acquire({ exclude: ['b'] });
    clock.time += 10;
    known.release(OK);
    expect(Array.from({ length: 4 }, () => balancer.acquire().node)).toEqual(['b', 'a', 'a', 'a']);
  });

  it('the latency rises to a peak at once and decays by a factor of e in ten seconds', () => {
    const { balancer, clock, pick: next } = balance(['a'], { pick });
    next(1, { a: 100 });
    next(1, { a: 1000 });
    expect(balancer.nodes[0]!.latencyMs).toBe(1000);
    clock.time += 10_000;
    expect(balancer.nodes[0]!.latencyMs).toBeCloseTo(1000 / Math.E, 9);
    const lease = balancer.acquire();
    clock.time += 100;
    lease.release(OK);
    const share = Math.exp(-10_100 / 10_000);
    expect(balancer.nodes[0]!.latencyMs).toBeCloseTo(1000 * share + 100 * (1 - share), 9);
  });

  it('a fast failure does not lower the latency of a node', () => {
    const { balancer, clock } = balance(['a'], { pick });
    const good = balancer.acquire();
    clock.time += 50;
    good.release(OK);
    for (let call = 0; call < 20; call++) {
      clock.time += 10_000;
      const lease = balancer.acquire();
      clock.time += 1;
      lease.release({ ok: false, error: new Error('refused') });
    }
    expect(balancer.nodes[0]!.latencyMs).toBe(50);
    const late = balancer.acquire();
    clock.time += 400;
    late.release({ ok: false, error: new Error('timed out') });
    expect(balancer.nodes[0]!.latencyMs).toBe(400);
    clock.time += 10_000; // the latency decays without calls
    expect(balancer.nodes[0]!.latencyMs).toBeCloseTo(400 / Math.E, 9);
  });

  it('a node that has only failed is tried again when the other nodes have been slower for a while', () => {
    const { balancer, clock } = balance(['dead', 'well'], { pick });
    const calls = (count: number, answers: boolean) =>
      Array.from({ length: count }, () => {
        const lease = balancer.acquire();
        const fails = lease.node === 'dead' && !answers;
        clock.time += fails ? 1 : 20;
        lease.release(fails ? { ok: false, error: new Error('refused') } : OK);
        return lease.node;
      });
    expect(calls(500, false).filter((node) => node === 'dead').length).toBeLessThan(3); // ten seconds
    clock.time += 60_000;
    balancer.acquire({ exclude: ['well'] }).release(OK);
    expect(balancer.nodes[0]!.latencyMs).toBe(0);
    clock.time += 60_000;
    expect(countOf(calls(100, true)).dead).toBeGreaterThan(20);
  });

  it('an aborted call can raise the latency and cannot lower it', () => {
    const { balancer, clock } = balance(['a'], { pick });
    const left = { ok: false, error: new DOMException('left', 'AbortError') } as const;
    const first = balancer.acquire();
    clock.time += 30;
    first.release(left);
    expect(balancer.nodes[0]!.latencyMs).toBe(30);
    clock.time += 10_000;
    balancer.acquire().release(left);
    expect(balancer.nodes[0]!.latencyMs).toBeCloseTo(30 / Math.E, 9);
  });

  it('the latency is never negative when the clock steps back', () => {
    const { balancer, clock, pick: next } = balance(['a'], { pick });
    clock.time = 1000;
    next(1, { a: 100 });
    const lease = balancer.acquire();
    clock.time = 0;
    lease.release(OK);
    expect(balancer.nodes[0]!.latencyMs).toBe(100);
  });

  it('equal nodes are picked at random', () => {
    const { balancer } = balance(['a', 'b', 'c'], { pick });
    expect(
      new Set(
        Array.from({ length: 50 }, () => {
          using lease = balancer.acquire();
          return lease.node;
        }),
      ).size,
    ).toBe(3);
  });
});

describe('randomPick', () => {
  it('randomPick draws by weight', () => {
    const counts = countOf(
      balance([{ node: 'a', weight: 6 }, { node: 'b', weight: 3 }, 'c'], { pick: randomPick() }).pick(10_000),
    );
    expect(counts.a).toBeGreaterThan(5800);
    expect(counts.a).toBeLessThan(6200);
    expect(counts.c).toBeGreaterThan(850);
    expect(counts.c).toBeLessThan(1150);
  });

  it('the ranges of the random value follow the order of the nodes', () => {
    const at = (chance: number) => balance(['a', 'b'], { pick: randomPick(), random: () => chance }).pick(1)[0];
    expect([at(0), at(0.4999), at(0.5), at(1 - 2 ** -53)]).toEqual(['a', 'a', 'b', 'b']);
  });

  it('a node without weight is never picked, at any position', () => {
    const nodes = [{ node: 'a', weight: 0 }, 'b', { node: 'c', weight: 0 }, 'd', { node: 'e', weight: 0 }];
    expect(Object.keys(countOf(balance(nodes, { pick: randomPick() }).pick(1000))).sort()).toEqual(['b', 'd']);
  });
});

describe('consistentHash', () => {
  const KEYS = Array.from({ length: 1000 }, (_, index) => `user:${index}`);

  it('consistentHash places keys like HashRing, with the nodes in any order', () => {
    const nodes = [{ node: 'a', weight: 2 }, 'b', 'c'];
    const ring = new HashRing(nodes);
    const { balancer } = balance(nodes.toReversed(), { pick: consistentHash() });
    for (const key of KEYS) expect(balancer.peek({ key })).toBe(ring.get(key));
  });

  it('consistentHash accepts the options of the ring', () => {
    const ring = new HashRing(['a', 'b', 'c'], { seed: 7, virtualNodes: 20 });
    const { balancer } = balance(['a', 'b', 'c'], { pick: consistentHash({ seed: 7, virtualNodes: 20 }) });
    for (const key of KEYS) expect(balancer.peek({ key })).toBe(ring.get(key));
  });

  it('a key of an excluded node moves to the next node on the ring, and other keys stay', () => {
    const ring = new HashRing(['a', 'b', 'c', 'd']);
    const { balancer } = balance(['a', 'b', 'c', 'd'], { pick: consistentHash() });
    for (const key of KEYS) {
      const order = ring.getMany(key, 4);
      expect(balancer.peek({ key, exclude: order.slice(0, 1) })).toBe(order[1]);
      expect(balancer.peek({ key, exclude: order.slice(0, 3) })).toBe(order[3]);
    }
  });

  it('boundedLoad limits the calls of each node to the bound times its share, and keys continue in ring order', () => {
    const names = Array.from({ length: 10 }, (_, index) => `node-${index}`);
    const { balancer } = balance(names, { pick: consistentHash({ boundedLoad: 1.25 }) });
    const order = new HashRing(names).getMany('hot', 10);
    for (let call = 1; call <= 200; call++) {
      balancer.acquire({ key: 'hot' });
      const most = Math.ceil((1.25 * call) / 10);
      const active = new Map(balancer.nodes.map((one) => [one.node, one.active]));
      for (const count of active.values()) expect(count).toBeLessThanOrEqual(most);
      // A node after one with room has only the calls that arrived when there was less room.
      expect(active.get(order[0]!)).toBe(most);
    }
  });

  it('a call without a key is rejected with an error that names the picker', () => {
    const { balancer } = balance(['a'], { pick: consistentHash() });
    expect(() => balancer.acquire()).toThrow('consistentHash: "key" must be a string for each call, got undefined');
    expect(balancer.nodes[0]).toMatchObject({ active: 0, picks: 0 });
  });

  it('a weight that the ring rejects changes nothing', () => {
    const { balancer } = balance(['a', 'b'], { pick: consistentHash({ virtualNodes: 65_536 }) });
    const before = balancer.nodes;
    expect(() => balancer.setNodes(['a', { node: 'x', weight: 1e6 }])).toThrow('"weight" must be at most 256');
    expect(balancer.nodes).toEqual(before);
    expect(['a', 'b']).toContain(balancer.peek({ key: 'k' }));
  });
});

describe('ipHash', () => {
  const nodeOf = (key: string) =>
    balance(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'], { pick: ipHash() }).balancer.peek({ key });

  it.each([
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['192.0.2.1', '::ffff:c000:201'],
    ['2001:db8:1:2::1', '2001:DB8:1:2:ffff::9'],
    ['2001:db8:1:2::1', '2001:0db8:0001:0002:0000:0000:0000:0003'],
  ])('the addresses %s and %s map to the same node', (one, other) => {
    expect(nodeOf(one)).toBe(nodeOf(other));
  });

  it('ipHash distributes IPv4 addresses, IPv6 prefixes and other strings over all nodes', () => {
    const nodes = new Set(Array.from({ length: 100 }, (_, index) => nodeOf(`192.0.2.${index}`)));
    expect(nodes.size).toBe(8);
    expect(new Set(Array.from({ length: 100 }, (_, index) => nodeOf(`client ${index}`))).size).toBe(8);
    expect(new Set(Array.from({ length: 100 }, (_, index) => nodeOf(`2001:db8:1:${index}::1`))).size).toBe(8);
  });
});

describe('Every picker', () => {
  const pickers: PickerFactory[] = [
    roundRobin(),
    weightedRoundRobin(),
    leastConnections(),
    weightedLeastConnections(),
    leastResponseTime(),
    randomPick(),
    powerOfTwoChoices(),
    powerOfTwoChoices({ by: 'latency' }),
    ipHash(),
    consistentHash(),
    consistentHash({ boundedLoad: 1.1 }),
  ];

  it.each(pickers)('$name: peek returns the node that acquire will return, and changes nothing', (pick) => {
    const { balancer, clock } = balance([{ node: 'a', weight: 3 }, 'b', 'c'], { pick });
    for (let call = 0; call < 200; call++) {
      const key = `192.0.2.${call}`;
      const seen = [balancer.peek({ key }), balancer.peek({ key }), balancer.peek({ key })];
      const lease = balancer.acquire({ key });
      expect(seen).toEqual([lease.node, lease.node, lease.node]);
      clock.time += call % 7;
      if (call % 3 > 0) lease.release(OK);
    }
  });

  it.each(pickers)('$name: calls of peek with any exclusions do not change later picks', (pick) => {
    const picksOf = (peeks: boolean) => {
      const { balancer, clock } = balance([{ node: 'a', weight: 3 }, 'b', 'c'], { pick });
      return Array.from({ length: 100 }, (_, call) => {
        const key = `192.0.2.${call}`;
        if (peeks) for (const exclude of [[], ['a'], ['b', 'c'], ['a', 'b', 'c']]) balancer.peek({ key, exclude });
        const lease = balancer.acquire({ key });
        clock.time += call % 5;
        if (call % 4 > 0) lease.release(OK);
        return lease.node;
      });
    };
    expect(picksOf(true)).toEqual(picksOf(false));
  });

  it.each(pickers)('$name: the picker handles one node and no node', (pick) => {
    const { balancer } = balance(['a'], { pick });
    expect(balancer.acquire({ key: 'k' }).node).toBe('a');
    expect(balancer.peek({ key: 'k', exclude: ['a'] })).toBeUndefined();
    balancer.setNodes([]);
    expect(balancer.peek({ key: 'k' })).toBeUndefined();
  });
});
