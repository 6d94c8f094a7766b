import {
  bulkhead,
  CircuitOpenError,
  type Clock,
  circuitBreaker,
  constantBackoff,
  pipeline,
  RetryBudget,
  retry,
  sleep,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { settle, watch } from '../support/promises.js';

it('no attempt starts later than maxElapsed, even if its delay took longer than planned', async () => {
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

describe('A clock whose times are negative', () => {
  const setUp = () => {
    let now = -1e9;
    const clock: Clock = { now: () => now, setTimeout: () => 0, clearTimeout() {} };
    const pass = (ms: number) => {
      now += ms;
    };
    return { clock, pass };
  };

  it('the window of a breaker expires on a clock with negative times', async () => {
    const { clock, pass } = setUp();
    const breaker = circuitBreaker({ window: { duration: '30s' }, clock });
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    pass(3_600_000);
    expect(breaker.stats.calls).toBe(0);
  });

  it('the window of a retry budget expires on a clock with negative times', () => {
    const { clock, pass } = setUp();
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 1, window: '1s', clock });
    expect([budget.tryRetry(), budget.tryRetry()]).toEqual([true, false]);
    pass(3_600_000);
    expect(budget.tryRetry()).toBe(true);
  });
});
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const down = new Error('down');
const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.useRealTimers();
});

describe('A clock that jumps', () => {
  it.each([-HOUR, HOUR, -DAY, 365 * DAY])(
    'a jump of the wall clock by %i ms changes no state and no timer',
    async (jump) => {
      vi.useFakeTimers();
      const breaker = circuitBreaker({ window: { calls: 1 }, openFor: 1000 });
      await breaker.execute(() => Promise.reject(down)).catch(() => {});
      const budget = new RetryBudget({ ratio: 0, minPerSecond: 1, window: '1s' });
      expect(budget.tryRetry()).toBe(true);
      const waiting = watch(sleep(1000));
      const timed = watch(timeout(1000).execute(never));
      await vi.advanceTimersByTimeAsync(500);
      vi.setSystemTime(Date.now() + jump);
      await vi.advanceTimersByTimeAsync(499);
      expect([breaker.state, budget.tryRetry(), waiting.state, timed.state]).toEqual([
        'open',
        false,
        'pending',
        'pending',
      ]);
      expect(breaker.stats.retryAfterMs).toBeCloseTo(1, 0);
      await vi.advanceTimersByTimeAsync(2);
      expect(breaker.state).toBe('half-open');
      expect([budget.tryRetry(), waiting.state, timed.state]).toEqual([true, 'fulfilled', 'rejected']);
    },
  );

  it('policies continue after the machine was suspended for 8 h and timers fire 8 h late', async () => {
    const clock = new SuspendedClock();
    const breaker = circuitBreaker({ window: { duration: '30s' }, consecutiveFailures: 2, openFor: '1m', clock });
    await breaker.execute(() => Promise.reject(down)).catch(() => {});
    const backingOff = watch(
      retry({ backoff: constantBackoff(100), clock }).execute(({ attempt }) =>
        attempt === 1 ? Promise.reject(down) : 'tried again',
      ),
    );
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100, clock });
    slots.tryAcquire();
    const queued = watch(slots.execute(() => 1));
    const timed = watch(timeout({ duration: 100, clock }).execute(never));
    await clock.timers.advance(50);
    clock.suspend(8 * HOUR);
    expect(breaker.stats.calls).toBe(0);
    await clock.timers.advance(50);
    await settle(); // such a late timer waits for one poll of the event loop
    expect(backingOff).toMatchObject({ state: 'fulfilled', value: 'tried again' });
    expect([queued.error, timed.error]).toMatchObject([{ code: 'ERR_QUEUE_TIMEOUT' }, { code: 'ERR_TIMEOUT' }]);
    expect(clock.timers.pendingTimers).toBe(0);
  });
});

/** A monotonic clock that continues while the machine is suspended, with timers that do not. */
class SuspendedClock implements Clock {
  readonly timers = new TestClock();
  #sleptMs = 0;

  suspend(ms: number): void {
    this.#sleptMs += ms;
  }

  now(): number {
    return this.timers.now() + this.#sleptMs;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    return this.timers.setTimeout(callback, ms);
  }

  clearTimeout(handle: unknown): void {
    this.timers.clearTimeout(handle);
  }
}

afterEach(() => {
  vi.restoreAllMocks();
});

it('no policy reads the wall clock', async () => {
  vi.spyOn(Date, 'now').mockImplementation(() => {
    throw new Error('the wall clock was read');
  });
  const breaker = circuitBreaker({ window: { calls: 1 }, openFor: 5, slowCallDuration: '1s' });
  const policy = pipeline(
    retry({ budget: new RetryBudget(), backoff: () => 1, maxElapsed: '1m', maxAttempts: 2 }),
    breaker,
    bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1s' }),
    timeout('1s'),
  );
  const error = await policy.execute(() => Promise.reject(down), { timeout: '5s' }).catch((reason) => reason);
  expect(error === down || error instanceof CircuitOpenError).toBe(true);
  await vi.waitUntil(() => breaker.state === 'half-open');
  expect(await policy.execute(() => 1)).toBe(1);
});
