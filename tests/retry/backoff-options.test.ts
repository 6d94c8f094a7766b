import { circuitBreaker, decorrelatedJitterBackoff, exponentialBackoff, linearBackoff, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { refuse } from '../support/option-values.js';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

it('a jitter of 2, -1 or NaN is rejected', () => {
  for (const value of [2, -1, Number.NaN, true, 'FULL', '']) {
    refuse({ jitter: (jitter) => exponentialBackoff({ jitter }) }, value);
  }
});

it('a backoff factor of 0, -2, Infinity or NaN is rejected', () => {
  for (const value of [0, -2, Infinity, Number.NaN, 0.99, '2', null]) {
    refuse({ factor: (factor) => exponentialBackoff({ factor }) }, value);
  }
});

it('a maximum delay below the initial delay is rejected', () => {
  for (const make of [linearBackoff, exponentialBackoff, decorrelatedJitterBackoff]) {
    expect(() => make({ initial: '2s', max: 1999 })).toThrow(/"max" must not be below "initial" \(2000 ms\), got 1999/);
    expect(() => make({ initial: '2s', max: 2000 })).not.toThrow();
  }
});

it('a backoff or random source that returns no valid delay is reported, and no call waits for it', async () => {
  for (const bad of [Number.NaN, -1, Infinity, '5', Promise.resolve(5), null, {}]) {
    const clock = new TestClock();
    const down = new Error('down');
    const fail = () => Promise.reject(down);
    const rule = /^retry: "backoff" must return milliseconds/;
    await expect(retry({ backoff: () => bad as never, clock }).execute(fail)).rejects.toThrow(rule);
    if (typeof bad === 'number') {
      const random = () => (bad === Infinity ? Number.NaN : bad);
      await expect(retry({ random, clock }).execute(fail)).rejects.toThrow(rule);
    }
    // The breaker still opens, and the call keeps its own error.
    using uncaught = catchUncaught();
    const breaker = circuitBreaker({ window: { calls: 1 }, openFor: () => bad as never, clock });
    await expect(breaker.execute(fail)).rejects.toBe(down);
    await settle();
    expect(breaker.state).toBe('open');
    expect(breaker.stats.retryAfterMs).toBeGreaterThan(0);
    expect(uncaught.errors.map(String)).toEqual([
      expect.stringMatching(/: circuitBreaker: "openFor" must return milliseconds/),
    ]);
    expect(clock.pendingTimers).toBe(0);
  }
});
