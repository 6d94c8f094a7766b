import { isDeepStrictEqual } from 'node:util';
import { RetryBudget } from 'breakwater/retry';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../support/runs.js';

/** A request, an attempt to retry, or time that passes. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant('request' as const) },
  { weight: 5, arbitrary: fc.constant('retry' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 1, arbitrary: fc.constantFrom(999, 1000, 1001, 60_000) },
);

const WINDOW_MS = 1000;
/** A bucket is dropped as a whole, so the counted time is between nine tenths of the window and the whole window. */
const BUCKET_MS = WINDOW_MS / 10;

/** Keeps all times and counts them again each time. */
class NaiveBudget {
  readonly requests: number[] = [];
  readonly retries: number[] = [];
  readonly #ratio: number;
  readonly #floor: number;

  constructor(ratio: number, minPerSecond: number) {
    this.#ratio = ratio;
    this.#floor = (minPerSecond * WINDOW_MS) / 1000;
  }

  stats(now: number) {
    const bucket = (time: number) => Math.floor(time / BUCKET_MS);
    const inWindow = (times: number[]) => times.filter((time) => bucket(time) > bucket(now) - 10).length;
    const [requests, retries] = [inWindow(this.requests), inWindow(this.retries)];
    // The tolerance is that of 0.1 × 30, which is a little more than 3.
    return {
      requests,
      retries,
      available: Math.max(0, Math.floor(this.#ratio * requests + this.#floor - retries + 1e-9)),
    };
  }
}

it('a retry budget behaves like a naive model and keeps its limits in any window', async () => {
  const outcomes = { granted: 0, rejected: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.array(step, { maxLength: 200, size: 'max' }),
      async (ratio, minPerSecond, steps) => {
        const clock = new TestClock();
        const budget = new RetryBudget({ ratio, minPerSecond, window: WINDOW_MS, clock });
        const model = new NaiveBudget(ratio, minPerSecond);
        const { requests, retries } = model;
        for (const each of steps) {
          const now = clock.now();
          const since = (times: number[], ms: number) => times.filter((time) => time > now - ms).length;
          const before = model.stats(now);
          if (each === 'request') {
            budget.recordRequest();
            requests.push(now);
            if (budget.stats.available < before.available) expect.unreachable('a request never costs a retry');
          } else if (each === 'retry') {
            const granted = budget.tryRetry();
            if (granted !== before.available > 0) expect(granted).toBe(before.available > 0);
            if (granted) retries.push(now);
            outcomes[granted ? 'granted' : 'rejected']++;
            const most = ratio * since(requests, WINDOW_MS) + (minPerSecond * WINDOW_MS) / 1000;
            const least = ratio * since(requests, WINDOW_MS - BUCKET_MS) + (minPerSecond * WINDOW_MS) / 1000;
            if (granted) expect(since(retries, WINDOW_MS - BUCKET_MS)).toBeLessThanOrEqual(most + 1e-6);
            else expect(since(retries, WINDOW_MS) + 1).toBeGreaterThan(least - 1e-6);
          } else await clock.advance(each);
          const { stats } = budget;
          const expected = model.stats(clock.now());
          if (!isDeepStrictEqual(stats, expected)) expect(stats).toEqual(expected);
        }
        await clock.advance(WINDOW_MS);
        const floor = Math.floor((minPerSecond * WINDOW_MS) / 1000 + 1e-9);
        expect(budget.stats).toEqual({ requests: 0, retries: 0, available: floor }); // a quiet window restores the budget to its minimum
      },
    ),
    { numRuns: runs(1000) },
  );
  expect(Math.min(outcomes.granted, outcomes.rejected)).toBeGreaterThan(runs(1000)); // both results occurred
});
