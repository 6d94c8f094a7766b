/** Clocks that do what clocks may do. */
import { type Clock, circuitBreaker, constantBackoff, RetryBudget, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

it('no try starts later than maxElapsed, even if the wait for it took longer than planned', async () => {
  const timers = new TestClock();
  let sleptMs = 0;
  const clock: Clock = {
    now: () => timers.now() + sleptMs,
    setTimeout: (callback, ms) => timers.setTimeout(callback, ms),
    clearTimeout: (handle) => timers.clearTimeout(handle),
  };
  const startedAt: number[] = [];
  const gaveUp: unknown[] = [];
  const policy = retry({ maxElapsed: '1m', backoff: constantBackoff(100), clock });
  policy.on('giveUp', (event) => gaveUp.push(event));
  const call = watch(
    policy.execute(() => {
      startedAt.push(clock.now());
      throw new Error('down');
    }),
  );
  await timers.advance(50);
  sleptMs = 8 * 3_600_000; // the machine was suspended
  await timers.advance(1000);
  expect(call.state).toBe('rejected');
  expect(startedAt).toEqual([0]);
  expect(gaveUp).toEqual([{ reason: 'elapsed', attempts: 1 }]);
});

describe('the zero of a clock means nothing: it may lie ahead', () => {
  const setUp = () => {
    let now = -1e9;
    const clock: Clock = { now: () => now, setTimeout: () => 0, clearTimeout() {} };
    const pass = (ms: number) => {
      now += ms;
    };
    return { clock, pass };
  };

  it('for the window of a breaker', async () => {
    const { clock, pass } = setUp();
    const breaker = circuitBreaker({ window: { duration: '30s' }, clock });
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    pass(3_600_000);
    expect(breaker.stats.calls).toBe(0);
  });

  it('for that of a budget', () => {
    const { clock, pass } = setUp();
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 1, window: '1s', clock });
    expect([budget.tryRetry(), budget.tryRetry()]).toEqual([true, false]);
    pass(3_600_000);
    expect(budget.tryRetry()).toBe(true);
  });
});
