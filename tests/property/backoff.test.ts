import { type Backoff, decorrelatedJitterBackoff, exponentialBackoff, linearBackoff } from 'breakwater/retry';
import { seededRandom } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const initial = fc.double({ min: 0.001, max: 1e6, noNaN: true });
const spread = fc.double({ min: 1, max: 1e6, noNaN: true });
const seed = fc.integer();

/** The delays of many attempts, including attempt 5,000. */
function delaysOf(backoff: Backoff, random: () => number): number[] {
  const delays: number[] = [];
  for (const attempt of [...Array.from({ length: 60 }, (_, i) => i + 1), 1000, 1024, 5000]) {
    const delay = backoff({ attempt, previousDelayMs: delays.at(-1), outcome: { ok: true, value: 1 }, random });
    delays.push(delay as number);
  }
  return delays;
}

describe('Backoffs with any options', () => {
  it('an exponential backoff is finite and within its maximum, and its jitter is inside the delay', () => {
    fc.assert(
      fc.property(initial, spread, fc.double({ min: 1, max: 1e6, noNaN: true }), seed, (from, times, factor, n) => {
        const max = from * times;
        const plain = delaysOf(exponentialBackoff({ initial: from, max, factor, jitter: 'none' }), Math.random);
        const full = delaysOf(exponentialBackoff({ initial: from, max, factor, jitter: 'full' }), seededRandom(n));
        const equal = delaysOf(exponentialBackoff({ initial: from, max, factor, jitter: 'equal' }), seededRandom(n));
        for (const [index, delay] of plain.entries()) {
          expect(delay).toBeGreaterThan(0);
          expect(delay).toBeLessThanOrEqual(max);
          if (index > 0) expect(delay).toBeGreaterThanOrEqual(plain[index - 1] as number);
          expect(full[index]).toBeGreaterThanOrEqual(0);
          expect(full[index]).toBeLessThanOrEqual(delay);
          expect(equal[index]).toBeGreaterThanOrEqual(delay / 2);
          expect(equal[index]).toBeLessThanOrEqual(delay);
        }
      }),
      { numRuns: runs(300) },
    );
  });

  it('linear and decorrelated backoffs stay between their initial delay and their maximum', () => {
    fc.assert(
      fc.property(initial, spread, seed, (from, times, n) => {
        const max = from * times;
        const delays = [
          ...delaysOf(linearBackoff({ initial: from, max }), Math.random),
          ...delaysOf(decorrelatedJitterBackoff({ initial: from, max }), seededRandom(n)),
        ];
        for (const delay of delays) {
          expect(delay).toBeGreaterThanOrEqual(Math.min(from, max));
          expect(delay).toBeLessThanOrEqual(max);
        }
      }),
      { numRuns: runs(300) },
    );
  });
});
