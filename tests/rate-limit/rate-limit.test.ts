import {
  definePolicy,
  InvalidOptionError,
  isResilienceError,
  pipeline,
  RateLimitedError,
  retry,
  timeout,
} from 'breakwater';
import { KeyedRateLimiter, LeakyBucket, type RateLimiter, rateLimit, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const setUp = () => {
  const clock = new TestClock();
  return { clock, bucket: new TokenBucket({ capacity: 2, refill: 2, per: '1s', clock }) };
};

it('Calls within the limit pass, and others are rejected at once', async () => {
  const { bucket } = setUp();
  const policy = rateLimit(bucket, { name: 'crm' });
  const rejections: unknown[] = [];
  policy.on('reject', (event) => rejections.push(event));
  expect(await policy.execute(() => 'a')).toBe('a');
  expect(await policy.execute(() => 'b')).toBe('b');
  let started = 0;
  const error = await policy.execute(() => started++).catch((reason) => reason);
  expect(error).toBeInstanceOf(RateLimitedError);
  expect(isResilienceError(error, 'ERR_RATE_LIMITED')).toBe(true);
  expect(error).toMatchObject({ policy: 'crm', retryAfterMs: 500, decision: { allowed: false, limit: 2 } });
  expect(error.stack).not.toContain('at ');
  expect([started, rejections]).toEqual([0, [{ decision: error.decision, key: undefined }]]);
});

it('A call waits for at most maxWait', async () => {
  const { bucket, clock } = setUp();
  const policy = rateLimit(bucket, { maxWait: '1s' });
  const calls = [1, 2, 3, 4, 5].map((n) => watch(policy.execute(() => `${n} at ${clock.now()}`)));
  await settle();
  expect(calls[4]!.error).toMatchObject({ code: 'ERR_RATE_LIMITED', retryAfterMs: 1500 });
  await clock.advance(1000);
  expect(calls.map(({ value }) => value)).toEqual(['1 at 0', '2 at 0', '3 at 500', '4 at 1000', undefined]);
  expect(clock.pendingTimers).toBe(0);
});

it('Calls under a leaky bucket leave evenly spaced', async () => {
  const clock = new TestClock();
  const policy = rateLimit(new LeakyBucket({ capacity: 10, leak: 10, per: '1s', clock }), { maxWait: Infinity });
  const times: number[] = [];
  for (let n = 0; n < 3; n++) watch(policy.execute(() => times.push(clock.now())));
  await clock.advance(1000);
  expect(times).toEqual([0, 100, 200]);
});

it('A wait that cannot end before the deadline is rejected at once', async () => {
  const { bucket, clock } = setUp();
  const policy = pipeline(timeout({ duration: 500, clock }), rateLimit(bucket, { maxWait: '1m' }));
  bucket.tryAcquire(2);
  const call = watch(policy.execute(() => 'late'));
  await settle();
  expect(call.error).toMatchObject({ code: 'ERR_RATE_LIMITED', retryAfterMs: 500 });
  await clock.advance(1);
  const inTime = watch(policy.execute(() => 'in time'));
  await clock.advance(499);
  expect(inTime.value).toBe('in time');
  expect(clock.pendingTimers).toBe(0);
});

it('An aborted waiter leaves the queue without taking a token and leaves no listener', async () => {
  const { bucket, clock } = setUp();
  const policy = rateLimit(bucket, { maxWait: Infinity });
  bucket.tryAcquire(2);
  const { controller, listeners } = countingController();
  const aborted = watch(policy.execute(() => 'a', { signal: controller.signal }));
  const behind = watch(policy.execute(() => `at ${clock.now()}`));
  await settle();
  const reason = new Error('enough');
  controller.abort(reason);
  await clock.advance(500);
  expect([aborted.error, behind.value, listeners(), clock.pendingTimers]).toEqual([reason, 'at 500', 0, 0]);
  const never = watch(policy.execute(() => 'b', { signal: controller.signal }));
  await settle();
  expect([never.error, bucket.peek(0).remaining]).toEqual([reason, 0]);
});

it('The option cost is a number or a function of the context', async () => {
  const { bucket } = setUp();
  await rateLimit(bucket, { cost: 2 }).execute(() => {});
  expect(bucket.peek().remaining).toBe(0);
  await rateLimit(bucket, { cost: ({ priority }) => priority }).execute(() => {}, { priority: 0 });
  await expect(rateLimit(bucket, { cost: () => 1.5 }).execute(() => {})).rejects.toThrow('"cost" must be an integer');
  await expect(rateLimit(bucket, { cost: 3 }).execute(() => {})).rejects.toThrow(RangeError);
  const mistake = new Error('mistake');
  const cost = () => {
    throw mistake;
  };
  await expect(rateLimit(bucket, { cost }).execute(() => {})).rejects.toBe(mistake);
});

it('A keyed limiter uses the key of the call or the option key', async () => {
  const clock = new TestClock();
  const users = new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock }));
  const policy = rateLimit(users);
  const rejections: unknown[] = [];
  policy.on('reject', ({ key }) => rejections.push(key));
  await policy.execute(() => {}, { key: 'ada' });
  await policy.execute(() => {}, { key: 'grace' });
  await expect(policy.execute(() => {}, { key: 'ada' })).rejects.toThrow(RateLimitedError);
  await expect(policy.execute(() => {})).rejects.toThrow('rateLimit: "key" must be a string if the limiter is keyed');
  const byName = rateLimit(users, { key: ({ priority }) => `level ${priority}`, maxWait: '1s' });
  const calls = [1, 2, 3].map(() => watch(byName.execute(() => clock.now())));
  await clock.advance(1000);
  expect(calls.map(({ value }) => value)).toEqual([0, 1000, undefined]);
  expect([rejections, policy.clock, clock.pendingTimers]).toEqual([['ada'], clock, 0]);
});

it('Each attempt of a retry takes a token, and a rejection is not retried', async () => {
  const { bucket, clock } = setUp();
  const policy = pipeline(retry({ maxAttempts: 5, backoff: () => 10, clock }), rateLimit(bucket));
  let attempts = 0;
  const call = watch(
    policy.execute(() => {
      attempts++;
      throw new Error('down');
    }),
  );
  await clock.advance(100);
  expect([attempts, call.error]).toMatchObject([2, { code: 'ERR_RATE_LIMITED' }]);
});

it('A foreign limiter is accepted', async () => {
  const { bucket, clock } = setUp();
  const acquireOptions: unknown[] = [];
  const foreign: RateLimiter = {
    tryAcquire: (cost) => bucket.tryAcquire(cost),
    peek: (cost) => bucket.peek(cost),
    acquire: (options) => {
      acquireOptions.push(options);
      return bucket.acquire(options);
    },
    reserve: (options) => bucket.reserve(options),
    refund: (cost) => bucket.refund(cost),
    reconfigure: (options) => bucket.reconfigure(options),
  };
  await rateLimit(foreign, { cost: 2 }).execute(() => {});
  const controller = new AbortController();
  const policy = rateLimit(foreign, { maxWait: '1s' });
  const call = watch(policy.execute(() => 'done', { signal: controller.signal }));
  await settle();
  expect(acquireOptions).toMatchObject([{ cost: 1, maxWait: 1000 }]);
  controller.abort('enough');
  await settle();
  expect([call.error, clock.pendingTimers]).toEqual(['enough', 0]);
});

it('describe returns the options, and invalid options are rejected', () => {
  const { bucket } = setUp();
  expect(rateLimit(bucket, { maxWait: '2s' }).describe()).toEqual({
    kind: 'rateLimit',
    name: 'rateLimit',
    maxWaitMs: 2000,
  });
  expect(() => rateLimit({} as never)).toThrow(InvalidOptionError);
  expect(() => rateLimit(bucket, { maxWait: -1 })).toThrow('"maxWait"');
  expect(() => rateLimit(bucket, { cost: -1 })).toThrow('"cost"');
  expect(() => rateLimit(bucket, { key: 'a' as never })).toThrow('"key"');
  expect(() => rateLimit(bucket, { wait: 1 } as never)).toThrow('"wait" is unknown');
  expect(() => pipeline(timeout('1s'), rateLimit(bucket))).toThrow('clock');
});

it('A call that an outer policy aborts takes no token', async () => {
  const { bucket } = setUp();
  const controller = new AbortController();
  const outside = definePolicy({
    name: 'outside',
    run(next, context) {
      controller.abort('enough');
      return next(context);
    },
  });
  const call = pipeline(outside, rateLimit(bucket)).execute(() => 'done', { signal: controller.signal });
  await expect(call).rejects.toBe('enough');
  expect(bucket.peek().remaining).toBe(2);
});
