import {
  type Lease,
  LoadBalancer,
  leastConnections,
  leastResponseTime,
  type PickerFactory,
  powerOfTwoChoices,
  randomPick,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'breakwater/load-balancer';
import { seededRandom, TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';
import {
  naiveLeastConnections,
  naiveLeastResponseTime,
  naivePowerOfTwoChoices,
  naiveRandomPick,
  naiveRoundRobin,
  naiveWeightedRoundRobin,
  wasNearlyEqual,
} from './models/naive-pickers.js';

const OK = { ok: true, value: undefined } as const;
const FAILED = { ok: false, error: new Error('no') } as const;
const NAMES = Array.from({ length: 11 }, (_, index) => `n${index}`);

const nodes = fc.uniqueArray(
  fc.record({
    node: fc.constantFrom(...NAMES),
    weight: fc.constantFrom(1, 1, 1, 2, 3, 8, 50, 0),
    zone: fc.constantFrom('here', 'there'),
  }),
  { selector: ({ node }) => node, maxLength: NAMES.length },
);
const command = fc.oneof(
  { weight: 12, arbitrary: fc.record({ acquire: fc.constant([] as string[]), peeks: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ acquire: fc.subarray(NAMES, { maxLength: 5 }), peeks: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ end: fc.nat(12), how: fc.constantFrom('ok', 'ok', 'failed', 'silent') }) },
  { weight: 1, arbitrary: fc.record({ nodes }) },
  // Multiples of a sixteenth of the slow start, so that its weights are exact, as ties require.
  { weight: 2, arbitrary: fc.record({ seconds: fc.integer({ min: 1, max: 9 }) }) },
);

const pickers: readonly (readonly [string, () => PickerFactory, () => PickerFactory])[] = [
  ['roundRobin', roundRobin, naiveRoundRobin],
  ['weightedRoundRobin', weightedRoundRobin, naiveWeightedRoundRobin],
  ['leastConnections', leastConnections, () => naiveLeastConnections(({ ramp }) => ramp)],
  [
    'weightedLeastConnections',
    weightedLeastConnections,
    () => naiveLeastConnections(({ effectiveWeight }) => effectiveWeight),
  ],
  ['leastResponseTime', leastResponseTime, naiveLeastResponseTime],
  ['randomPick', randomPick, naiveRandomPick],
  ['powerOfTwoChoices', powerOfTwoChoices, naivePowerOfTwoChoices],
];

describe('A picker that keeps a tree', () => {
  it.each(pickers)(
    '%s picks the same nodes as a loop over all candidates, after any changes of the nodes',
    async (name, pick, naive) => {
      const property = fc.asyncProperty(
        nodes,
        fc.array(command, { maxLength: 80 }),
        // Round robin takes turns of its own in each zone, which a loop over the candidates of one call does not know.
        name === 'roundRobin' ? fc.constant(undefined) : fc.constantFrom(undefined, 'here'),
        async (first, commands, zone) => {
          const clock = new TestClock();
          const start = (own: PickerFactory) =>
            new LoadBalancer(first, {
              clock,
              pick: own,
              zone,
              random: seededRandom(1),
              slowStart: { duration: '16s', minShare: 0.125 },
              outlier: { consecutiveFailures: 2, ejectFor: '20s' },
            });
          const both = [start(pick()), start(naive())] as const;
          const held: (readonly [Lease, Lease])[] = [];
          const canPick = (exclude: readonly string[]) => both[1].peek({ exclude }) !== undefined;
          for (const one of commands) {
            if ('acquire' in one) {
              const options = { exclude: one.acquire };
              if (one.peeks) {
                const peeked = both.map((balancer) => balancer.peek(options));
                if (peeked[0] !== peeked[1] && wasNearlyEqual) return; // the trees add in another order
                expect(peeked[0]).toBe(peeked[1]);
              }
              if (!canPick(one.acquire)) continue;
              const leases = [both[0].acquire(options), both[1].acquire(options)] as const;
              if (leases[0].node !== leases[1].node && wasNearlyEqual) return;
              expect(leases[0].node).toBe(leases[1].node);
              held.push(leases);
            } else if ('end' in one) {
              for (const lease of held.splice(one.end, 1)[0] ?? []) {
                if (one.how === 'silent') lease.release();
                else lease.release(one.how === 'ok' ? OK : FAILED);
              }
            } else if ('nodes' in one) for (const balancer of both) balancer.setNodes(one.nodes);
            else await clock.advance(1000 * one.seconds);
          }
        },
      );
      await fc.assert(property, { numRuns: runs(500) });
    },
  );

  it.each(pickers)('%s picks the same nodes as a loop over 100 candidates', (_, pick, naive) => {
    const clock = new TestClock();
    const random = seededRandom(3);
    const list = Array.from({ length: 100 }, (_, index) => ({
      node: `n${index}`,
      weight: 1 + Math.floor(random() * 9),
    }));
    const both = [pick(), naive()].map((own) => new LoadBalancer(list, { clock, pick: own, random: seededRandom(1) }));
    const held: Lease[][] = [];
    for (let call = 0; call < 3000; call++) {
      const leases = both.map((balancer) => balancer.acquire());
      expect(leases[0]!.node).toBe(leases[1]!.node);
      held.push(leases);
      if (random() < 0.9) for (const lease of held.splice(Math.floor(random() * held.length), 1)[0]!) lease.release(OK);
    }
  });
});
