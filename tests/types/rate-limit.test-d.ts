import { type Decision, pipeline, timeout } from 'breakwater';
import {
  allOf,
  FixedWindow,
  type FixedWindowOptions,
  KeyedRateLimiter,
  type KeyedRateLimiterOptions,
  LeakyBucket,
  type LeakyBucketOptions,
  type RateLimiter,
  type RateLimitOptions,
  type Reservation,
  type ReserveOptions,
  rateLimit,
  SlidingWindowCounter,
  type SlidingWindowCounterOptions,
  SlidingWindowLog,
  type SlidingWindowLogOptions,
  TokenBucket,
  type TokenBucketOptions,
  type WaitOptions,
} from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expectTypeOf, it } from 'vitest';

type RefusesUndefined<Options> = {
  [K in keyof Options]-?: object extends Pick<Options, K>
    ? { [P in K]: undefined } extends Pick<Options, K>
      ? never
      : K
    : never;
}[keyof Options];

const bucket = new TokenBucket({ capacity: 10, refill: 0.5, per: '1s', clock: new TestClock(), name: 'mine' });

describe('Limiters', () => {
  it('every limiter is a RateLimiter', () => {
    expectTypeOf(bucket).toExtend<RateLimiter>();
    expectTypeOf(new LeakyBucket({ capacity: 1, leak: 1, per: 1 })).toExtend<RateLimiter>();
    expectTypeOf(new FixedWindow({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(new SlidingWindowCounter({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(new SlidingWindowLog({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(allOf(bucket, bucket)).toEqualTypeOf<RateLimiter>();
  });

  it('limiters return decisions and reservations', () => {
    expectTypeOf(bucket.tryAcquire()).toEqualTypeOf<Decision>();
    expectTypeOf(bucket.peek(2)).toEqualTypeOf<Decision>();
    expectTypeOf(bucket.acquire({ cost: 2, signal: null, maxWait: '1s' })).toEqualTypeOf<Promise<Decision>>();
    expectTypeOf(bucket.reserve()).toEqualTypeOf<Reservation>();
    expectTypeOf(bucket.reserve()).toExtend<Disposable>();
    expectTypeOf(bucket.refund(1)).toBeVoid();
  });

  it('reconfigure accepts the options of the limiter', () => {
    bucket.reconfigure({ capacity: 5 });
    bucket.reconfigure({});
    // @ts-expect-error: an option of a window
    bucket.reconfigure({ limit: 5 });
    // @ts-expect-error: the clock cannot be changed
    bucket.reconfigure({ clock: new TestClock() });
  });

  it('limiters require their limits', () => {
    // @ts-expect-error: per is required
    new TokenBucket({ capacity: 1, refill: 1 });
    // @ts-expect-error: a number as a string
    new FixedWindow({ limit: '1', per: '1m' });
    // @ts-expect-error: not a duration
    new FixedWindow({ limit: 1, per: '1 minute' });
    // @ts-expect-error: the cost is required
    bucket.refund();
  });

  it('optional options accept undefined', () => {
    expectTypeOf<RefusesUndefined<TokenBucketOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<LeakyBucketOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<FixedWindowOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<SlidingWindowCounterOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<SlidingWindowLogOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<KeyedRateLimiterOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<RateLimitOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ReserveOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<WaitOptions>>().toBeNever();
  });
});

describe('KeyedRateLimiter', () => {
  const users = new KeyedRateLimiter(() => bucket, { maxKeys: 10, atLimit: 'share' });

  it('a keyed limiter has the same methods with the key as the first parameter', () => {
    expectTypeOf(users.tryAcquire('a', 2)).toEqualTypeOf<Decision>();
    expectTypeOf(users.acquire('a', { cost: 2 })).toEqualTypeOf<Promise<Decision>>();
    expectTypeOf(users.reserve('a')).toEqualTypeOf<Reservation>();
    expectTypeOf(users.size).toBeNumber();
    // @ts-expect-error: the key is required
    users.tryAcquire();
    // @ts-expect-error: keys are strings
    users.tryAcquire(7);
    // @ts-expect-error: unknown value
    new KeyedRateLimiter(() => bucket, { atLimit: 'drop' });
    // @ts-expect-error: a limiter instead of a factory
    new KeyedRateLimiter(bucket);
  });

  it('rateLimit creates a policy from a keyed limiter and from a limiter', () => {
    const policy = pipeline(
      timeout('1s'),
      rateLimit(users, { key: ({ key }) => key ?? 'anonymous' }),
      rateLimit(bucket, { cost: ({ priority }) => priority, maxWait: Infinity }),
    );
    expectTypeOf(policy.execute(() => 7)).toEqualTypeOf<Promise<number>>();
    rateLimit(bucket).on('reject', ({ decision, key }) => {
      expectTypeOf(decision).toEqualTypeOf<Decision>();
      expectTypeOf(key).toEqualTypeOf<string | undefined>();
    });
    // @ts-expect-error: there is no such event
    rateLimit(bucket).on('queued', () => {});
  });
});
