/** What bites: errors that throw when they are looked at, and settings that answer with nonsense. */
import { circuitBreaker, constantBackoff, type Policy, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { catchUncaught } from '../support/uncaught.js';

const trap = () => {
  throw new Error('a trap');
};
const trapped = new Proxy({}, { get: trap, has: trap, getPrototypeOf: trap });
const policies: [string, () => Policy][] = [
  ['retry', () => retry({ maxAttempts: 2, backoff: constantBackoff(1) })],
  ['circuitBreaker', () => circuitBreaker({ consecutiveFailures: 1 })],
];

describe('errors that bite come out as they are', () => {
  const revocable = Proxy.revocable({}, {});
  revocable.revoke();
  const hostile: [string, unknown][] = [
    ['a proxy whose traps throw', trapped],
    ['a proxy that was revoked', revocable.proxy],
    ['headers whose get throws', Object.assign(new Error('busy'), { headers: { get: trap } })],
  ];
  for (const [what, error] of hostile) {
    for (const [name, make] of policies) {
      it(`${what}, out of ${name}`, async () => {
        const thrown = await make()
          .execute(() => Promise.reject(error))
          .catch((reason: unknown) => [reason]);
        expect(Object.is((thrown as unknown[])[0], error)).toBe(true);
      });
    }
  }
});

it('an error that bites counts as a failure', async () => {
  const breaker = circuitBreaker({ consecutiveFailures: 1 });
  await breaker.execute(() => Promise.reject(trapped)).catch(() => {});
  expect(breaker.state).toBe('open');
});

it('a reset below an isolation forgets what a closed breaker has counted', async () => {
  const breaker = circuitBreaker({ consecutiveFailures: 2, clock: new TestClock() });
  const fail = () => breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  await fail();
  const isolation = breaker.isolate();
  breaker.reset();
  isolation[Symbol.dispose]();
  await fail();
  expect(breaker.state).toBe('closed');
});

it('a breaker opens for a while even if its random source gives NaN', async () => {
  using uncaught = catchUncaught();
  const breaker = circuitBreaker({ window: { calls: 1 }, random: () => Number.NaN, clock: new TestClock() });
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  expect(breaker.state).toBe('open');
  expect(uncaught.rejections).toEqual([]);
});
