/** The rows about retries of the 47 pitfalls in the policies research, each under its number. */
import {
  type Backoff,
  bulkhead,
  CircuitOpenError,
  circuitBreaker,
  constantBackoff,
  decorrelatedJitterBackoff,
  exponentialBackoff,
  linearBackoff,
  type Policy,
  parseRetryAfter,
  pipeline,
  RetryBudget,
  type RetryOptions,
  retry,
  timeout,
} from 'breakwater';
import { seededRandom, TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { microtasks, settle, watch } from '../support/promises.js';

const DAY = 86_400_000;
const down = new Error('down');

/** A retry whose operation always fails, unless it is told otherwise. */
function setUp(options: RetryOptions = {}, makeError: () => unknown = () => down) {
  const clock = new TestClock();
  const policy = retry({ backoff: constantBackoff(100), clock, ...options });
  const startedAt: number[] = [];
  const gaveUp: string[] = [];
  policy.on('giveUp', ({ reason }) => gaveUp.push(reason));
  const operation = () => {
    startedAt.push(clock.now());
    throw makeError();
  };
  return { clock, policy, startedAt, gaveUp, operation };
}

afterEach(() => {
  vi.useRealTimers();
});

it('5: an abort during a backoff settles at once with the reason, and nothing is called again', async () => {
  const { clock, policy, startedAt, operation } = setUp({ backoff: constantBackoff(300) });
  const controller = new AbortController();
  const call = watch(policy.execute(operation, { signal: controller.signal }));
  await clock.advance(50);
  const reason = new Error('enough');
  controller.abort(reason);
  await microtasks(10);
  expect(call).toMatchObject({ state: 'rejected', error: reason });
  await clock.advance(10_000);
  expect(startedAt).toEqual([0]);
  expect(clock.pendingTimers).toBe(0);
});

it('6: maxAttempts counts all calls, is 3 unless said, and endless retries always pause', async () => {
  for (const [options, calls] of [
    [{ maxAttempts: 3 }, 3],
    [{}, 3],
    [{ maxAttempts: undefined }, 3],
    [{ maxAttempts: 1 }, 1],
  ] as const) {
    const { clock, policy, startedAt, operation } = setUp(options);
    const call = watch(policy.execute(operation));
    await clock.advance(DAY);
    expect([call.error, startedAt.length]).toEqual([down, calls]);
  }
  for (const maxAttempts of [0, -1, 2.5, Number.NaN, null as never]) {
    expect(() => retry({ maxAttempts })).toThrow('"maxAttempts" must be an integer ≥ 1');
  }
  const { clock, policy, startedAt, operation } = setUp({ maxAttempts: Infinity, backoff: () => 0 });
  const controller = new AbortController();
  const call = watch(policy.execute(operation, { signal: controller.signal }));
  await clock.advance(50);
  expect(startedAt).toHaveLength(51); // one a millisecond
  controller.abort('enough');
  await call.done;
  expect(call.error).toBe('enough');
});

it('7: for any settings a delay is initial × factorⁿ up to the cap, jitter stays inside, also the 5,000th time', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 10, noNaN: true }),
      fc.double({ min: 1, max: 1e6, noNaN: true }),
      fc.constantFrom(1, 2, 3, 10, 100, 1024, 5000),
      fc.integer(),
      (initial, factor, spread, attempt, seed) => {
        const max = initial * spread;
        const expected = Math.min(max, initial * factor ** (attempt - 1));
        const event = { attempt, previousDelayMs: undefined, outcome: { ok: false, error: down } } as const;
        const delayOf = (backoff: Backoff, random: () => number) => backoff({ ...event, random }) as number;
        for (const random of [() => 0, () => 1 - 2 ** -53, seededRandom(seed)]) {
          const none = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'none' }), random);
          const full = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'full' }), random);
          const equal = delayOf(exponentialBackoff({ initial, factor, max, jitter: 'equal' }), random);
          const others = [linearBackoff({ initial, max }), decorrelatedJitterBackoff({ initial, max })];
          expect(none).toBe(expected);
          expect(full >= 0 && full <= expected).toBe(true);
          expect(equal >= expected / 2 && equal <= expected).toBe(true);
          for (const other of others.map((backoff) => delayOf(backoff, random))) {
            expect(other >= Math.min(initial, max) && other <= max).toBe(true);
          }
        }
      },
    ),
  );
});

it('16: no try is spent on what our own policies refuse', async () => {
  const clock = new TestClock();
  const busy = bulkhead({ maxConcurrent: 1, clock });
  busy.tryAcquire();
  const closed = bulkhead({ maxConcurrent: 1, clock });
  await closed.close();
  const open = circuitBreaker({ initialState: 'open', clock });
  const refusing: readonly (Policy & { on(type: 'reject', listener: () => void): unknown })[] = [open, busy, closed];
  for (const inner of refusing) {
    let refusals = 0;
    inner.on('reject', () => refusals++);
    const call = watch(
      pipeline(retry({ maxAttempts: 4, backoff: constantBackoff(10), clock }), inner).execute(() => 1),
    );
    await clock.advance(1000);
    expect(call.error).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
    expect(refusals).toBe(1);
  }
});

it.each([
  ['a mistake in the program', new TypeError("Cannot read properties of undefined (reading 'x')")],
  ['a peer that is not trusted', new TypeError('fetch failed', { cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } })],
])('29: %s is not tried again', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  const call = watch(policy.execute(operation));
  await clock.advance(1000);
  expect(call.error).toBe(error);
  expect(startedAt).toHaveLength(1);
});

it.each([
  ['an abort of a fetch by a signal that is not of the call', new DOMException('aborted', 'AbortError')],
  ['an error of a driver that is named AbortError', Object.assign(new Error('lost'), { name: 'AbortError' })],
])('29: %s is a failure and is tried again', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  const call = watch(policy.execute(operation));
  await clock.advance(10_000);
  expect(call.error).toBe(error);
  expect(startedAt.length).toBeGreaterThan(1);
});

it.each([
  ['by the code of its cause', new TypeError('whatever it says', { cause: { code: 'ECONNRESET' } })],
  ['deep down', new TypeError('x', { cause: new Error('y', { cause: { code: 'UND_ERR_SOCKET' } }) })],
])('29: a network error of fetch is known %s, and tried again', async (_name, error) => {
  const { clock, policy, startedAt, operation } = setUp({}, () => error);
  watch(policy.execute(operation));
  await clock.advance(1000);
  expect(startedAt).toHaveLength(3);
});

it('31: delays beyond 2³¹-1 ms are waited out on the real clock too', async () => {
  vi.useFakeTimers();
  const startedAt: number[] = [];
  const before = performance.now();
  const call = watch(
    retry({ maxAttempts: 2, backoff: constantBackoff('60d') }).execute(() => {
      startedAt.push(Math.round((performance.now() - before) / DAY));
      throw down;
    }),
  );
  await vi.advanceTimersByTimeAsync(60 * DAY - 1);
  expect(startedAt).toEqual([0]);
  await vi.advanceTimersByTimeAsync(2);
  expect(startedAt).toEqual([0, 60]);
  await call.done;
  expect(vi.getTimerCount()).toBe(0);
});

it.each([Number.NaN, -1, -Infinity, '700', null, undefined])(
  '31: a retryAfterMs of %s is no wish of anybody, and the backoff goes on as it is',
  async (retryAfterMs) => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 2 }, () =>
      Object.assign(new Error('busy'), { retryAfterMs }),
    );
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(startedAt).toEqual([0, 100]);
  },
);

it.each([
  ['120', 120_000],
  ['0', 0],
  [' 3 ', 3000],
  ['99999999999999999999', 1e23],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 0],
  ['Sun Nov  6 08:49:37 1994', 0],
  ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
  ['-1', undefined],
  ['1.5', undefined],
  ['0x10', undefined],
  ['1e9', undefined],
  ['Infinity', undefined],
  ['', undefined],
  ['1, 2', undefined],
  ['2026-01-01T00:00:05Z', undefined],
  ['soon', undefined],
  ['9'.repeat(4000), undefined],
])('32: Retry-After %j means %s ms', (value, expected) => {
  expect(parseRetryAfter(value, Date.UTC(2026, 0, 1))).toBe(expected);
});

it('32: a wish beyond the cap or the deadline stops, rather than coming back early', async () => {
  const asking = (retryAfterMs: number) => () => Object.assign(new Error('busy'), { retryAfterMs });
  const { clock, policy, startedAt, gaveUp, operation } = setUp({ maxRetryAfter: '10s' }, asking(10_001));
  watch(policy.execute(operation));
  await clock.advance(DAY);
  expect([startedAt, gaveUp]).toEqual([[0], ['retry-after']]);

  const soon = setUp({}, asking(5000));
  const call = watch(soon.policy.execute(soon.operation, { timeout: '3s' }));
  await soon.clock.advance(DAY);
  expect([soon.startedAt, soon.gaveUp]).toEqual([[0], ['deadline']]);
  expect(call.error).toMatchObject({ message: 'busy', retryAfterMs: 5000 });
});

it('33: no backoff of the caller’s own lifts a limit', async () => {
  for (const [options, calls] of [
    [{ maxAttempts: 4 }, 4],
    [{ maxAttempts: 100, maxElapsed: 250 }, 3],
    [{ maxAttempts: 100, budget: new RetryBudget({ ratio: 0, minPerSecond: 0.2 }) }, 3],
  ] as const) {
    const { clock, policy, startedAt, operation } = setUp({ ...options, backoff: () => 100 });
    watch(policy.execute(operation));
    await clock.advance(60_000);
    expect(startedAt).toHaveLength(calls);
  }
  const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 100, backoff: () => 100 });
  watch(pipeline(timeout({ duration: 350, clock }), policy).execute(operation));
  await clock.advance(60_000);
  expect(startedAt).toEqual([0, 100, 200, 300]);
  const broken = setUp({ maxAttempts: Infinity, backoff: () => Number.NaN });
  await expect(broken.policy.execute(broken.operation)).rejects.toThrow('"backoff" must return milliseconds');
});

it('37: requests refill a budget, time refills its floor, and nothing lifts it above its share', async () => {
  const clock = new TestClock();
  const budget = new RetryBudget({ ratio: 0.5, minPerSecond: 1, window: '10s', clock });
  const spend = () => {
    let retries = 0;
    while (budget.tryRetry()) retries++;
    return retries;
  };
  expect(spend()).toBe(10);
  expect(budget.stats.available).toBe(0);
  for (let n = 1; n <= 100; n++) {
    budget.recordRequest();
    expect(budget.stats.available).toBe(Math.floor(n / 2));
  }
  expect(spend()).toBe(50);
  await clock.advance(10_000);
  expect(budget.stats.available).toBe(10);
  await clock.advance(DAY);
  expect(spend()).toBe(10);
});

it('38: an exhausted budget never fails a first try, nor replaces the error of the last one', async () => {
  const budget = new RetryBudget({ ratio: 0, minPerSecond: 0 });
  const { policy, gaveUp, operation } = setUp({ budget });
  expect(await policy.execute(() => 'fine')).toBe('fine');
  await expect(policy.execute(operation)).rejects.toBe(down);
  expect(gaveUp).toEqual(['budget']);
});

it('16: a breaker that has opened between two tries ends the call with its refusal, which says why', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ window: { calls: 1 }, openFor: '1m', clock });
  const call = watch(
    pipeline(retry({ backoff: constantBackoff(10), clock }), breaker).execute(() => Promise.reject(down)),
  );
  await clock.advance(1000);
  expect(call.error).toBeInstanceOf(CircuitOpenError);
  expect(call.error).toMatchObject({ cause: down });
  await settle();
  expect(clock.pendingTimers).toBe(0);
});
