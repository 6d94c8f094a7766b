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

describe('limiters', () => {
  it('are RateLimiters, all of them', () => {
    expectTypeOf(bucket).toExtend<RateLimiter>();
    expectTypeOf(new LeakyBucket({ capacity: 1, leak: 1, per: 1 })).toExtend<RateLimiter>();
    expectTypeOf(new FixedWindow({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(new SlidingWindowCounter({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(new SlidingWindowLog({ limit: 1, per: '1m' })).toExtend<RateLimiter>();
    expectTypeOf(allOf(bucket, bucket)).toEqualTypeOf<RateLimiter>();
  });

  it('answer with decisions', () => {
    expectTypeOf(bucket.tryAcquire()).toEqualTypeOf<Decision>();
    expectTypeOf(bucket.peek(2)).toEqualTypeOf<Decision>();
    expectTypeOf(bucket.acquire({ cost: 2, signal: null, maxWait: '1s' })).toEqualTypeOf<Promise<Decision>>();
    expectTypeOf(bucket.reserve()).toEqualTypeOf<Reservation>();
    expectTypeOf(bucket.reserve()).toExtend<Disposable>();
    expectTypeOf(bucket.refund(1)).toBeVoid();
  });

  it('are reconfigured by their own options', () => {
    bucket.reconfigure({ capacity: 5 });
    bucket.reconfigure({});
    // @ts-expect-error: that of a window
    bucket.reconfigure({ limit: 5 });
    // @ts-expect-error: not a thing to change
    bucket.reconfigure({ clock: new TestClock() });
  });

  it('need all that they count by', () => {
    // @ts-expect-error: in what time?
    new TokenBucket({ capacity: 1, refill: 1 });
    // @ts-expect-error: a number in words
    new FixedWindow({ limit: '1', per: '1m' });
    // @ts-expect-error: no duration
    new FixedWindow({ limit: 1, per: '1 minute' });
    // @ts-expect-error: whose?
    bucket.refund();
  });

  it('take undefined for what may be left out', () => {
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

  it('has the same verbs with the key first', () => {
    expectTypeOf(users.tryAcquire('a', 2)).toEqualTypeOf<Decision>();
    expectTypeOf(users.acquire('a', { cost: 2 })).toEqualTypeOf<Promise<Decision>>();
    expectTypeOf(users.reserve('a')).toEqualTypeOf<Reservation>();
    expectTypeOf(users.size).toBeNumber();
    // @ts-expect-error: whose?
    users.tryAcquire();
    // @ts-expect-error: keys are strings
    users.tryAcquire(7);
    // @ts-expect-error: not one of the two
    new KeyedRateLimiter(() => bucket, { atLimit: 'drop' });
    // @ts-expect-error: the limiter itself
    new KeyedRateLimiter(bucket);
  });

  it('makes a policy, as a limiter does', () => {
    const policy = pipeline(
      timeout('1s'),
      rateLimit(users, { key: ({ key }) => key ?? 'nobody' }),
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
