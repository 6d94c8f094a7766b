import type { RateLimiter } from 'breakwater/rate-limit';
import { expect } from 'vitest';
import { ManualClock } from './manual-clock.js';
import { Draw, STEPS } from './seeds.js';

interface ComparedLimiter {
  tryAcquire(cost: number): { readonly allowed: boolean; readonly remaining: number; readonly retryAfterMs: number };
}

export interface LimiterPair {
  readonly reference: ComparedLimiter;
  readonly limiter: RateLimiter;
  /** The largest cost that can pass. */
  readonly limit: number;
  /** What the clock advances by is a multiple of this, up to 12 times. */
  readonly tickMs: number;
}

/**
 * Calls `tryAcquire` with the same random costs at the same random times on a reference limiter and on a limiter of the
 * package, and compares the decisions. Some calls come exactly when `retryAfterMs` says that they will pass.
 */
export function compareLimiters(seed: number, make: (draw: Draw, clock: ManualClock) => LimiterPair): void {
  const draw = new Draw(seed);
  const clock = new ManualClock();
  const { reference, limiter, limit, tickMs } = make(draw, clock);
  let [allowedCalls, rejectedCalls] = [0, 0];
  for (let step = 1; step <= STEPS; step++) {
    if (draw.chance(0.5)) clock.ms += tickMs * draw.integer(0, 12);
    const cost = draw.integer(1, draw.chance(0.2) ? limit : Math.min(2, limit));
    const { allowed, remaining, retryAfterMs } = limiter.tryAcquire(cost);
    const context = `step ${step}: cost ${cost} at ${clock.ms} ms`;
    expect({ allowed, remaining, retryAfterMs }, context).toEqual(reference.tryAcquire(cost));
    if (allowed) allowedCalls++;
    else rejectedCalls++;
    if (!allowed && draw.chance(0.2)) clock.ms += retryAfterMs;
  }
  expect(Math.min(allowedCalls, rejectedCalls), 'calls of the rarer kind').toBeGreaterThan(STEPS / 50);
}
