import {
  type Backoff,
  constantBackoff,
  decorrelatedJitterBackoff,
  exponentialBackoff,
  linearBackoff,
} from 'breakwater/retry';
import { describe, expect, it } from 'vitest';

/** The first delays with a random source that always returns `random`. */
function delays(backoff: Backoff, count: number, random = 0.5): (number | undefined)[] {
  const taken: (number | undefined)[] = [];
  for (let attempt = 1; attempt <= count; attempt++) {
    taken.push(
      backoff({ attempt, previousDelayMs: taken.at(-1), outcome: { ok: true, value: 1 }, random: () => random }),
    );
  }
  return taken;
}

describe('Backoffs', () => {
  it('constantBackoff returns the same delay for every attempt', () => {
    expect(delays(constantBackoff('1s'), 3)).toEqual([1000, 1000, 1000]);
  });

  it('linearBackoff grows up to its maximum', () => {
    expect(delays(linearBackoff({ initial: 100, max: 350 }), 5)).toEqual([100, 200, 300, 350, 350]);
  });

  it('exponentialBackoff without jitter multiplies the delay by the factor up to the maximum', () => {
    const backoff = exponentialBackoff({ initial: 100, factor: 3, max: '2s', jitter: 'none' });
    expect(delays(backoff, 5)).toEqual([100, 300, 900, 2000, 2000]);
  });

  it('exponentialBackoff doubles 200 ms up to 30 s with full jitter by default', () => {
    expect(delays(exponentialBackoff(), 10, 0)).toEqual(new Array(10).fill(0));
    expect(delays(exponentialBackoff(), 10, 1)).toEqual([
      200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
    ]);
  });

  it('equal jitter returns a delay in the second half of the range', () => {
    const backoff = exponentialBackoff({ initial: 100, jitter: 'equal' });
    expect(delays(backoff, 3, 0)).toEqual([50, 100, 200]);
    expect(delays(backoff, 3, 1)).toEqual([100, 200, 400]);
  });

  it('decorrelatedJitterBackoff returns a delay between the initial and three times the previous delay', () => {
    expect(delays(decorrelatedJitterBackoff({ initial: 100, max: 2000 }), 4, 0)).toEqual([100, 100, 100, 100]);
    expect(delays(decorrelatedJitterBackoff({ initial: 100, max: 2000 }), 4, 1)).toEqual([300, 900, 2000, 2000]);
    expect(delays(decorrelatedJitterBackoff({ initial: 100, max: 2000 }), 2, 0.5)).toEqual([200, 350]);
  });

  it.each([
    exponentialBackoff(),
    exponentialBackoff({ jitter: 'none', factor: 1e300 }),
    linearBackoff({ initial: 1, max: '1h' }),
    decorrelatedJitterBackoff(),
  ])('the delay of a backoff stays finite at attempt 5,000', (backoff) => {
    const delay = backoff({
      attempt: 5000,
      previousDelayMs: 30_000,
      outcome: { ok: true, value: 1 },
      random: () => 0.99,
    });
    expect(delay).toBeGreaterThan(0);
    expect(delay).toBeLessThanOrEqual(3_600_000);
  });
});
