/**
 * A search that anonymous clients may use 10 times a minute: the same limit as a fixed window, without the burst at the
 * edge of two windows. Run it with `npx tsx examples/sliding-window-counter.ts`.
 */
import { FixedWindow, type RateLimiter, SlidingWindowCounter } from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';

const clock = new TestClock(); // a minute passes immediately
const limits = { limit: 10, per: '1m', clock } as const;
const limiters: Record<string, RateLimiter> = {
  FixedWindow: new FixedWindow(limits),
  SlidingWindowCounter: new SlidingWindowCounter(limits),
};

function search(times: number): void {
  for (const [name, limiter] of Object.entries(limiters)) {
    let passed = 0;
    for (let n = 0; n < times; n++) if (limiter.tryAcquire().allowed) passed++;
    console.log(`  ${name}: ${passed} of ${times}`);
  }
}

console.log('One search at the start:');
search(1);
console.log('Twenty after 55 seconds:');
await clock.advance(55_000);
search(20);
console.log('Twenty after 65 seconds, when a new window has begun:');
await clock.advance(10_000);
search(20);
console.log('Twenty after 90 seconds, when half of the old window has passed:');
await clock.advance(25_000);
search(20);

/* Prints, but for the milliseconds:
One search at the start:
  FixedWindow: 1 of 1
  SlidingWindowCounter: 1 of 1
Twenty after 55 seconds:
  FixedWindow: 9 of 20
  SlidingWindowCounter: 9 of 20
Twenty after 65 seconds, when a new window has begun:
  FixedWindow: 10 of 20
  SlidingWindowCounter: 0 of 20
Twenty after 90 seconds, when half of the old window has passed:
  FixedWindow: 0 of 20
  SlidingWindowCounter: 5 of 20
*/
