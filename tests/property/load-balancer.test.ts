import { HashRing } from 'breakwater/hash-ring';
import {
  type BalancerNode,
  type Candidate,
  consistentHash,
  ipHash,
  type Lease,
  LoadBalancer,
  leastConnections,
  leastResponseTime,
  type PickerFactory,
  powerOfTwoChoices,
  randomPick,
  resourceBased,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';

const OK = { ok: true, value: undefined } as const;
const FAILED = { ok: false, error: new Error('no') } as const;
const NAMES = ['a', 'b', 'c', 'd', 'e', '__proto__'];
const weights = fc.constantFrom(1, 1, 1, 2, 5, 0.5, 0, 0.001, 7.3);
const nodes = fc.uniqueArray(fc.record({ node: fc.constantFrom(...NAMES), weight: weights }), {
  selector: ({ node }) => node,
  maxLength: 6,
});

class Slot implements Candidate {
  readonly ramp = 1;
  readonly active = 0;
  credit = 0;
  constructor(
    readonly node: string,
    readonly index: number,
    public weight: number,
  ) {}
  get effectiveWeight() {
    return this.weight;
  }
  latencyMs() {
    return 0;
  }
}

const choice = { key: undefined, now: 0, random: () => 0, take: true };

describe('Smooth weighted round robin', () => {
  it('the sum of the credits is constant while the candidates are the same, and each credit is within three times the total weight', () => {
    const step = fc.record({
      among: fc.uniqueArray(fc.integer({ min: 0, max: 7 }), { minLength: 1, maxLength: 8 }),
      weights: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 8, maxLength: 8 }),
      turns: fc.integer({ min: 1, max: 20 }),
    });
    const property = fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const picker = weightedRoundRobin().start();
      const slots = Array.from({ length: 8 }, (_, index) => new Slot(`${index}`, index, 1));
      for (const { among, weights: list, turns } of steps) {
        for (const [index, slot] of slots.entries()) slot.weight = list[index]!;
        const candidates = slots.filter(({ index }) => among.includes(index));
        const total = candidates.reduce((sum, { weight }) => sum + weight, 0);
        const sums: number[] = [];
        let furthest = 0;
        for (let turn = 0; turn < turns; turn++) {
          picker.choose(candidates, choice);
          sums.push(candidates.reduce((sum, { credit }) => sum + credit, 0));
          furthest = Math.max(furthest, ...candidates.map(({ credit }) => Math.abs(credit)));
        }
        expect(Math.max(...sums) - Math.min(...sums)).toBeLessThan(1e-6);
        expect(furthest).toBeLessThanOrEqual(3 * total);
      }
    });
    fc.assert(property, { numRuns: runs(1000) });
  });

  it('in a number of calls equal to the total weight each node is picked exactly its weight times, and its count is always close to its share', () => {
    const property = fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (list) => {
      const picker = weightedRoundRobin().start();
      const slots = list.map((weight, index) => new Slot(`${index}`, index, weight));
      const total = list.reduce((sum, weight) => sum + weight, 0);
      const counts = list.map(() => 0);
      let furthest = 0;
      for (let turn = 1; turn <= 3 * total; turn++) {
        counts[(picker.choose(slots, choice) as Slot).index]!++;
        const strays = list.map((weight, index) => Math.abs(counts[index]! - (turn * weight) / total));
        furthest = Math.max(furthest, ...strays);
      }
      expect(furthest).toBeLessThan(list.length);
      expect(counts).toEqual(list.map((weight) => 3 * weight));
    });
    fc.assert(property, { numRuns: runs(1000) });
  });

  it('after any history, a node waits for its next call for at most three rounds of the weights', () => {
    const list = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 4 });
    const past = fc.record({ list, among: fc.subarray([0, 1, 2, 3], { minLength: 1 }), turns: fc.nat(40) });
    const property = fc.property(fc.array(past, { maxLength: 8 }), list, (steps, now) => {
      const picker = weightedRoundRobin().start();
      const slots = [0, 1, 2, 3].map((index) => new Slot(`${index}`, index, 1));
      const apply = (weightsNow: readonly number[]) => {
        for (const [index, slot] of slots.entries()) slot.weight = weightsNow[index]!;
      };
      for (const step of steps) {
        apply(step.list);
        const candidates = slots.filter(({ index }) => step.among.includes(index));
        for (let turn = 0; turn < step.turns; turn++) picker.choose(candidates, choice);
      }
      apply(now);
      const total = now.reduce((sum, weight) => sum + weight, 0);
      const candidates = [...slots];
      const lastTurn = now.map(() => 0);
      const longest = now.map(() => 0);
      for (let turn = 1; turn <= Math.min(6 * total, 5000); turn++) {
        const { index } = picker.choose(candidates, choice);
        lastTurn[index] = turn;
        for (const one of now.keys()) longest[one] = Math.max(longest[one]!, turn - lastTurn[one]!);
      }
      for (const [index, weight] of now.entries()) {
        expect(longest[index]!).toBeLessThanOrEqual((3 * total) / weight + now.length);
      }
    });
    fc.assert(property, { numRuns: runs(1000) });
  });
});

describe('Bounded load', () => {
  const load = fc.record({
    nodes: nodes.filter((list) => list.some(({ weight }) => weight > 0)),
    bound: fc.constantFrom(1.0001, 1.05, 1.25, 2, 10),
    calls: fc.array(fc.record({ key: fc.nat(5), release: fc.option(fc.nat(30), { nil: undefined }) }), {
      maxLength: 60,
    }),
  });

  it('the picker takes the first node on the ring from the key on whose calls are below its bound', () => {
    const property = fc.property(load, ({ nodes: list, bound, calls }) => {
      const balancer = new LoadBalancer(list, { pick: consistentHash({ boundedLoad: bound, virtualNodes: 20 }) });
      const ring = new HashRing(list, { virtualNodes: 20 });
      const total = list.reduce((sum, { weight }) => sum + weight, 0);
      const active = new Map(list.map(({ node }) => [node, 0]));
      const held: Lease[] = [];
      for (const { key, release } of calls) {
        const gone = release === undefined ? undefined : held.splice(release, 1)[0];
        if (gone !== undefined) {
          gone.release();
          active.set(gone.node, active.get(gone.node)! - 1);
        }
        const inFlight = held.length + 1;
        const mostOf = (node: string) =>
          Math.ceil((bound * inFlight * list.find((one) => one.node === node)!.weight) / total);
        const expected = ring.getMany(`key-${key}`, Infinity).find((node) => active.get(node)! < mostOf(node));
        const lease = balancer.acquire({ key: `key-${key}` });
        expect(lease.node).toBe(expected);
        active.set(lease.node, active.get(lease.node)! + 1);
        expect(active.get(lease.node)!).toBeLessThanOrEqual(mostOf(lease.node));
        held.push(lease);
      }
    });
    fc.assert(property, { numRuns: runs(1000) });
  });
});

describe('Any picker with any commands', () => {
  const pickers: readonly (readonly [string, () => PickerFactory])[] = [
    ['roundRobin', roundRobin],
    ['weightedRoundRobin', weightedRoundRobin],
    ['leastConnections', leastConnections],
    ['weightedLeastConnections', weightedLeastConnections],
    ['leastResponseTime', leastResponseTime],
    ['randomPick', randomPick],
    ['powerOfTwoChoices', powerOfTwoChoices],
    ['powerOfTwoChoices by latency', () => powerOfTwoChoices({ by: 'latency' })],
    ['ipHash', ipHash],
    ['consistentHash', () => consistentHash({ virtualNodes: 20 })],
    ['bounded consistentHash', () => consistentHash({ boundedLoad: 1.2, virtualNodes: 20 })],
    [
      'resourceBased',
      () => resourceBased((node) => ({ utilization: node.length, callsPerSecond: 1 }), { blackout: 0 }),
    ],
  ];

  const command = fc.oneof(
    { weight: 6, arbitrary: fc.record({ acquire: fc.subarray(NAMES), key: fc.nat(20) }) },
    { weight: 4, arbitrary: fc.record({ end: fc.nat(20), how: fc.constantFrom('ok', 'failed', 'silent', 'twice') }) },
    { weight: 2, arbitrary: fc.record({ execute: fc.constantFrom('ok', 'failed', 'aborted'), key: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ nodes }) },
    { weight: 2, arbitrary: fc.record({ advance: fc.integer({ min: 1, max: 40_000 }) }) },
  );

  it.each(pickers)(
    '%s: leases are conserved, only usable nodes are picked, and peek returns the node that acquire picks',
    async (_name, pick) => {
      let began = 0; // in all runs: the property must not hold because no lease was ever taken
      const property = fc.asyncProperty(nodes, fc.array(command, { maxLength: 40 }), async (first, commands) => {
        const clock = new TestClock();
        const balancer = new LoadBalancer(first, {
          clock,
          pick: pick(),
          random: seededRandom(1),
          outlier: { consecutiveFailures: 2 },
          slowStart: '20s',
          onNoHealthyNode: 'reject',
          panicThreshold: 0,
        });
        const held: Lease[] = [];
        const check = () => {
          const active = balancer.nodes.reduce((sum, one) => sum + one.active, 0);
          const present = new Set(balancer.nodes.map(({ node }) => node));
          // A node that was removed and added again does not count the leases of its predecessor.
          expect(active).toBeLessThanOrEqual(held.filter(({ node }) => present.has(node)).length);
          for (const one of balancer.nodes) {
            expect(one.active).toBeGreaterThanOrEqual(0);
            expect(one.successes + one.failures).toBeLessThanOrEqual(one.picks);
            expect(one.effectiveWeight).toBeLessThanOrEqual(one.weight);
          }
        };
        for (const one of commands) {
          if ('acquire' in one) {
            const options = { key: `192.0.2.${one.key}`, exclude: one.acquire };
            const seen = balancer.peek(options);
            const able = balancer.nodes.filter(
              ({ node, weight, health }) => weight > 0 && health === 'healthy' && !one.acquire.includes(node),
            );
            if (able.length === 0) {
              expect(seen).toBeUndefined();
              expect(() => balancer.acquire(options)).toThrow(expect.objectContaining({ code: 'ERR_NO_HEALTHY_NODE' }));
            } else {
              const lease = balancer.acquire(options);
              expect(lease.node).toBe(seen);
              expect(able.map(({ node }) => node)).toContain(lease.node);
              held.push(lease);
              began++;
            }
          } else if ('end' in one) {
            const lease = held.splice(one.end, 1)[0];
            if (one.how === 'silent') lease?.release();
            else lease?.release(one.how === 'failed' ? FAILED : OK);
            if (one.how === 'twice') lease?.release(FAILED);
          } else if ('execute' in one) {
            const controller = new AbortController();
            const operation = () => {
              if (one.execute === 'aborted') controller.abort();
              return one.execute === 'ok'
                ? 1
                : one.execute === 'failed'
                  ? Promise.reject(FAILED.error)
                  : new Promise(() => {});
            };
            const options = { key: `192.0.2.${one.key}`, signal: controller.signal };
            await balancer.execute(operation, options).then(
              () => undefined,
              () => undefined,
            );
          } else if ('nodes' in one) {
            balancer.setNodes(one.nodes);
          } else {
            await clock.advance(one.advance);
          }
          check();
        }
        for (const lease of held) lease[Symbol.dispose]();
        expect(balancer.nodes.map(({ active }) => active)).toEqual(balancer.nodes.map(() => 0));
        expect(clock.pendingTimers).toBe(0);
      });
      await fc.assert(property, { numRuns: runs(100) });
      expect(began).toBeGreaterThan(0);
    },
  );
});

describe('Nodes that may receive calls', () => {
  const step = fc.oneof(
    fc.record({ node: fc.constantFrom(...NAMES), passes: fc.boolean() }),
    fc.record({ node: fc.constantFrom(...NAMES), fails: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ advance: fc.constantFrom(100, 1000, 5000, 15_000) }),
    fc.record({ nodes }),
  );

  /** The expected state of a node, by an independent implementation of the rules. */
  interface Known {
    weight: number;
    up: boolean;
    isNew: boolean;
    ejectedUntil: number;
    failures: number;
  }

  it('usable nodes are those whose checks pass and that are not ejected, all nodes below the panic threshold, and the configured ones if none is healthy', async () => {
    const property = fc.asyncProperty(
      nodes,
      fc.array(step, { maxLength: 30 }),
      fc.constantFrom(0, 0.5, 1),
      fc.constantFrom('all' as const, 'reject' as const),
      async (first, steps, panicThreshold, onNoHealthyNode) => {
        const clock = new TestClock();
        const failing = new Set<string>();
        const balancer = new LoadBalancer(first, {
          clock,
          pick: roundRobin(),
          panicThreshold,
          onNoHealthyNode,
          health: { check: (node) => !failing.has(node), interval: 1000, jitter: 0, rise: 1, fall: 1 },
          outlier: {
            consecutiveFailures: 3,
            successRate: false,
            ejectFor: 5000,
            maxEjectFor: 5000,
            maxEjectedShare: 1,
          },
        });
        const known = new Map<string, Known>();
        const apply = (list: readonly BalancerNode[], isUp: boolean) => {
          const entries = list as readonly { node: string; weight: number }[];
          for (const name of [...known.keys()]) if (!entries.some(({ node }) => node === name)) known.delete(name);
          for (const { node, weight } of entries) {
            const before = known.get(node) ?? { weight, up: isUp, isNew: !isUp, ejectedUntil: -1, failures: 0 };
            known.set(node, { ...before, weight });
          }
        };
        apply(first, true);
        const usable = () => {
          const now = clock.now();
          const weighty = [...known].filter(([, { weight }]) => weight > 0);
          const asked = weighty.filter(([, { isNew }]) => !isNew);
          const all = asked.length > 0 ? asked : weighty;
          const healthy = all.filter(([, { up, ejectedUntil }]) => up && ejectedUntil <= now);
          const few = healthy.length === 0 ? onNoHealthyNode === 'all' : healthy.length / all.length < panicThreshold;
          return (few ? all : healthy).map(([node]) => node).sort();
        };
        const offered = () => {
          const found: string[] = [];
          for (let node = balancer.peek(); node !== undefined; node = balancer.peek({ exclude: found }))
            found.push(node);
          return found.sort();
        };
        for (const one of steps) {
          if ('passes' in one) {
            if (one.passes) failing.delete(one.node);
            else failing.add(one.node);
          } else if ('fails' in one) {
            const state = known.get(one.node);
            if (state === undefined || !usable().includes(one.node)) continue;
            const others = NAMES.filter((name) => name !== one.node);
            const leases = Array.from({ length: one.fails }, () => balancer.acquire({ exclude: others }));
            for (const lease of leases) lease.release(FAILED);
            // Failures of an ejected node during a panic belong to the past, but extend its series.
            const all = [...known.values()].filter(({ weight }) => weight > 0);
            const out = all.filter(({ ejectedUntil }) => ejectedUntil > clock.now()).length;
            const isEjected = state.ejectedUntil > clock.now();
            state.failures += one.fails;
            if (!isEjected && state.failures >= 3 && out < all.length - 1) {
              state.ejectedUntil = clock.now() + 5000;
              state.failures = 0;
            }
          } else if ('advance' in one) {
            // In steps of 100 ms, so that the model is updated when a check runs at a full second.
            for (let passed = 0; passed < one.advance; passed += 100) {
              await clock.advance(100);
              for (const [node, state] of known) {
                const seen = balancer.nodes.find((status) => status.node === node)!;
                const up = seen.health !== 'unhealthy';
                if (up && !state.up) state.ejectedUntil = -1;
                if (up !== state.up) expect(up).toBe(!failing.has(node));
                state.up = up;
                state.isNew = false;
              }
            }
          } else {
            balancer.setNodes(one.nodes);
            apply(one.nodes, known.size === 0);
          }
          expect(offered()).toEqual(usable());
        }
        balancer[Symbol.dispose]();
        await settle();
        expect(clock.pendingTimers).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: runs(1000) });
  });
});
