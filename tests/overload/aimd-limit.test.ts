import { aimdLimit } from 'breakwater/overload';
import { describe, expect, it } from 'vitest';

const start = (options?: Parameters<typeof aimdLimit>[0], initialLimit = 10) =>
  aimdLimit(options).start({ initialLimit, minLimit: 2, maxLimit: 12 });

describe('aimdLimit', () => {
  it('grows by 1 / limit for each success while at least half of the limit is used', () => {
    const state = start();
    expect(state.sample(50, 4, false, 0)).toBe(10); // less than half
    expect(state.sample(50, 5, false, 0)).toBe(10.1);
    expect(state.sample(50, 6, false, 0)).toBe(10.1 + 1 / 10.1);
    expect(state.reason).toBe('growth');
  });

  it('multiplies the limit by 0.9 for each overload, also if little of the limit is used', () => {
    const state = start();
    expect(state.sample(50, 1, true, 0)).toBe(9);
    expect(state.reason).toBe('overload');
    expect(state.sample(50, 1, true, 0)).toBeCloseTo(8.1, 12);
    state.sample(50, 9, false, 0);
    expect(state.reason).toBe('growth');
  });

  it('stays within the bounds', () => {
    const state = start({ backoff: 0.5 });
    expect([1, 2, 3, 4].map(() => state.sample(1, 9, true, 0))).toEqual([5, 2.5, 2, 2]);
    for (let i = 0; i < 200; i++) state.sample(1, 12, false, 0);
    expect(state.sample(1, 12, false, 0)).toBe(12);
  });

  it('ignores the latency and the time', () => {
    const [one, other] = [start(), start()];
    expect(one.sample(1, 10, false, 0)).toBe(other.sample(10_000, 10, false, 1e9));
    expect(aimdLimit().name).toBe('aimd');
  });

  it.each([0, 1, 0.991, -1, Number.NaN, '0.5'])('rejects the backoff %s', (backoff) => {
    expect(() => aimdLimit({ backoff: backoff as number })).toThrow(/^aimdLimit: "backoff" must be/);
  });

  it.each([0.01, 0.99])('accepts the backoff %s', (backoff) => {
    expect(start({ backoff }).sample(1, 1, true, 0)).toBe(Math.max(2, 10 * backoff));
  });
});
