import { bulkhead, hedge, pipeline, RetryBudget, RetryTokens, retry, timeout } from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { runs } from '../support/runs.js';

const FLOOR = 10;

interface Sent {
  readonly at: number;
  readonly attempt: number;
  readonly hedge: number;
}

/** Sends calls whose runs take random times, fail at random, or are aborted, and returns what was sent when. */
async function traffic(
  clock: TestClock,
  policy: { execute: ReturnType<typeof hedge>['execute'] },
  steps: readonly number[],
  seed: number,
) {
  const random = seededRandom(seed);
  const sent: Sent[] = [];
  const calls: ReturnType<typeof watch>[] = [];
  for (const step of steps) {
    const controller = new AbortController();
    const call = policy.execute(
      ({ attempt, hedge: number }) => {
        sent.push({ at: clock.now(), attempt, hedge: number });
        const ms = random() * 200;
        return new Promise((done, fail) => {
          clock.setTimeout(() => (random() < 0.3 ? fail(new Error('down')) : done(ms)), ms);
        });
      },
      { signal: controller.signal },
    );
    calls.push(watch(call));
    if (random() < 0.1) clock.setTimeout(() => controller.abort(), random() * 150);
    await clock.advance(step);
  }
  await clock.advance(60_000);
  await settle();
  return { sent, calls };
}

const steps = fc.array(fc.integer({ min: 0, max: 120 }), { minLength: 20, maxLength: 150 });

it('V1: hedges stay under maxRatio of the calls plus one per second in any window, and nothing is left over', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 5 }),
      steps,
      fc.integer(),
      async (maxRatio, maxHedges, gaps, seed) => {
        const clock = new TestClock();
        const slots = bulkhead({ maxConcurrent: 1000, clock });
        const hedged = hedge({ delay: 40, maxRatio, maxHedges, clock });
        const policy = pipeline(hedged, slots, timeout({ duration: 150, clock }));
        const { sent, calls } = await traffic(clock, policy, gaps, seed);
        for (const { at } of sent.filter((one) => one.hedge > 0)) {
          const before = (ms: number) => sent.filter((one) => one.at > at - ms && one.at <= at);
          // The window covers nine to ten seconds.
          const hedges = before(9000).filter((one) => one.hedge > 0).length;
          const first = before(10_000).filter((one) => one.hedge === 0).length;
          expect(hedges).toBeLessThanOrEqual(maxRatio * first + FLOOR + 1e-6);
        }
        expect(calls.every(({ state }) => state !== 'pending')).toBe(true);
        expect(hedged.stats.hedges).toBe(sent.filter((one) => one.hedge > 0).length);
        expect([slots.active, slots.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
      },
    ),
    { numRuns: runs(100) },
  );
});

it('V1: retries and hedges with one budget stay under its share of the first attempts plus its floor', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 3, noNaN: true }),
      steps,
      fc.integer(),
      async (ratio, minPerSecond, gaps, seed) => {
        const clock = new TestClock();
        const budget = new RetryBudget({ ratio, minPerSecond, clock });
        const policy = pipeline(
          retry({ maxAttempts: 4, backoff: () => 20, budget, clock }),
          hedge({ delay: 40, maxRatio: 1, maxHedges: 3, budget, clock }),
        );
        const { sent } = await traffic(clock, policy, gaps, seed);
        const isFirst = (one: Sent) => one.attempt === 1 && one.hedge === 0;
        for (const { at } of sent.filter((one) => !isFirst(one))) {
          const before = (ms: number) => sent.filter((one) => one.at > at - ms && one.at <= at);
          const added = before(8900).filter((one) => !isFirst(one)).length;
          const first = before(10_100).filter(isFirst).length; // a retry starts 20 ms after it was taken
          expect(added).toBeLessThanOrEqual(ratio * first + budget.floor + 1e-6);
        }
      },
    ),
    { numRuns: runs(100) },
  );
});

it('V1: retries and hedges with the same tokens stay under refund / cost of the calls plus capacity / cost', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 20, max: 100 }),
      steps,
      fc.integer(),
      async (cost, capacity, gaps, seed) => {
        const clock = new TestClock();
        const budget = new RetryTokens({ capacity, cost });
        const policy = pipeline(
          retry({ maxAttempts: 4, backoff: () => 20, budget, clock }),
          hedge({ delay: 40, maxRatio: 1, maxHedges: 3, budget, clock }),
        );
        const { sent } = await traffic(clock, policy, gaps, seed);
        const first = sent.filter((one) => one.attempt === 1 && one.hedge === 0).length;
        expect(sent.length - first).toBeLessThanOrEqual(budget.floor + budget.ratio * first + 1e-6);
        expect(budget.stats.tokens).toBeGreaterThanOrEqual(0);
        expect(budget.stats.tokens).toBeLessThanOrEqual(capacity);
      },
    ),
    { numRuns: runs(100) },
  );
});
