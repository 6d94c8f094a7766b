import { allOf, SlidingWindowLog } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { LIMITERS, optionsOf } from './limiters.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe.each(LIMITERS)('%s', (name, make) => {
  it('Exactly the burst passes while the clock does not move', () => {
    const limiter = make({ size: 7, flow: 0.3, per: '1m' }, new ManualClock(1e9 + 0.1));
    expect(Array.from({ length: 9 }, () => limiter.tryAcquire().allowed).filter(Boolean)).toHaveLength(7);
  });

  it('A rejected cost takes no token', () => {
    const limiter = make({ size: 10, per: '1m' }, new ManualClock());
    limiter.tryAcquire(8);
    expect(limiter.tryAcquire(5)).toMatchObject({ allowed: false, remaining: 2 });
    expect(limiter.tryAcquire(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('A cost above the burst throws RangeError and never waits', async () => {
    const clock = new TestClock();
    const limiter = make({ size: 2, per: '1m' }, clock);
    expect(() => limiter.tryAcquire(3)).toThrow(RangeError);
    await expect(limiter.acquire({ cost: 3 })).rejects.toThrow(RangeError);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([30 * DAY, 500, 1, 0.25])('A period of %d ms is enforced', (per) => {
    const clock = new ManualClock();
    const limiter = make({ size: 2, flow: 2, per }, clock);
    limiter.tryAcquire(2);
    clock.time = per / 4;
    expect(limiter.tryAcquire(2).allowed).toBe(false);
    clock.time = 2 * per;
    expect(limiter.tryAcquire(2).allowed).toBe(true);
  });

  it('A wait of 30 days is longer than a timer of the platform holds, and ends on time', async () => {
    vi.useFakeTimers();
    try {
      const limiter = make({ size: 1, per: '30d' });
      limiter.tryAcquire();
      const waiting = watch(limiter.acquire());
      await vi.advanceTimersByTimeAsync(30 * DAY - 1000);
      expect(waiting.state).toBe('pending');
      await vi.advanceTimersByTimeAsync(31 * DAY);
      expect(waiting.state).toBe('fulfilled');
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('A clock that steps back an hour blocks no caller, and one that jumps ahead releases at most a burst', () => {
    const clock = new ManualClock(10 * HOUR);
    const limiter = make({ size: 5, per: '1s' }, clock);
    limiter.tryAcquire(5);
    clock.time -= HOUR;
    expect(limiter.tryAcquire()).toMatchObject({ allowed: false });
    expect(limiter.peek(5).retryAfterMs).toBeLessThanOrEqual(2000);
    clock.time += 2000;
    expect(limiter.tryAcquire(5).allowed).toBe(true);
    clock.time += HOUR;
    expect([limiter.tryAcquire(5).allowed, limiter.tryAcquire().allowed]).toEqual([true, false]);
    expect(limiter.peek().resetAfterMs).toBeLessThanOrEqual(2000);
  });

  it('A waiter waits at most twice as long if the clock steps back', async () => {
    const timers = new TestClock();
    let shift = 0;
    const clock = {
      now: () => timers.now() + shift,
      setTimeout: timers.setTimeout.bind(timers),
      clearTimeout: timers.clearTimeout.bind(timers),
    };
    const limiter = make({ size: 1, per: '1s' }, clock);
    limiter.tryAcquire();
    const waiting = watch(limiter.acquire());
    await timers.advance(500);
    shift = -HOUR;
    await timers.advance(3500);
    expect([waiting.state, timers.pendingTimers]).toEqual(['fulfilled', 0]);
  });

  it('A thousand rejections change nothing and retain nothing, and retryAfterMs is exact', () => {
    const clock = new ManualClock();
    const limiter = make({ size: 3, per: '1s' }, clock);
    limiter.tryAcquire(3);
    const first = limiter.tryAcquire(2);
    for (let n = 0; n < 1000; n++) limiter.tryAcquire(2);
    expect(limiter.tryAcquire(2)).toEqual(first);
    clock.time = first.retryAfterMs - 1;
    expect(limiter.tryAcquire(2).allowed).toBe(false);
    clock.time = first.retryAfterMs;
    expect(limiter.tryAcquire(2).allowed).toBe(true);
  });

  it('The first limiter of allOf keeps its tokens if the second rejects, and 64 concurrent calls pass exactly the limit', async () => {
    const clock = new TestClock();
    const first = make({ size: 100, per: '1m' }, clock);
    const both = allOf(first, make({ size: 10, per: '1m' }, clock));
    const answers = await Promise.all(Array.from({ length: 64 }, () => both.acquire({ maxWait: 0 })));
    const spaced = name === 'LeakyBucket' ? 1 : 10;
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(spaced);
    expect(first.peek().remaining).toBe(100 - spaced);
  });

  it('An aborted waiter leaves the queue, and later waiters move up without a leftover timer or listener', async () => {
    const clock = new TestClock();
    const limiter = make({ size: 1, per: '1s' }, clock);
    limiter.tryAcquire();
    const { controller, listeners } = countingController();
    const outcomes: string[] = [];
    const wait = (waiter: string, signal: AbortSignal | null) =>
      limiter.acquire({ signal }).then(
        () => outcomes.push(waiter),
        () => outcomes.push(`not ${waiter}`),
      );
    wait('a', null);
    const before = limiter.peek().retryAfterMs;
    wait('b', controller.signal);
    wait('c', null);
    controller.abort();
    expect(limiter.peek().retryAfterMs).toBeGreaterThan(before);
    await clock.advance(before);
    expect(outcomes).toEqual(['not b', 'a', 'c']);
    expect([clock.pendingTimers, listeners()]).toEqual([0, 0]);
  });

  it('Reconfiguration during waits blocks no waiter and makes no value negative', async () => {
    const clock = new TestClock();
    const limiter = make({ size: 10, per: '1s' }, clock);
    limiter.tryAcquire(10);
    const waiting = Array.from({ length: 20 }, () => watch(limiter.acquire()));
    for (const [size, per] of [
      [100, 1000],
      [1, 60_000],
      [3, 10],
      [50, 1000],
      [2, 100],
    ] as const) {
      limiter.reconfigure(optionsOf(name, { size, per }));
      await clock.advance(20);
      const { remaining, limit } = limiter.peek();
      expect(Number.isInteger(remaining) && remaining >= 0 && remaining <= limit).toBe(true);
    }
    await clock.advance(10_000);
    expect(waiting.every(({ state }) => state === 'fulfilled')).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('The remaining count is an integer between 0 and the limit', () => {
    const clock = new ManualClock();
    const limiter = make({ size: 7, flow: 0.7, per: 333 }, clock);
    for (let n = 0; n < 2000; n++) {
      clock.time += (n * 7.3) % 41;
      if (n % 9 === 0) limiter.refund(1);
      const { remaining, limit } = limiter.tryAcquire((n % 3) + 1);
      expect(Number.isInteger(remaining) && remaining >= 0 && remaining <= limit).toBe(true);
    }
  });
});

it('A sliding window log is exact at the edge of its window', () => {
  const clock = new ManualClock();
  const log = new SlidingWindowLog({ limit: 2, per: 100, clock });
  const at = (time: number) => {
    clock.time = time;
    return log.tryAcquire().allowed;
  };
  expect([at(0), at(50), at(99.999), at(100), at(149.999), at(150)]).toEqual([true, true, false, true, false, true]);
});
