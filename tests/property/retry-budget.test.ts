import { RetryBudget } from 'breakwater/retry';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';

/** A request, a wish to retry, or time that passes. */
const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant('request' as const) },
  { weight: 5, arbitrary: fc.constant('retry' as const) },
  { weight: 2, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 1, arbitrary: fc.constantFrom(999, 1000, 1001, 60_000) },
);

const WINDOW_MS = 1000;
/** A bucket is dropped as a whole, so what counts lies between nine tenths of the window and all of it. */
const BUCKET_MS = WINDOW_MS / 10;

it('whatever happens, retries never exceed the share of the requests they were granted for, plus the floor', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 20, noNaN: true }),
      fc.array(step, { maxLength: 200 }),
      async (ratio, minPerSecond, steps) => {
        const clock = new TestClock();
        const budget = new RetryBudget({ ratio, minPerSecond, window: WINDOW_MS, clock });
        const requests: number[] = [];
        const retries: number[] = [];
        for (const each of steps) {
          const now = clock.now();
          const since = (times: number[], ms: number) => times.filter((time) => time > now - ms).length;
          if (each === 'request') {
            budget.recordRequest();
            requests.push(now);
          } else if (each === 'retry') {
            const granted = budget.tryRetry();
            if (granted) retries.push(now);
            const most = ratio * since(requests, WINDOW_MS) + (minPerSecond * WINDOW_MS) / 1000;
            const least = ratio * since(requests, WINDOW_MS - BUCKET_MS) + (minPerSecond * WINDOW_MS) / 1000;
            if (granted) expect(since(retries, WINDOW_MS - BUCKET_MS)).toBeLessThanOrEqual(most + 1e-6);
            else expect(since(retries, WINDOW_MS) + 1).toBeGreaterThan(least - 1e-6);
          } else await clock.advance(each);
          const { available } = budget.stats;
          expect(Number.isInteger(available) && available >= 0).toBe(true);
        }
        await clock.advance(WINDOW_MS);
        const floor = Math.floor((minPerSecond * WINDOW_MS) / 1000 + 1e-9);
        expect(budget.stats).toEqual({ requests: 0, retries: 0, available: floor }); // quiet restores it, to its floor
      },
    ),
    { numRuns: 300 },
  );
});
