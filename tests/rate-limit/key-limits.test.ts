import { KeyedRateLimiter, TokenBucket } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { LIMITERS } from './limiters.js';

describe.each(LIMITERS)('%s', (_name, make) => {
  it('A keyed limiter stays under its memory bound through a million keys and leaves no timer', async () => {
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

  it('A million rotated keys do not reset the limit of another key', () => {
    const clock = new ManualClock();
    const limiter = new KeyedRateLimiter(() => make({ size: 5, per: '1h' }, clock), {
      maxKeys: 1000,
      atLimit: 'reject',
    });
    while (limiter.tryAcquire('victim').allowed);
    let passed = 0;
    for (let n = 0; n < 1_000_000; n++) {
      if (n % 1000 === 0) clock.time += 1; // one second in total
      if (limiter.tryAcquire(`attacker:${n}`).allowed) passed++;
    }
    expect([passed, limiter.tryAcquire('victim').allowed, limiter.size]).toEqual([999, false, 1000]);
  });
});

it('A keyed limiter without waiters has no timer', () => {
  vi.useFakeTimers();
  try {
    const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 1, refill: 1, per: '1h' }));
    for (let n = 0; n < 1000; n++) limiter.tryAcquire(`user:${n}`);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
