/** Behaviour of single algorithms. */
import { FixedWindow, LeakyBucket, SlidingWindowCounter, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';

it('TokenBucket refills tokens continuously, fractions included', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ capacity: 10, refill: 0.1, per: '1s', clock });
  bucket.tryAcquire(10);
  clock.time = 9999.999;
  expect(bucket.tryAcquire()).toMatchObject({ allowed: false, retryAfterMs: 1 });
  clock.time = 10_000;
  expect(bucket.tryAcquire()).toMatchObject({ allowed: true, remaining: 0, resetAfterMs: 100_000 });
});

it('TokenBucket rounds a rate that is not exact down by less than 0.1 %', () => {
  const clock = new ManualClock();
  const bucket = new TokenBucket({ capacity: 1e12, refill: 999_999_999_989, per: '1h', clock });
  bucket.tryAcquire(1e12);
  clock.time = 3_600_000;
  const { remaining } = bucket.peek();
  expect(remaining).toBeLessThanOrEqual(999_999_999_989);
  expect(remaining).toBeGreaterThan(999_999_999_989 * 0.999);
  const wide = new TokenBucket({ capacity: 1, refill: 1e300, per: '1ms', clock });
  wide.tryAcquire();
  clock.time += 0.001;
  expect(wide.tryAcquire().allowed).toBe(true);
});

it('LeakyBucket queues more than its capacity, but admits no more than its capacity at once', () => {
  const clock = new ManualClock();
  const bucket = new LeakyBucket({ capacity: 2, leak: 3, per: 1, clock });
  expect([0, 1, 2, 3, 4].map(() => bucket.reserve().delayMs)).toEqual([0, 1, 1, 1, 2]);
  expect(bucket.tryAcquire()).toMatchObject({ allowed: false, remaining: 0 });
  clock.time = 1.334;
  expect(bucket.tryAcquire().allowed).toBe(true); // the queue is empty, and one more call fits
  expect(bucket.tryAcquire().allowed).toBe(false);
});

it('FixedWindow begins a window with the first call after the previous window', () => {
  const clock = new ManualClock();
  const window = new FixedWindow({ limit: 2, per: 100, clock });
  const at = (time: number) => {
    clock.time = time;
    const { allowed, resetAfterMs } = window.tryAcquire();
    return [allowed, resetAfterMs];
  };
  expect([at(70), at(169), at(169), at(170), at(1000)]).toEqual([
    [true, 100],
    [true, 1],
    [false, 1],
    [true, 100],
    [true, 100],
  ]);
});

it('FixedWindow refunds a cancelled reservation only within its own window', () => {
  const clock = new ManualClock();
  const window = new FixedWindow({ limit: 4, per: 100, clock });
  const held = window.reserve({ cost: 2 });
  clock.time = 100;
  window.tryAcquire(3);
  held.cancel();
  expect(window.peek().remaining).toBe(1);
});

it('SlidingWindowCounter weights the previous window down linearly', () => {
  const clock = new ManualClock();
  const counter = new SlidingWindowCounter({ limit: 10, per: 1000, clock });
  counter.tryAcquire(10);
  const seen = [500, 1000, 1100, 1101, 1500, 1999, 2000].map((time) => {
    clock.time = time;
    return counter.peek().remaining;
  });
  expect(seen).toEqual([0, 0, 1, 1, 5, 9, 10]);
});

it('SlidingWindowCounter refunds a cancelled reservation to its own window, also as the previous one', () => {
  const clock = new ManualClock();
  const counter = new SlidingWindowCounter({ limit: 10, per: 1000, clock });
  const held = counter.reserve({ cost: 10 });
  const other = counter.reserve({ cost: 0 });
  clock.time = 1500;
  counter.tryAcquire(5);
  held.cancel();
  other.cancel();
  expect(counter.peek().remaining).toBe(5);
  const late = counter.reserve({ cost: 1 });
  clock.time = 3500;
  counter.tryAcquire(3);
  late.cancel();
  expect(counter.peek().remaining).toBe(7);
});

it('SlidingWindowLog removes exactly the cancelled reservation', () => {
  const clock = new ManualClock();
  const log = new SlidingWindowLog({ limit: 4, per: 100, clock });
  const at = (time: number, cost: number) => {
    clock.time = time;
    return log.reserve({ cost });
  };
  const [, second, third] = [at(0, 1), at(10, 1), at(20, 2)];
  second!.cancel();
  expect(log.peek(2)).toMatchObject({ allowed: false, remaining: 1, retryAfterMs: 80 });
  log.refund(1); // refunds the oldest entry
  expect(log.peek(3)).toMatchObject({ allowed: false, remaining: 2, retryAfterMs: 100 });
  third!.cancel();
  expect(log.peek()).toMatchObject({ remaining: 4, resetAfterMs: 0 });
  clock.time = 200;
  third!.cancel();
  expect(log.tryAcquire(4).allowed).toBe(true);
});

it('SlidingWindowLog stays exact after its total exceeds the safe integers', () => {
  const clock = new ManualClock();
  const limit = 1e15;
  const log = new SlidingWindowLog({ limit, per: 10, clock });
  for (let n = 0; n < 40; n++) {
    clock.time = 5 * n;
    const half = n % 2 === 0 ? limit / 2 - 1 : limit / 2 + 1;
    expect([log.tryAcquire(half).allowed, log.peek().remaining]).toEqual([true, n === 0 ? limit / 2 + 1 : 0]);
  }
});

it('SlidingWindowLog grows on demand, and calls at the same time share an entry', () => {
  const clock = new TestClock();
  const log = new SlidingWindowLog({ limit: 1e15, per: '1s', clock });
  expect(log.tryAcquire(1e14).allowed).toBe(true);
  for (let n = 0; n < 100_000; n++) log.tryAcquire();
  expect(log.peek().remaining).toBe(1e15 - 1e14 - 100_000);
});

it('A reservation that is kept does not retain later waiters', async () => {
  const clock = new TestClock();
  const bucket = new TokenBucket({ capacity: 1, refill: 1, per: 1, clock });
  bucket.tryAcquire();
  const held = bucket.reserve();
  const wait = (): WeakRef<object> => {
    const { signal } = new AbortController();
    bucket.acquire({ signal });
    return new WeakRef(signal);
  };
  const refs = Array.from({ length: 50 }, wait);
  await clock.advance(100);
  for (let turn = 0; turn < 5; turn++) {
    await settle();
    collectGarbage();
  }
  expect(refs.filter((ref) => ref.deref() !== undefined)).toHaveLength(0);
  held.cancel();
  expect(bucket.peek().remaining).toBe(1);
});
