import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  decorrelatedJitterBackoff,
  exponentialBackoff,
  keyed,
  linearBackoff,
  RetryBudget,
  resilientFetch,
  retry,
  sleep,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { accept, type Make, refuse } from '../support/option-values.js';
import { settle, watch } from '../support/promises.js';

const durations: Record<string, Make> = {
  maxElapsed: (maxElapsed) => retry({ maxElapsed }),
  maxRetryAfter: (maxRetryAfter) => retry({ maxRetryAfter }),
  delay: constantBackoff,
  'initial of linearBackoff': (initial) => linearBackoff({ initial, max: '365000000d' }),
  'max of linearBackoff': (max) => linearBackoff({ initial: 1, max }),
  'initial of exponentialBackoff': (initial) => exponentialBackoff({ initial, max: '365000000d' }),
  'max of exponentialBackoff': (max) => exponentialBackoff({ initial: 1, max }),
  'initial of decorrelatedJitterBackoff': (initial) => decorrelatedJitterBackoff({ initial, max: '365000000d' }),
  'max of decorrelatedJitterBackoff': (max) => decorrelatedJitterBackoff({ initial: 1, max }),
  window: (window) => new RetryBudget({ window }),
  duration: (duration) => timeout({ duration }),
  slowCallDuration: (slowCallDuration) => circuitBreaker({ slowCallDuration }),
  openFor: (openFor) => circuitBreaker({ openFor }),
  'window.duration': (duration) => circuitBreaker({ window: { duration } }),
  'halfOpen.probeTimeout': (probeTimeout) => circuitBreaker({ halfOpen: { probeTimeout } }),
  queueTimeout: (queueTimeout) => bulkhead({ maxConcurrent: 1, queueTimeout }),
  idleFor: (idleFor) => keyed(() => retry(), { idleFor }),
  timeout: (duration) => resilientFetch({ timeout: duration }),
  attemptTimeout: (attemptTimeout) => resilientFetch({ attemptTimeout }),
  bodyTimeout: (bodyTimeout) => resilientFetch({ bodyTimeout }),
};
const MAY_BE_INFINITE = [
  ...['maxElapsed', 'maxRetryAfter', 'duration', 'halfOpen.probeTimeout', 'queueTimeout', 'idleFor', 'bodyTimeout'],
  ...['timeout', 'attemptTimeout'],
];

it('NaN is rejected as a duration', () => refuse(durations, Number.NaN));

it('-1 is rejected as a duration', () => refuse(durations, -1));

it('0 is rejected as a duration in each of its forms', () => {
  for (const zero of [0, -0, '0ms', '0d']) refuse(durations, zero);
});

it('1.5 as a duration is one and a half milliseconds', async () => {
  accept(durations, 1.5);
  const clock = new TestClock();
  const call = watch(timeout({ duration: 1.5, clock }).execute(() => new Promise(() => {})));
  await clock.advance(1.4);
  expect(call.state).toBe('pending');
  await clock.advance(0.1);
  expect(call.error).toMatchObject({ timeoutMs: 1.5 });
});

it("the string '50' without a unit is rejected as a duration", () => refuse(durations, '50'));

it('null is rejected as a duration', () => refuse(durations, null));

it('Infinity as a duration means no limit where that is documented, and is rejected elsewhere', async () => {
  refuse(durations, Infinity, MAY_BE_INFINITE);
  accept(durations, Infinity, MAY_BE_INFINITE);
  expect(await timeout(Infinity).execute(() => sleep(5).then(() => 'not at once'))).toBe('not at once');
});
const lasts = (ms: number) => async () => {
  accept(durations, ms);
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: ms });
  slots.tryAcquire();
  const breaker = circuitBreaker({ initialState: 'open', openFor: ms });
  const { signal, abort } = controller();
  const waiting = [
    sleep(ms, { signal }),
    slots.execute(() => 1, { signal }),
    retry({ backoff: constantBackoff(ms) }).execute(() => Promise.reject(new Error('down')), { signal }),
    timeout(ms).execute(() => new Promise(() => {}), { signal }),
    retry().execute(() => new Promise(() => {}), { signal, timeout: ms }),
  ].map((call) => watch<unknown>(call));
  await sleep(10);
  expect(waiting.map(({ state }) => state)).toEqual(Array(5).fill('pending'));
  expect(breaker.state).toBe('open');
  abort('enough');
  await settle();
  expect(waiting.map(({ error }) => error)).toEqual(Array(5).fill('enough'));
};

it('a duration of 2**31-1 ms lasts for that time', lasts(2 ** 31 - 1));

it('a duration of 2**31 ms lasts for that time, although a timer of the platform would fire at once', lasts(2 ** 31));

it(
  'a duration of 2**31 + 0.5 ms lasts for that time, although a timer of the platform would fire at once',
  lasts(2 ** 31 + 0.5),
);

it('a duration of 2**53 ms lasts for that time, although a timer of the platform would fire at once', lasts(2 ** 53));

function controller() {
  const made = new AbortController();
  return { signal: made.signal, abort: (reason: unknown) => made.abort(reason) };
}

it('a window of 30 days counts the events of 30 days', async () => {
  const clock = new TestClock();
  const day = 86_400_000;
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 1 / (30 * 86_400), window: '30d', clock });
  const breaker = circuitBreaker({ window: { duration: '30d' }, clock });
  expect([budget.tryRetry(), budget.tryRetry()]).toEqual([true, false]);
  await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
  await clock.advance(26 * day);
  expect([budget.tryRetry(), breaker.stats.failures]).toEqual([false, 1]);
  await clock.advance(5 * day);
  expect([budget.tryRetry(), breaker.stats.failures]).toEqual([true, 0]);
});

it('a Date is rejected as a duration', () => refuse(durations, new Date(1000), ['duration']));

it("'5x', '1e3', '1e3ms' and other near misses are rejected as a duration", () => {
  for (const value of ['5x', '1e3', '1e3ms', '5 s', ' 5s', '5s ', '-5s', '+5s', '.5s', '5.s', '5S', '', 's', '٥s']) {
    refuse(durations, value);
  }
});

it('an invalid timeout of one call rejects that call, and its operation does not run', async () => {
  for (const value of [-1, 0, Number.NaN, null, '5', {}]) {
    const call = retry().execute(() => expect.unreachable(), { timeout: value as never });
    await expect(call).rejects.toThrow(/^retry: "timeout" must be milliseconds/);
  }
});
