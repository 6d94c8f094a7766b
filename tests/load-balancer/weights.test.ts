import {
  LoadBalancer,
  type LoadBalancerOptions,
  type LoadReport,
  resourceBased,
  roundRobin,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle } from '../support/promises.js';

/** Slow start, zones and load reports, which change the share of a node. */
const OK = { ok: true, value: undefined } as const;

function sharesOf(balancer: LoadBalancer, calls: number, key?: (call: number) => string): Record<string, number> {
  const shares: Record<string, number> = {};
  for (let call = 0; call < calls; call++) {
    const lease = balancer.acquire(key === undefined ? {} : { key: key(call) });
    lease.release(OK);
    shares[lease.node] = (shares[lease.node] ?? 0) + 1;
  }
  return shares;
}

describe('Slow start', () => {
  function added(slowStart: NonNullable<LoadBalancerOptions['slowStart']>) {
    const clock = new TestClock();
    const balancer = new LoadBalancer(['old'], { clock, slowStart, pick: weightedRoundRobin() });
    balancer.setNodes(['old', { node: 'new', weight: 2 }]);
    const weight = () => balancer.nodes[1]!.effectiveWeight;
    return { clock, balancer, weight };
  }

  it.each([
    [0, 0.2], // the first second counts as a whole second of ten
    [500, 0.2],
    [1000, 0.2],
    [2500, 0.5],
    [5000, 1],
    [9999, 1.9998],
    [10_000, 2],
    [1e9, 2],
  ])(
    '%d ms after it was added, a node of weight 2 with a slow start of 10 s has the weight %d',
    async (sinceMs, weight) => {
      const node = added('10s');
      await node.clock.advance(sinceMs);
      expect(node.weight()).toBeCloseTo(weight, 9);
    },
  );

  it.each([
    [{ duration: '10s', aggression: 2 }, 2500, 2 * Math.sqrt(0.25)],
    [{ duration: '10s', aggression: 0.5 }, 5000, 2 * 0.25],
    [{ duration: '100s', minShare: 0.3 }, 2000, 2 * 0.3],
    [{ duration: '100s' }, 0, 2 * 0.1],
    [{ duration: '500ms' }, 0, 2],
  ] as const)(
    'a node of weight 2 with the slow start %j has, after %d ms, the weight %d',
    async (slowStart, sinceMs, weight) => {
      const node = added(slowStart);
      await node.clock.advance(sinceMs);
      expect(node.weight()).toBeCloseTo(weight, 9);
    },
  );

  it('calls are distributed in proportion to the effective weights', async () => {
    const { clock, balancer } = added('10s');
    await clock.advance(5000);
    expect(sharesOf(balancer, 100)).toEqual({ old: 50, new: 50 });
    await clock.advance(5000);
    expect(sharesOf(balancer, 99)).toEqual({ old: 33, new: 66 });
  });

  /** A picker that takes the first node and counts the lists and the notifications that it receives. */
  function counted(hasNotices: boolean) {
    const counts = { lists: 0, notices: 0, noticed: 0 };
    let last: unknown;
    const start = () => ({
      choose: <C>(candidates: readonly C[]) => {
        if (candidates !== last) counts.lists++;
        last = candidates;
        return candidates[0] as C;
      },
      ...(hasNotices && {
        weightsChanged: (nodes: readonly unknown[]) => {
          counts.notices++;
          counts.noticed += nodes.length;
        },
      }),
    });
    return { pick: { name: 'counted', start }, counts };
  }

  it.each([
    [true, { lists: 1, notices: 9, noticed: 9 }],
    [false, { lists: 10, notices: 0, noticed: 0 }],
  ])(
    'weights change in steps of 10 ms for starting nodes only (picker with weightsChanged: %s)',
    async (hasNotices, expected) => {
      const clock = new TestClock();
      const { pick, counts } = counted(hasNotices);
      const list = Array.from({ length: 20 }, (_, index) => `n${index}`);
      const balancer = new LoadBalancer(list, { clock, slowStart: '10s', pick });
      balancer.setNodes([...list, 'new']);
      for (let call = 0; call < 100; call++) {
        balancer.acquire();
        await clock.advance(1);
      }
      expect(counts).toEqual(expected);
      expect(balancer.nodes.at(-1)!.effectiveWeight).toBeCloseTo(0.1, 9);
    },
  );

  it('the status of a node has its exact weight between the steps', async () => {
    const node = added('10s');
    await node.clock.advance(5000);
    node.balancer.acquire();
    await node.clock.advance(3);
    expect(node.weight()).toBeCloseTo(2 * 0.5003, 9);
  });

  it('several changed nodes are given to the picker as a new list', async () => {
    const clock = new TestClock();
    const { pick, counts } = counted(true);
    const balancer = new LoadBalancer(['old'], { clock, slowStart: '10s', pick });
    balancer.setNodes(['old', 'new']);
    balancer.acquire();
    await clock.advance(2000);
    balancer.acquire();
    expect(counts).toEqual({ lists: 2, notices: 0, noticed: 0 });
  });

  it('the slow start begins when a node without weight receives a weight', async () => {
    const { clock, balancer } = added('10s');
    balancer.setNodes(['old', { node: 'new', weight: 0 }]);
    await clock.advance(60_000);
    balancer.setNodes(['old', { node: 'new', weight: 2 }]);
    expect(balancer.nodes[1]!.effectiveWeight).toBeCloseTo(0.2, 9);
  });

  it('the first nodes and the remaining nodes have no slow start', async () => {
    const clock = new TestClock();
    const balancer = new LoadBalancer([], { clock, slowStart: '10s' });
    balancer.setNodes(['a', 'b']);
    balancer.setNodes(['b', { node: 'a', weight: 3 }]);
    expect(balancer.nodes.map(({ effectiveWeight }) => effectiveWeight)).toEqual([1, 3]);
  });
});

describe('Zone', () => {
  const nodes = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3', 'b4'].map((node) => ({ node, zone: node[0]! }));

  /** The number of 10,000 calls that stay in zone a while the given nodes are down. */
  async function staying(down: readonly string[], options: LoadBalancerOptions = {}): Promise<number> {
    const clock = new TestClock();
    const check = (node: string) => !down.includes(node);
    const balancer = new LoadBalancer(nodes, {
      clock,
      random: seededRandom(7),
      zone: 'a',
      health: { check, jitter: 0 },
      panicThreshold: 0,
      ...options,
    });
    await clock.advance(0);
    const shares = sharesOf(balancer, 10_000);
    return Object.entries(shares).reduce((sum, [node, count]) => (node.startsWith('a') ? sum + count : sum), 0);
  }

  it('all calls stay in the zone while at least 71 % of its nodes are healthy', async () => {
    expect(await staying([])).toBe(10_000);
    expect(await staying(['a1'])).toBe(10_000); // 0.75 × 1.4 > 1
  });

  it('below 71 % the share of calls that stay is 1.4 times the healthy share', async () => {
    expect((await staying(['a1', 'a2'])) / 10_000).toBeCloseTo(0.7, 1);
    expect((await staying(['a1', 'a2', 'a3'])) / 10_000).toBeCloseTo(0.35, 1);
    expect(await staying(['a1', 'a2', 'a3', 'a4'])).toBe(0);
  });

  it('overprovision sets the factor of the healthy share', async () => {
    expect((await staying(['a1'], { zone: { name: 'a', overprovision: 1 } })) / 10_000).toBeCloseTo(0.75, 1);
  });

  it('a zone without its own nodes, or without nodes elsewhere, changes nothing', async () => {
    expect((await staying([], { zone: 'c' })) / 10_000).toBeCloseTo(0.5, 1);
    expect(await staying(['b1', 'b2', 'b3', 'b4', 'a1', 'a2', 'a3'])).toBe(10_000);
  });

  it('the share of the zone follows the health of its nodes', async () => {
    const clock = new TestClock();
    const down = new Set<string>();
    const health = { check: (node: string) => !down.has(node), interval: 1000, jitter: 0, rise: 1, fall: 1 };
    const balancer = new LoadBalancer(nodes, { clock, zone: 'a', health, panicThreshold: 0 });
    await clock.advance(0);
    expect(Object.keys(sharesOf(balancer, 100)).every((node) => node.startsWith('a'))).toBe(true);
    for (const node of ['a1', 'a2', 'a3', 'a4']) down.add(node);
    await clock.advance(1000);
    expect(Object.keys(sharesOf(balancer, 100)).every((node) => node.startsWith('b'))).toBe(true);
    down.clear();
    await clock.advance(1000);
    expect(Object.keys(sharesOf(balancer, 100)).every((node) => node.startsWith('a'))).toBe(true);
  });

  it('roundRobin takes turns in each zone, and does not begin again when the zone changes', async () => {
    const clock = new TestClock();
    const check = (node: string) => !['a1', 'a2'].includes(node);
    const health = { check, interval: 1000, jitter: 0, fall: 1 };
    const balancer = new LoadBalancer(nodes, { clock, random: seededRandom(1), zone: 'a', health, pick: roundRobin() });
    await clock.advance(1000);
    for (let call = 0; call < 4000; call++) balancer.acquire().release(); // 70 % in zone a
    const picks = new Map(balancer.nodes.map((one) => [one.node, one.picks]));
    for (const node of ['a3', 'a4']) expect(picks.get(node)).toBeGreaterThan(1300);
    for (const node of ['b1', 'b2', 'b3', 'b4']) expect(picks.get(node)).toBeGreaterThan(250);
  });

  it('a panic uses the nodes of all zones', async () => {
    expect((await staying(['a1', 'a2', 'a3', 'b1', 'b2', 'b3'], { panicThreshold: 0.5 })) / 10_000).toBeCloseTo(0.5, 1);
  });

  it('a key stays in one zone', async () => {
    const clock = new TestClock();
    const check = (node: string) => node !== 'a1' && node !== 'a2';
    const balancer = new LoadBalancer(nodes, { clock, zone: 'a', health: { check, jitter: 0 }, panicThreshold: 0 });
    await clock.advance(0);
    const zones = new Map<string, Set<string>>();
    for (let call = 0; call < 2000; call++) {
      const key = `key-${call % 100}`;
      using lease = balancer.acquire({ key });
      zones.set(key, (zones.get(key) ?? new Set()).add(lease.node[0]!));
    }
    expect([...zones.values()].every(({ size }) => size === 1)).toBe(true);
    const stay = [...zones.values()].filter((seen) => seen.has('a')).length;
    expect(stay).toBeGreaterThan(55);
    expect(stay).toBeLessThan(85);
  });

  it('an attempt that excludes all nodes of the zone uses another zone', () => {
    const balancer = new LoadBalancer(nodes, { zone: 'a' });
    expect(balancer.acquire({ exclude: ['a1', 'a2', 'a3', 'a4'] }).node).toMatch(/^b/);
  });

  it.each([
    [['b1', 'b2', 'b3'], 1],
    [['a1', 'b1'], 1],
    [['a1', 'a2'], 0.7],
    [['a1', 'a2', 'a3', 'b1'], 0.35],
    [['a1', 'a2', 'a3', 'b1', 'b2', 'b3', 'b4'], 1],
    [['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'b3'], 0],
  ])('with %j excluded, the share of the calls that stay is %d', (exclude, expected) => {
    const balancer = new LoadBalancer(nodes, { zone: 'a', random: seededRandom(7), pick: roundRobin() });
    let stayed = 0;
    for (let call = 0; call < 4000; call++) {
      const { node, release } = balancer.acquire({ exclude });
      expect(exclude).not.toContain(node);
      if (node.startsWith('a')) stayed++;
      release();
    }
    const share = stayed / 4000;
    if (Number.isInteger(expected)) expect(share).toBe(expected);
    else expect(Math.abs(share - expected)).toBeLessThan(0.03);
  });

  it('the weight of the usable nodes counts, and not their number', async () => {
    const weighted = nodes.map((node) => ({ ...node, weight: node.node === 'a1' ? 7 : 1 }));
    const clock = new TestClock();
    const health = { check: (node: string) => node !== 'a1', jitter: 0 };
    const options = { clock, random: seededRandom(7), zone: 'a', health, panicThreshold: 0, pick: roundRobin() };
    const balancer = new LoadBalancer(weighted, options);
    await clock.advance(0);
    let stayed = 0;
    for (let call = 0; call < 4000; call++) {
      const { node, release } = balancer.acquire();
      if (node.startsWith('a')) stayed++;
      release();
    }
    expect(Math.abs(stayed / 4000 - (1.4 * 3) / 10)).toBeLessThan(0.03);
  });

  it.each([
    [{ zone: 5 }, 'zone'],
    [{ zone: { name: 1 } }, 'zone.name'],
    [{ zone: { name: 'a', overprovision: 0.9 } }, 'zone.overprovision'],
  ])('%j is rejected', (options, option) => {
    expect(() => new LoadBalancer(nodes, options as never)).toThrow(
      expect.objectContaining({ owner: 'LoadBalancer', option }),
    );
  });
});

describe('resourceBased', () => {
  function reported(reports: Record<string, LoadReport | undefined>, options: object = {}) {
    const clock = new TestClock();
    const report = vi.fn((node: string): LoadReport | undefined => reports[node]);
    const pick = resourceBased(report, { blackout: 0, ...options });
    const balancer = new LoadBalancer(Object.keys(reports), { clock, pick });
    return { clock, balancer, report };
  }

  /** A balancer whose nodes have all been asked for their report. */
  async function known(...of: Parameters<typeof reported>) {
    const one = reported(...of);
    await askAll(one);
    return one;
  }

  /** A call to each node separately does not change the order of the nodes. */
  async function askAll({ balancer, clock }: { readonly balancer: LoadBalancer; readonly clock: TestClock }) {
    const names = balancer.nodes.map(({ node }) => node);
    for (const node of names) {
      balancer.acquire({ exclude: names.filter((name) => name !== node) }).release();
      await clock.advance(1000);
    }
  }

  it('resourceBased distributes calls by calls per second divided by utilization', async () => {
    const { balancer } = await known({
      idle: { utilization: 0.2, callsPerSecond: 100 }, // 500
      busy: { utilization: 0.8, callsPerSecond: 100 }, // 125
    });
    expect(sharesOf(balancer, 500)).toEqual({ idle: 400, busy: 100 });
  });

  it('errors add to the utilization by errorPenalty', async () => {
    const failing = { utilization: 0.5, callsPerSecond: 100, errorsPerSecond: 50 };
    const good = { utilization: 0.5, callsPerSecond: 100 };
    expect(sharesOf((await known({ failing, good })).balancer, 300)).toEqual({ failing: 100, good: 200 });
    expect(sharesOf((await known({ failing, good }, { errorPenalty: 3 })).balancer, 500)).toEqual({
      failing: 100,
      good: 400,
    });
    expect(sharesOf((await known({ failing, good }, { errorPenalty: 0 })).balancer, 300)).toEqual({
      failing: 150,
      good: 150,
    });
  });

  it('a node without a report has the mean of the others, and with one report all nodes are equal', async () => {
    const half = { utilization: 0.5, callsPerSecond: 100 };
    const quarter = { utilization: 1, callsPerSecond: 100 };
    expect(sharesOf((await known({ a: half, b: quarter, c: undefined })).balancer, 450)).toEqual({
      a: 200,
      b: 100,
      c: 150,
    });
    expect(sharesOf((await known({ a: half, b: undefined })).balancer, 100)).toEqual({ a: 50, b: 50 });
  });

  it('the weights of the nodes multiply the weights of the reports', async () => {
    const same = { utilization: 0.5, callsPerSecond: 100 };
    const { balancer } = await known({ a: same, b: same });
    balancer.setNodes([{ node: 'a', weight: 3 }, 'b']);
    expect(sharesOf(balancer, 400)).toEqual({ a: 300, b: 100 });
  });

  it('each node is asked once per interval while there are calls', async () => {
    const { clock, balancer, report } = reported({ a: undefined, b: undefined });
    expect(report).not.toHaveBeenCalled();
    sharesOf(balancer, 10);
    expect(report).toHaveBeenCalledTimes(2);
    balancer.peek();
    await clock.advance(999);
    sharesOf(balancer, 10);
    expect(report).toHaveBeenCalledTimes(2);
    await clock.advance(1);
    balancer.peek();
    expect(report).toHaveBeenCalledTimes(2);
    sharesOf(balancer, 10);
    expect(report).toHaveBeenCalledTimes(4);
  });

  it('reports are ignored during the blackout of a new node and after expireAfter', async () => {
    const reports: Record<string, LoadReport | undefined> = {
      a: { utilization: 0.25, callsPerSecond: 100 },
      b: { utilization: 0.75, callsPerSecond: 100 },
    };
    const { clock, balancer } = reported(reports, { blackout: '10s', expireAfter: '3m' });
    expect(sharesOf(balancer, 40)).toEqual({ a: 20, b: 20 });
    await clock.advance(9_999);
    expect(sharesOf(balancer, 40)).toEqual({ a: 20, b: 20 });
    await clock.advance(1);
    expect(sharesOf(balancer, 40)).toEqual({ a: 30, b: 10 });
    reports.b = undefined;
    await clock.advance(179_998);
    expect(sharesOf(balancer, 40)).toEqual({ a: 30, b: 10 });
    await clock.advance(1000);
    expect(sharesOf(balancer, 40)).toEqual({ a: 20, b: 20 });
    reports.b = { utilization: 0.75, callsPerSecond: 100 };
    await clock.advance(1000);
    expect(sharesOf(balancer, 40)).toEqual({ a: 20, b: 20 }); // the blackout starts again
    await clock.advance(10_000);
    expect(sharesOf(balancer, 40)).toEqual({ a: 30, b: 10 });
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no report');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no report'))],
    ['is undefined', () => undefined],
    ['is null', () => null],
    ['is a number', () => 7],
    ['has no utilization', () => ({ callsPerSecond: 1 })],
    ['has a utilization of 0', () => ({ utilization: 0, callsPerSecond: 100 })],
    ['has a negative utilization', () => ({ utilization: -1, callsPerSecond: 100 })],
    ['has no calls', () => ({ utilization: 0.5, callsPerSecond: 0 })],
    ['has a NaN', () => ({ utilization: Number.NaN, callsPerSecond: 1 })],
    ['has infinite calls', () => ({ utilization: 0.5, callsPerSecond: Infinity })],
    [
      'has a thenable that throws',
      () => ({
        then: () => {
          throw new Error('then');
        },
      }),
    ],
  ])('a report that %s counts as no report', async (_what, bad) => {
    const good = { utilization: 0.5, callsPerSecond: 100 };
    const pick = resourceBased((node) => (node === 'bad' ? (bad() as never) : good), { blackout: 0 });
    const balancer = new LoadBalancer(['bad', 'good', 'other'], { clock: new TestClock(), pick });
    balancer.acquire();
    await settle();
    const { bad: share } = sharesOf(balancer, 300);
    expect(share).toBeGreaterThan(98);
    expect(share).toBeLessThan(102);
  });

  it('an asynchronous report does not delay calls and is not requested twice', async () => {
    const clock = new TestClock();
    const answers = { a: defer<LoadReport>(), b: defer<LoadReport>() };
    const report = vi.fn((node: string) => answers[node as 'a' | 'b'].promise);
    const balancer = new LoadBalancer(['a', 'b'], { clock, pick: resourceBased(report, { blackout: 0 }) });
    expect(sharesOf(balancer, 10)).toEqual({ a: 5, b: 5 });
    await clock.advance(5000);
    expect(sharesOf(balancer, 10)).toEqual({ a: 5, b: 5 });
    expect(report).toHaveBeenCalledTimes(2);
    answers.a.resolve({ utilization: 0.2, callsPerSecond: 100 });
    answers.b.resolve({ utilization: 0.8, callsPerSecond: 100 });
    await settle();
    expect(sharesOf(balancer, 50)).toEqual({ a: 40, b: 10 });
    await clock.advance(1000);
    sharesOf(balancer, 1);
    expect(report).toHaveBeenCalledTimes(4);
  });

  it.each<[unknown, object, string]>([
    [7, {}, 'resourceBased: "report" must be a function, got 7'],
    [() => undefined, { updateEvery: 0 }, '"updateEvery"'],
    [() => undefined, { blackout: -1 }, '"blackout"'],
    [() => undefined, { expireAfter: 0 }, '"expireAfter"'],
    [() => undefined, { errorPenalty: -1 }, '"errorPenalty" must be a finite number ≥ 0, got -1'],
    [() => undefined, { penalty: 1 }, '"penalty" is unknown (did you mean "errorPenalty"?)'],
  ])('the arguments %s and %j are rejected', (report, options, message) => {
    expect(() => resourceBased(report as never, options as never)).toThrow(message);
  });
});

it('weights of nodes that roundRobin skips are unchanged', () => {
  const balancer = new LoadBalancer(['a', { node: 'b', weight: 0 }], { pick: roundRobin() });
  expect(sharesOf(balancer, 4)).toEqual({ a: 4 });
  expect(balancer.nodes.map(({ weight }) => weight)).toEqual([1, 0]);
});

describe('Weighted round robin when the candidates change', () => {
  /** Smooth weighted round robin over the current candidates, with the credits normalized whenever the candidates change. */
  class Model {
    readonly credits = new Map<string, number>();
    #wasWhole = false;

    /** @param isWhole - no node is excluded. An exclusion changes the candidates of each call. */
    next(weights: Readonly<Record<string, number>>, isWhole: boolean): string {
      const names = Object.keys(weights);
      const total = names.reduce((sum, name) => sum + weights[name]!, 0);
      if (!isWhole || !this.#wasWhole) {
        const before = names.map((name) => this.credits.get(name) ?? 0);
        const mean = before.reduce((sum, credit) => sum + credit, 0) / names.length;
        for (const [index, name] of names.entries()) {
          this.credits.set(name, Math.min(Math.max(before[index]! - mean, -total), 2 * total));
        }
      }
      this.#wasWhole = isWhole;
      for (const name of names) this.credits.set(name, (this.credits.get(name) ?? 0) + weights[name]!);
      const best = names.reduce((one, other) => (this.credits.get(other)! > this.credits.get(one)! ? other : one));
      this.credits.set(best, this.credits.get(best)! - total);
      return best;
    }
  }

  it('credits among the remaining nodes are kept, and credits of other nodes and excessive credits are cleared', () => {
    const weights: Record<string, number> = { a: 100, b: 3, c: 1, d: 20 };
    const random = seededRandom(7);
    for (let round = 0; round < 50; round++) {
      const balancer = new LoadBalancer(
        Object.entries(weights).map(([node, weight]) => ({ node, weight })),
        { pick: weightedRoundRobin() },
      );
      const model = new Model();
      const picked: [string, string][] = [];
      for (let change = 0; change < 10; change++) {
        const out = new Set(Object.keys(weights).filter(() => random() < 0.4));
        if (out.size === 4) out.clear();
        const candidates = Object.fromEntries(Object.entries(weights).filter(([name]) => !out.has(name)));
        for (let call = 0; call < 5; call++) {
          const lease = balancer.acquire({ exclude: [...out] });
          lease.release(OK);
          picked.push([lease.node, model.next(candidates, out.size === 0)]);
        }
      }
      expect(picked.map(([ours]) => ours)).toEqual(picked.map(([, theirs]) => theirs));
    }
  });
});
