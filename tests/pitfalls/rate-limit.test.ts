/** The rows about memory of the 22 pitfalls in the rate limiting research, each under its number; 1 to 3 and 8 as properties, too. */
import { allOf, KeyedRateLimiter, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { HandClock } from '../cache/caches.js';
import { LIMITERS, optionsOf } from '../rate-limit/limiters.js';
import { collectGarbage } from '../support/garbage.js';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe.each(LIMITERS)('%s', (name, make) => {
  it('1: at a frozen clock exactly the burst passes', () => {
    const limiter = make({ size: 7, flow: 0.3, per: '1m' }, new HandClock(1e9 + 0.1));
    expect(Array.from({ length: 9 }, () => limiter.tryAcquire().allowed).filter(Boolean)).toHaveLength(7);
  });

  it('4: a refused cost takes nothing: what is left is left', () => {
    const limiter = make({ size: 10, per: '1m' }, new HandClock());
    limiter.tryAcquire(8);
    expect(limiter.tryAcquire(5)).toMatchObject({ allowed: false, remaining: 2 });
    expect(limiter.tryAcquire(2)).toMatchObject({ allowed: true, remaining: 0 });
  });

  it('5: a cost above the burst is an error at once, and never waits', async () => {
    const clock = new TestClock();
    const limiter = make({ size: 2, per: '1m' }, clock);
    expect(() => limiter.tryAcquire(3)).toThrow(RangeError);
    await expect(limiter.acquire({ cost: 3 })).rejects.toThrow(RangeError);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each([30 * DAY, 500, 1, 0.25])('6: %d ms are enforced', (per) => {
    const clock = new HandClock();
    const limiter = make({ size: 2, flow: 2, per }, clock);
    limiter.tryAcquire(2);
    clock.time = per / 4;
    expect(limiter.tryAcquire(2).allowed).toBe(false);
    clock.time = 2 * per;
    expect(limiter.tryAcquire(2).allowed).toBe(true);
  });

  it('6: a wait of 30 days is one', async () => {
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

  it('7: a clock that goes back an hour stalls nobody, one that goes forward frees no more than a burst', () => {
    const clock = new HandClock(10 * HOUR);
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

  it('7: who waits while the clock goes back waits no more than twice as long', async () => {
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

  it('8: a thousand refusals change nothing and hold on to nothing; retryAfterMs is exact', () => {
    const clock = new HandClock();
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

  it('9: when the second of two limits refuses, the first is untouched; 64 at once come to the limit exactly', async () => {
    const clock = new TestClock();
    const first = make({ size: 100, per: '1m' }, clock);
    const both = allOf(first, make({ size: 10, per: '1m' }, clock));
    const answers = await Promise.all(Array.from({ length: 64 }, () => both.acquire({ maxWait: 0 })));
    const spaced = name === 'LeakyBucket' ? 1 : 10;
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(spaced);
    expect(first.peek().remaining).toBe(100 - spaced);
  });

  it('10: when a waiter in the middle aborts, its place goes to the next; no timer and no listener is left', async () => {
    const clock = new TestClock();
    const limiter = make({ size: 1, per: '1s' }, clock);
    limiter.tryAcquire();
    const { controller, listeners } = countingController();
    const told: string[] = [];
    const wait = (who: string, signal: AbortSignal | null) =>
      limiter.acquire({ signal }).then(
        () => told.push(who),
        () => told.push(`not ${who}`),
      );
    wait('a', null);
    const before = limiter.peek().retryAfterMs;
    wait('b', controller.signal);
    wait('c', null);
    controller.abort();
    expect(limiter.peek().retryAfterMs).toBeGreaterThan(before);
    await clock.advance(before);
    expect(told).toEqual(['not b', 'a', 'c']);
    expect([clock.pendingTimers, listeners()]).toEqual([0, 0]);
  });

  it('11: a million keys, then silence: memory stays under its bound, and no timer is left', async () => {
    const clock = new TestClock();
    const limiter = new KeyedRateLimiter(() => make({ size: 5, per: '1s' }, clock), { maxKeys: 1000 });
    const pass = (from: number, to: number) => {
      for (let n = from; n < to; n++) limiter.tryAcquire(`user:${n}`);
    };
    pass(0, 2000);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    pass(2000, 1_000_000);
    await settle();
    collectGarbage();
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
    expect([limiter.size, clock.pendingTimers]).toEqual([1000, 0]);
  });

  it('12: whoever rotates a million keys frees no victim', () => {
    const clock = new HandClock();
    const limiter = new KeyedRateLimiter(() => make({ size: 5, per: '1h' }, clock), {
      maxKeys: 1000,
      atLimit: 'reject',
    });
    while (limiter.tryAcquire('victim').allowed);
    let passed = 0;
    for (let n = 0; n < 1_000_000; n++) {
      if (n % 1000 === 0) clock.time += 1; // a second in all
      if (limiter.tryAcquire(`attacker:${n}`).allowed) passed++;
    }
    expect([passed, limiter.tryAcquire('victim').allowed, limiter.size]).toEqual([999, false, 1000]);
  });

  it('21: reconfigured up and down while others wait: nobody is stuck, nothing is negative', async () => {
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

  it('22: remaining is an integer, never above the limit and never negative', () => {
    const clock = new HandClock();
    const limiter = make({ size: 7, flow: 0.7, per: 333 }, clock);
    for (let n = 0; n < 2000; n++) {
      clock.time += (n * 7.3) % 41;
      if (n % 9 === 0) limiter.refund(1);
      const { remaining, limit } = limiter.tryAcquire((n % 3) + 1);
      expect(Number.isInteger(remaining) && remaining >= 0 && remaining <= limit).toBe(true);
    }
  });
});

it('2: a log refuses nothing that fits and lets nothing through that does not, at the very edge of its window', () => {
  const clock = new HandClock();
  const log = new SlidingWindowLog({ limit: 2, per: 100, clock });
  const at = (time: number) => {
    clock.time = time;
    return log.tryAcquire().allowed;
  };
  expect([at(0), at(50), at(99.999), at(100), at(149.999), at(150)]).toEqual([true, true, false, true, false, true]);
});

it('11: nothing keeps the process from exiting but those who wait', () => {
  vi.useFakeTimers();
  try {
    const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: '1h' }));
    for (let n = 0; n < 1000; n++) limiter.tryAcquire(`user:${n}`);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
