import { FixedWindow } from 'breakwater/rate-limit';
import { expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';

it('A wait of exactly retryAfterMs is enough after months, where milliseconds times 1,000 are not integers', () => {
  const per = 866_664_755;
  const clock = new ManualClock();
  const limiter = new FixedWindow({ limit: 1, per, clock });
  for (const gap of [4992, 4109, 4998, 4091]) {
    clock.time += (gap * per) / 2000;
    expect(limiter.tryAcquire().allowed).toBe(true);
  }
  const now = clock.time;
  const { allowed, retryAfterMs } = limiter.tryAcquire();
  expect(allowed).toBe(false);
  clock.time = now + retryAfterMs - 1;
  expect(limiter.peek().allowed).toBe(false);
  clock.time = now + retryAfterMs;
  expect(limiter.peek().allowed).toBe(true);
});
