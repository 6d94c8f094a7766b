import { bulkhead, type Clock, circuitBreaker, constantBackoff, RetryBudget, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { watch } from '../support/promises.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const down = new Error('down');
const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.useRealTimers();
});

it('timers that fire early end no wait early', async () => {
  const timers = new TestClock();
  const hasty: Clock = {
    now: () => timers.now(),
    setTimeout: (callback, ms) => timers.setTimeout(callback, ms > 1 ? ms - 1 : ms),
    clearTimeout: (handle) => timers.clearTimeout(handle),
  };
  const startedAt: number[] = [];
  const calls = [
    sleep(100, { clock: hasty }),
    timeout({ duration: 100, clock: hasty }).execute(never),
    retry({ clock: hasty }).execute(never, { timeout: 100 }),
    retry({ maxAttempts: 2, backoff: constantBackoff(100), clock: hasty }).execute(() => {
      startedAt.push(timers.now());
      throw down;
    }),
  ].map((call) => watch<unknown>(call));
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100, clock: hasty });
  slots.tryAcquire();
  calls.push(watch(slots.execute(() => 1)));
  const breaker = circuitBreaker({ initialState: 'open', openFor: 100, clock: hasty });
  await timers.advance(99);
  expect(calls.map(({ state }) => state)).toEqual(Array(5).fill('pending'));
  expect([breaker.state, startedAt]).toEqual(['open', [0]]);
  await timers.advance(1);
  await timers.advance(1);
  expect(calls.every(({ state }) => state !== 'pending')).toBe(true);
  expect([breaker.state, startedAt]).toEqual(['half-open', [0, 100]]);
  expect(timers.pendingTimers).toBe(0);
});

describe('Waits of sixty days', () => {
  /** All waits of sixty days on a clock. `undefined` means the system clock. */
  function waitingOn(clock: Clock | undefined) {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '60d', clock });
    slots.tryAcquire();
    const startedAt: number[] = [];
    const again = retry({ backoff: constantBackoff('60d'), maxAttempts: 2, clock });
    const calls = [
      sleep(60 * DAY, { clock }),
      timeout({ duration: '60d', clock }).execute(never),
      retry({ clock }).execute(never, { timeout: '60d' }),
      slots.execute(() => 1),
      again.execute(() => {
        startedAt.push(1);
        throw down;
      }),
    ].map((call) => watch<unknown>(call));
    const breaker = circuitBreaker({ initialState: 'open', openFor: '60d', clock });
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 1 / (60 * 86_400), window: '60d', clock });
    budget.tryRetry();
    const view = () => [calls.map(({ state }) => state), breaker.state, budget.stats.available];
    return { view, calls };
  }
  const before = [Array(5).fill('pending'), 'open', 0];
  const after = [['fulfilled', 'rejected', 'rejected', 'rejected', 'rejected'], 'half-open', 1];

  it('each wait of sixty days ends on time on a TestClock', async () => {
    const clock = new TestClock();
    const { view, calls } = waitingOn(clock);
    for (let day = 1; day < 60; day++) await clock.advance(DAY);
    await clock.advance(DAY - 1);
    expect(view()).toEqual(before);
    await clock.advance(1);
    expect(view()).toEqual(after);
    const errors = calls.slice(1).map(({ error }) => (error as { code?: string }).code);
    expect(errors).toEqual(['ERR_TIMEOUT', 'ERR_TIMEOUT', 'ERR_QUEUE_TIMEOUT', undefined]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('each wait of sixty days ends on time on the timers of the platform, which hold at most 24.8 days', async () => {
    vi.useFakeTimers();
    const { view } = waitingOn(undefined);
    await vi.advanceTimersByTimeAsync(60 * DAY - 2);
    expect(view()).toEqual(before);
    await vi.advanceTimersByTimeAsync(4);
    expect(view()).toEqual(after);
    expect(vi.getTimerCount()).toBe(0);
  });
});
