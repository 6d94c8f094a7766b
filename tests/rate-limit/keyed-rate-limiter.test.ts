import { InvalidOptionError } from 'breakwater';
import { allOf, KeyedRateLimiter, type RateLimiter, SlidingWindowLog, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';

const setUp = (options: { maxKeys?: number; atLimit?: 'reject' | 'share' } = {}) => {
  const clock = new TestClock();
  const make = () => new TokenBucket({ capacity: 2, refill: 2, per: '1s', clock });
  return { clock, limiter: new KeyedRateLimiter(make, options) };
};

it('Each key has its own limit', () => {
  const { limiter } = setUp();
  expect([1, 2, 3].map(() => limiter.tryAcquire('a').allowed)).toEqual([true, true, false]);
  expect(limiter.tryAcquire('b', 2)).toStrictEqual({
    allowed: true,
    limit: 2,
    remaining: 0,
    retryAfterMs: 0,
    resetAfterMs: 1000,
  });
  expect(limiter.size).toBe(2);
});

it('A peek, a cost of 0, a rejected cost and a refund do not add a key', async () => {
  const { limiter, clock } = setUp();
  expect(limiter.peek('a')).toMatchObject({ allowed: true, remaining: 2 });
  expect(limiter.tryAcquire('a', 0).allowed).toBe(true);
  expect(() => limiter.tryAcquire('a', 3)).toThrow(RangeError);
  expect(() => limiter.refund('a', -1)).toThrow(InvalidOptionError);
  await expect(limiter.acquire('a', { cost: 3 })).rejects.toThrow(RangeError);
  await expect(limiter.acquire('a', { signal: AbortSignal.abort('no') })).rejects.toBe('no');
  limiter.refund('a', 1);
  expect([limiter.size, clock.pendingTimers]).toEqual([0, 0]);
});

it('A new key replaces only an idle key', async () => {
  const { limiter, clock } = setUp({ maxKeys: 2, atLimit: 'reject' });
  limiter.tryAcquire('a', 2);
  await clock.advance(400);
  limiter.tryAcquire('b', 1);
  expect(limiter.tryAcquire('c')).toStrictEqual({
    allowed: false,
    limit: 2,
    remaining: 0,
    retryAfterMs: 500, // the time at which b is idle, since a has taken more
    resetAfterMs: 500,
  });
  expect(limiter.reserve('c')).toMatchObject({ delayMs: 0, decision: { allowed: false } });
  expect(await limiter.acquire('c', { maxWait: '1h' })).toMatchObject({ allowed: false, retryAfterMs: 500 });
  await clock.advance(500);
  expect(limiter.tryAcquire('c').allowed).toBe(true);
  expect([limiter.size, limiter.peek('a').remaining, limiter.peek('b').allowed]).toEqual([2, 1, false]);
});

it('A refund or a cancelled reservation makes room for a new key at once', () => {
  const { limiter } = setUp({ maxKeys: 2, atLimit: 'reject' });
  limiter.tryAcquire('a', 2);
  const held = limiter.reserve('b', { cost: 2 });
  expect(limiter.tryAcquire('c').allowed).toBe(false);
  limiter.refund('a', 2);
  expect(limiter.tryAcquire('c').allowed).toBe(true);
  expect(limiter.tryAcquire('d').allowed).toBe(false);
  held.cancel();
  expect(limiter.tryAcquire('d').allowed).toBe(true);
});

it('A key with waiters or reservations is not evicted, and an abort makes it evictable', async () => {
  const { limiter, clock } = setUp({ maxKeys: 1, atLimit: 'reject' });
  limiter.tryAcquire('a', 2);
  const controller = new AbortController();
  const waiting = watch(limiter.acquire('a', { cost: 2, signal: controller.signal }));
  expect(clock.pendingTimers).toBe(1);
  await clock.advance(999);
  expect(limiter.tryAcquire('b').retryAfterMs).toBe(1001);
  controller.abort();
  await settle();
  expect([waiting.state, clock.pendingTimers]).toEqual(['rejected', 0]);
  expect(limiter.tryAcquire('b').retryAfterMs).toBe(1);
  await clock.advance(1);
  expect(limiter.tryAcquire('b').allowed).toBe(true);
});

it('With atLimit "share" all new keys at maxKeys share one limiter', async () => {
  const { limiter, clock } = setUp({ maxKeys: 1 });
  limiter.tryAcquire('a');
  expect([limiter.tryAcquire('b').remaining, limiter.tryAcquire('c').remaining]).toEqual([1, 0]);
  const held = limiter.reserve('d');
  expect([held.delayMs, limiter.size]).toEqual([500, 1]);
  held.cancel();
  expect(limiter.tryAcquire('e')).toMatchObject({ allowed: false, retryAfterMs: 500 });
  expect(limiter.peek('e').retryAfterMs).toBe(500);
  await clock.advance(500);
  expect(limiter.tryAcquire('e').allowed).toBe(true); // a is idle
  expect(limiter.peek('a')).toMatchObject({ remaining: 1 }); // from the shared limiter
});

it('Waiters are queued per key', async () => {
  const { limiter, clock } = setUp();
  const times: string[] = [];
  for (const key of ['a', 'b', 'a', 'a', 'a', 'b'])
    limiter.acquire(key).then(() => times.push(`${key} ${clock.now()}`));
  await clock.advance(5000);
  expect(times.sort()).toEqual(['a 0', 'a 0', 'a 1000', 'a 500', 'b 0', 'b 0']);
  expect([clock.pendingTimers, limiter.tryAcquire('a').remaining]).toEqual([0, 1]);
});

it('A reconfigured key keeps its own options until it is deleted', async () => {
  const { limiter, clock } = setUp({ maxKeys: 2, atLimit: 'reject' });
  limiter.reconfigure('vip', { capacity: 10, refill: 10 });
  expect(limiter.peek('vip')).toMatchObject({ limit: 10, remaining: 2 });
  limiter.tryAcquire('a');
  await clock.advance(60_000);
  expect(limiter.tryAcquire('b').allowed).toBe(true);
  expect(() => limiter.reconfigure('c', { capacity: 1 })).toThrow('cannot add a key, because all "maxKeys" are in use');
  expect(limiter.peek('vip').remaining).toBe(10);
  expect([limiter.delete('vip'), limiter.delete('vip'), limiter.size]).toEqual([true, false, 1]);
  expect(limiter.peek('vip').limit).toBe(2);
  expect(() => limiter.reconfigure('b', { limit: 1 })).toThrow(InvalidOptionError);
});

it('If all keys are reconfigured, a new key is rejected with an infinite retryAfterMs', () => {
  const { limiter } = setUp({ maxKeys: 1, atLimit: 'reject' });
  limiter.reconfigure('vip', { capacity: 10 });
  expect(limiter.tryAcquire('a')).toMatchObject({ allowed: false, retryAfterMs: Infinity });
});

it('A deleted key makes room, and its waiters continue', async () => {
  const { limiter, clock } = setUp({ maxKeys: 2, atLimit: 'reject' });
  limiter.tryAcquire('a', 2);
  const waiting = watch(limiter.acquire('a'));
  limiter.tryAcquire('b');
  expect(limiter.tryAcquire('c').allowed).toBe(false);
  limiter.delete('a');
  expect(limiter.tryAcquire('c').allowed).toBe(true);
  expect(limiter.tryAcquire('a').allowed).toBe(false);
  await clock.advance(500);
  expect(waiting.state).toBe('fulfilled');
  expect(limiter.size).toBe(2);
});

it('A limiter shared by all keys through allOf does not prevent the eviction of idle keys', async () => {
  const clock = new TestClock();
  const shared = new TokenBucket({ capacity: 100, refill: 1, per: '1h', clock });
  const make = () => allOf(new SlidingWindowLog({ limit: 2, per: '1s', clock }), shared);
  const limiter = new KeyedRateLimiter(make, { maxKeys: 1, atLimit: 'reject' });
  expect(limiter.tryAcquire('a')).toMatchObject({ allowed: true, limitedBy: 0 });
  expect(limiter.tryAcquire('b')).toMatchObject({ allowed: false, retryAfterMs: 1000 });
  await clock.advance(1000);
  expect(limiter.tryAcquire('b').allowed).toBe(true);
  expect([limiter.size, shared.peek().remaining]).toEqual([1, 98]);
});

it('Foreign limiters are accepted, and peek determines when they are idle', async () => {
  const clock = new TestClock();
  let made = 0;
  const make = (): RateLimiter => {
    made++;
    const inner = new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock });
    return {
      tryAcquire: (cost) => inner.tryAcquire(cost),
      peek: (cost) => inner.peek(cost),
      acquire: (options) => inner.acquire(options),
      reserve: (options) => inner.reserve(options),
      refund: (cost) => inner.refund(cost),
      reconfigure: (options) => inner.reconfigure(options),
    };
  };
  const limiter = new KeyedRateLimiter(make, { maxKeys: 1, atLimit: 'reject', clock });
  expect([limiter.tryAcquire('a').allowed, limiter.tryAcquire('a').allowed, made]).toEqual([true, false, 3]);
  expect(limiter.tryAcquire('b')).toMatchObject({ allowed: false, retryAfterMs: 1000 });
  const waiting = watch(limiter.acquire('a'));
  const held = limiter.reserve('a');
  expect(held.delayMs).toBe(2000);
  held.cancel();
  await clock.advance(1000);
  expect([waiting.state, limiter.tryAcquire('b').retryAfterMs]).toEqual(['fulfilled', 1000]);
  limiter.refund('a', 1);
  expect(limiter.tryAcquire('b').allowed).toBe(true);
});

it('Invalid options are rejected', () => {
  const clock = new TestClock();
  const bucket = () => new TokenBucket({ capacity: 1, refill: 1, per: 1, clock });
  const expectRejected = (make: unknown, options: object | undefined, message: string) =>
    expect(() => new KeyedRateLimiter(make as never, options)).toThrow(message);
  expectRejected(undefined, {}, '"make" must be a function');
  expectRejected(() => ({}), {}, '"make" must be an object with tryAcquire');
  expectRejected(bucket, { maxKeys: 0 }, '"maxKeys"');
  expectRejected(bucket, { maxKeys: 2 ** 24 }, '"maxKeys"');
  expectRejected(bucket, { atLimit: 'drop' }, '"atLimit" must be one of');
  expectRejected(bucket, { maxkeys: 1 }, 'did you mean "maxKeys"');
  expectRejected(bucket, { clock: new TestClock() }, '"clock" must be the clock of the limiters');
  const both = allOf(bucket(), bucket());
  expectRejected(() => both, {}, 'must make a new limiter each time');
});

it('Limiters that were created to validate the options take no calls', () => {
  const clock = new TestClock();
  const made: TokenBucket[] = [];
  const limiter = new KeyedRateLimiter(() => {
    const bucket = new TokenBucket({ capacity: 2, refill: 2, per: '1s', clock });
    made.push(bucket);
    return bucket;
  });
  expect([limiter.tryAcquire('a', 2).allowed, limiter.tryAcquire('b').remaining]).toEqual([true, 1]);
  expect(made.map((bucket) => bucket.peek().remaining)).toEqual(made.map(() => 2));
});

it('A cancelled reservation of a shared key is refunded to the shared limiter', () => {
  const { limiter } = setUp({ maxKeys: 1 });
  limiter.tryAcquire('a');
  const held = limiter.reserve('b', { cost: 2 });
  expect([held.delayMs, limiter.tryAcquire('c').allowed]).toEqual([0, false]);
  held.cancel();
  expect(limiter.tryAcquire('c', 2).allowed).toBe(true);
});

it('Waiters of a deleted key do not count for the key that has replaced it', async () => {
  const { limiter, clock } = setUp({ maxKeys: 2, atLimit: 'reject' });
  const controller = new AbortController();
  limiter.tryAcquire('a', 2);
  watch(limiter.acquire('a', { cost: 2, signal: controller.signal }));
  for (let n = 0; n < 3; n++) limiter.reserve('b', { cost: 2 });
  expect(limiter.tryAcquire('c')).toMatchObject({ allowed: false, retryAfterMs: 2000 });
  limiter.delete('a');
  controller.abort();
  await settle();
  const admitted = (...keys: string[]) => keys.map((key) => limiter.tryAcquire(key, 2).allowed);
  expect([admitted('c', 'd'), limiter.size]).toEqual([[true, false], 2]);
  await clock.advance(3000);
  expect([admitted('d', 'e', 'f'), limiter.size]).toEqual([[true, true, false], 2]);
});

it('A refund may exceed the cost of one call, and its arguments are validated for known and unknown keys', () => {
  const clock = new TestClock();
  const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 2, refill: 2, per: '1s', clock }));
  limiter.tryAcquire('known', 2);
  for (const key of ['known', 'unknown']) {
    expect(() => limiter.refund(key, 5)).not.toThrow();
    expect(() => limiter.refund(key, 1.5)).toThrow('"cost" must be an integer ≥ 0, got 1.5');
  }
  expect(() => limiter.refund(7 as never, 1)).toThrow('"key" must be a string');
  expect([limiter.peek('known').remaining, limiter.size]).toEqual([2, 1]);
});
