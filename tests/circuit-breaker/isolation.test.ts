import { circuitBreaker } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { catchUncaught } from '../support/uncaught.js';
import { setUp } from './setup.js';

it('a reset during an isolation clears the failures that the closed breaker has counted', async () => {
  const breaker = circuitBreaker({ consecutiveFailures: 2, clock: new TestClock() });
  const fail = () => breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  await fail();
  const isolation = breaker.isolate();
  breaker.reset();
  isolation[Symbol.dispose]();
  await fail();
  expect(breaker.state).toBe('closed');
});

it('a breaker opens even if its random source returns NaN', async () => {
  using uncaught = catchUncaught();
  const breaker = circuitBreaker({ window: { calls: 1 }, random: () => Number.NaN, clock: new TestClock() });
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  expect(breaker.state).toBe('open');
  expect(uncaught.rejections).toEqual([]);
});

it('isolating an open breaker and ending the isolation leaves it open for the remaining time', async () => {
  const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  await clock.advance(300);
  const isolation = breaker.isolate();
  await clock.advance(60_000);
  isolation[Symbol.dispose]();
  expect([breaker.state, breaker.stats.retryAfterMs]).toEqual(['open', 700]);
  await clock.advance(700);
  expect(breaker.state).toBe('half-open');
});
