/** Faults F28 to F32 and F56 of section 4 of the reliability research: clocks that jump, timers that are early or very long. */
import { bulkhead, type Clock, circuitBreaker, constantBackoff, RetryBudget, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { settle, watch } from '../support/promises.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const down = new Error('down');
const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.useRealTimers();
});

describe('F28: the clock jumps', () => {
  it.each([-HOUR, HOUR, -DAY, 365 * DAY])(
    'F28: the wall clock by %i ms: nothing in the process notices',
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

  it('F28: the machine sleeps for 8 h, and timers ring that much too late: all goes on from there', async () => {
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
    await settle(); // a timer so late gives one poll to what may have come
    expect(backingOff).toMatchObject({ state: 'fulfilled', value: 'tried again' });
    expect([queued.error, timed.error]).toMatchObject([{ code: 'ERR_QUEUE_TIMEOUT' }, { code: 'ERR_TIMEOUT' }]);
    expect(clock.timers.pendingTimers).toBe(0);
  });
});

/** A monotonic clock that goes on while the machine sleeps, and timers that do not. */
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

it('F31: timers that ring early end nothing early', async () => {
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

describe('F32: sixty days', () => {
  /** Everything that waits for so long on a clock; `undefined` is the system's. */
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

  it('F32: on a TestClock every wait lasts as long as it should', async () => {
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

  it('F32: and under the timers of the platform, which hold 24.8 days', async () => {
    vi.useFakeTimers();
    const { view } = waitingOn(undefined);
    await vi.advanceTimersByTimeAsync(60 * DAY - 2);
    expect(view()).toEqual(before);
    await vi.advanceTimersByTimeAsync(4);
    expect(view()).toEqual(after);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('F56: fake timers are put in place, or taken away, between two calls of one policy', () => {
  it.each([
    ['real ones first', () => {}, () => vi.useFakeTimers()],
    ['fake ones first', () => vi.useFakeTimers(), () => vi.useRealTimers()],
  ])('F56: %s: its timeouts ring by those that are there', async (_name, before, between) => {
    before();
    const limited = timeout(50);
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 50 });
    for (let i = 0; i < 3; i++) {
      await limited.execute(() => i);
      await Promise.all([slots.execute(async () => {}), slots.execute(async () => {})]);
    }
    between();
    slots.tryAcquire();
    const calls = [watch(limited.execute(never)), watch(slots.execute(never))];
    if (vi.isFakeTimers()) await vi.advanceTimersByTimeAsync(51);
    else await sleep(100);
    expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected']);
  });
});
