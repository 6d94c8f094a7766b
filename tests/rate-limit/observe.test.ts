import { KeyedRateLimiter, rateLimit, TokenBucket } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';

describe('A rate limit in the mode observe', () => {
  it('starts every call, and emits the calls that it would have rejected', async () => {
    const clock = new TestClock();
    const bucket = new TokenBucket({ capacity: 2, refill: 1, per: '1s', clock });
    const policy = rateLimit(bucket, { mode: 'observe' });
    const rejected: number[] = [];
    policy.on('reject', ({ decision }) => rejected.push(decision.retryAfterMs));
    expect(await Promise.all([1, 2, 3].map((call) => policy.execute(() => call)))).toEqual([1, 2, 3]);
    expect(rejected).toEqual([1000]);
    expect(bucket.peek().remaining).toBe(0); // it takes what the mode enforce would take
  });

  it('does not wait, and rejects what would have waited for too long', async () => {
    const clock = new TestClock();
    const policy = rateLimit(new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock }), {
      ...{ mode: 'observe', maxWait: '1500ms' },
    });
    let rejections = 0;
    policy.on('reject', () => rejections++);
    for (let call = 0; call < 4; call++) expect(await policy.execute(() => call)).toBe(call);
    expect([rejections, clock.pendingTimers]).toEqual([2, 0]);
  });

  it('reports the key of a keyed limiter', async () => {
    const clock = new TestClock();
    const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: '1s', clock }), {
      clock,
    });
    for (const maxWait of [0, 10]) {
      const policy = rateLimit(limiter, { mode: 'observe', maxWait });
      const keys: unknown[] = [];
      policy.on('reject', ({ key }) => keys.push(key));
      for (let call = 0; call < 2; call++) await policy.execute(() => call, { key: `user ${maxWait}` });
      expect(keys).toEqual([`user ${maxWait}`]);
    }
  });

  it('is described, and no other word is a mode', () => {
    const bucket = new TokenBucket({ capacity: 1, refill: 1, per: '1s' });
    expect(rateLimit(bucket, { mode: 'observe' }).describe()).toMatchObject({ mode: 'observe' });
    expect(() => rateLimit(bucket, { mode: 'off' as never })).toThrow('"mode"');
  });
});
