import { InvalidOptionError, pipeline, timeout } from 'breakwater';
import {
  allOf,
  FixedWindow,
  LeakyBucket,
  type RateLimiter,
  rateLimit,
  SlidingWindowCounter,
  SlidingWindowLog,
  TokenBucket,
} from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

const setUp = () => {
  const clock = new TestClock();
  const perSecond = new TokenBucket({ capacity: 2, refill: 2, per: '1s', clock });
  const perMinute = new FixedWindow({ limit: 5, per: '1m', clock });
  return { clock, perSecond, perMinute, both: allOf(perSecond, perMinute) };
};

it('allOf takes tokens from all limiters or from none', () => {
  const { perSecond, perMinute, both } = setUp();
  expect(both.tryAcquire()).toStrictEqual({
    allowed: true,
    limit: 2,
    remaining: 1,
    retryAfterMs: 0,
    resetAfterMs: 60_000,
    limitedBy: 0,
  });
  expect([perSecond.peek().remaining, perMinute.peek().remaining]).toEqual([1, 4]);
  perMinute.tryAcquire(4);
  expect(both.tryAcquire()).toStrictEqual({
    allowed: false,
    limit: 5,
    remaining: 0,
    retryAfterMs: 60_000,
    resetAfterMs: 60_000,
    limitedBy: 1,
  });
  expect(perSecond.peek().remaining).toBe(1);
});

it('limitedBy is the index of the limiter with the longest wait', async () => {
  const { both, perMinute, clock } = setUp();
  both.tryAcquire(2);
  expect(both.tryAcquire()).toMatchObject({ limitedBy: 0, limit: 2, retryAfterMs: 500 });
  await clock.advance(500);
  perMinute.tryAcquire(3);
  expect(both.tryAcquire(2)).toMatchObject({ limitedBy: 1, limit: 5, retryAfterMs: 59_500, remaining: 0 });
});

it('A waiter passes as soon as all limiters have room, and later calls do not overtake it', async () => {
  const { both, perSecond, perMinute, clock } = setUp();
  perMinute.tryAcquire(5);
  const waiting = watch(both.acquire({ cost: 2 }));
  await clock.advance(59_000);
  expect(perSecond.tryAcquire()).toMatchObject({ allowed: false, remaining: 0, retryAfterMs: 1500 });
  const behind = watch(perSecond.acquire());
  await clock.advance(999);
  expect([waiting.state, behind.state]).toEqual(['pending', 'pending']);
  await clock.advance(1);
  expect(waiting.value).toMatchObject({ allowed: true, remaining: 0 });
  expect(perMinute.peek().remaining).toBe(3);
  await clock.advance(500);
  expect(behind.state).toBe('fulfilled');
  expect(clock.pendingTimers).toBe(0);
});

it('An abort refunds all limiters and releases later waiters', async () => {
  const { both, perSecond, perMinute, clock } = setUp();
  perMinute.tryAcquire(5);
  const controller = new AbortController();
  const waiting = watch(both.acquire({ cost: 2, signal: controller.signal }));
  const behind = watch(perSecond.acquire({ cost: 2 }));
  await clock.advance(10);
  expect(behind.state).toBe('pending');
  controller.abort();
  await settle();
  expect([waiting.state, behind.state]).toEqual(['rejected', 'fulfilled']);
  expect([perSecond.peek().remaining, perMinute.peek().retryAfterMs]).toEqual([0, 59_990]);
  expect(clock.pendingTimers).toBe(0);
});

it('A wait longer than maxWait is rejected at once and takes no tokens', async () => {
  const { both, perSecond, perMinute, clock } = setUp();
  perMinute.tryAcquire(5);
  expect(await both.acquire({ maxWait: '59s' })).toMatchObject({ allowed: false, limitedBy: 1, retryAfterMs: 60_000 });
  expect(both.reserve({ maxWait: 0 })).toMatchObject({ delayMs: 0, decision: { allowed: false } });
  expect([perSecond.peek().remaining, clock.pendingTimers]).toEqual([2, 0]);
});

it('A reservation is cancelled at all limiters, before and after its time', async () => {
  const { both, perSecond, perMinute, clock } = setUp();
  const now = both.reserve({ cost: 2 });
  const later = both.reserve({ cost: 2 });
  expect([now.delayMs, later.delayMs]).toEqual([0, 1000]);
  later.cancel();
  expect(perMinute.peek().remaining).toBe(3);
  const third = both.reserve({ cost: 2 });
  await clock.advance(third.delayMs);
  third.cancel();
  now.cancel();
  expect([perSecond.peek().remaining, perMinute.peek()]).toMatchObject([2, { remaining: 5, resetAfterMs: 0 }]);
});

it('allOf may be nested, and a limiter that occurs twice is charged once', () => {
  const { both, perSecond, perMinute, clock } = setUp();
  const perHour = new SlidingWindowLog({ limit: 100, per: '1h', clock });
  const all = allOf(perHour, both, perSecond);
  expect(all.tryAcquire(2)).toMatchObject({ allowed: true, limitedBy: 1, remaining: 0 });
  expect([perHour, perSecond, perMinute].map((limiter) => limiter.peek().remaining)).toEqual([98, 0, 3]);
  all.refund(1);
  expect([perHour, perSecond, perMinute].map((limiter) => limiter.peek().remaining)).toEqual([99, 1, 4]);
});

it('A cost above the limit of one limiter throws RangeError and takes no tokens', async () => {
  const { both, perMinute } = setUp();
  expect(() => both.tryAcquire(3)).toThrow('TokenBucket: a cost of 3 is above the limit of 2');
  await expect(both.acquire({ cost: 3 })).rejects.toThrow(RangeError);
  expect(perMinute.peek().remaining).toBe(5);
});

it('After a limiter is reconfigured, waiters get new times, and a waiter that can never pass is rejected', async () => {
  const { both, perSecond, perMinute, clock } = setUp();
  perMinute.tryAcquire(5);
  const [one, two] = [watch(both.acquire({ cost: 1 })), watch(both.acquire({ cost: 2 }))];
  perMinute.reconfigure({ limit: 6 });
  await settle();
  expect([one.state, two.state]).toEqual(['fulfilled', 'pending']);
  perSecond.reconfigure({ capacity: 1 });
  await settle();
  expect(two.error).toBeInstanceOf(RangeError);
  expect([perMinute.peek().remaining, clock.pendingTimers]).toEqual([0, 0]);
  expect(() => both.reconfigure({ limit: 1 })).toThrow('must be passed to the limiter that they belong to');
});

it('A reservation keeps its time even if its limiter shrinks below its cost', async () => {
  const clock = new TestClock();
  const bucket = new TokenBucket({ capacity: 4, refill: 1, per: '1s', clock });
  bucket.tryAcquire(4);
  const held = bucket.reserve({ cost: 4 });
  bucket.reconfigure({ capacity: 2, refill: 1000 });
  expect([held.delayMs, bucket.reserve().delayMs]).toEqual([4000, 4001]);
  await clock.advance(4000);
  held.cancel();
  expect(bucket.peek(0).remaining).toBe(0); // the other reservation is still queued
});

it('With a leaky bucket in allOf, waiters leave evenly spaced within the other limits', async () => {
  const clock = new TestClock();
  const limiter = allOf(
    new LeakyBucket({ capacity: 1, leak: 10, per: '1s', clock }),
    new SlidingWindowCounter({ limit: 3, per: '1s', clock }),
  );
  const times: number[] = [];
  for (let n = 0; n < 5; n++) limiter.acquire().then(() => times.push(clock.now()));
  await clock.advance(10_000);
  expect(times).toEqual([0, 100, 200, 1334, 1667]);
});

it('64 concurrent calls pass exactly the limit', async () => {
  const { both, clock } = setUp();
  const answers = Array.from({ length: 64 }, () => watch(both.acquire({ maxWait: '10s' })));
  await clock.advance(20_000);
  expect(answers.filter(({ value }) => value?.allowed)).toHaveLength(5);
  expect(clock.pendingTimers).toBe(0);
});

it('allOf rejects foreign limiters and limiters with different clocks', () => {
  const foreign: RateLimiter = { ...new TokenBucket({ capacity: 1, refill: 1, per: 1 }) } as never;
  expect(() => allOf()).toThrow(InvalidOptionError);
  expect(() => allOf(foreign)).toThrow(
    'allOf: "limiters" must be limiters of this package, and of the same copy of it as allOf, got',
  );
  expect(() => allOf(undefined as never)).toThrow(InvalidOptionError);
  const [a, b] = [new TestClock(), new TestClock()].map(
    (clock) => new TokenBucket({ capacity: 1, refill: 1, per: 1, clock }),
  );
  expect(() => allOf(a!, b!)).toThrow('must all use the same clock');
});

it('a rateLimit policy uses the clock of combined limiters', () => {
  const clock = new TestClock();
  const bucket = () => new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock });
  const policy = rateLimit(allOf(bucket(), bucket()));
  expect(policy.clock).toBe(clock);
  expect(() => pipeline(policy, timeout({ duration: '1s', clock: new TestClock() }))).toThrow('the same clock');
});
