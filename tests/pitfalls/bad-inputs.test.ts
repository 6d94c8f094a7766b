/** Bad inputs 1 to 41 and 51 to 57 of the reliability research: sizes, durations and settings, each under its number. */
import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  decorrelatedJitterBackoff,
  exponentialBackoff,
  InvalidOptionError,
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
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

type Make = (value: never) => unknown;

const sizes: Record<string, Make> = {
  maxAttempts: (maxAttempts) => retry({ maxAttempts }),
  'window.calls': (calls) => circuitBreaker({ window: { calls } }),
  minimumCalls: (minimumCalls) => circuitBreaker({ minimumCalls }),
  consecutiveFailures: (consecutiveFailures) => circuitBreaker({ consecutiveFailures }),
  'halfOpen.probes': (probes) => circuitBreaker({ halfOpen: { probes } }),
  'halfOpen.maxFailures': (maxFailures) => circuitBreaker({ halfOpen: { maxFailures } }),
  maxConcurrent: (maxConcurrent) => bulkhead({ maxConcurrent }),
  'maxConcurrent of resize': (maxConcurrent) => bulkhead({ maxConcurrent: 1 }).resize(maxConcurrent),
  'maxConcurrent of resilientFetch': (maxConcurrent) => resilientFetch({ bulkhead: { maxConcurrent } }),
  maxQueue: (maxQueue) => bulkhead({ maxConcurrent: 1, maxQueue }),
  maxKeys: (maxKeys) => keyed(() => retry(), { maxKeys }),
  drainLimit: (drainLimit) => resilientFetch({ drainLimit }),
};
const MAY_BE_ZERO = ['halfOpen.maxFailures', 'maxQueue', 'drainLimit'];

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

/** Each of them refuses the value at once, and names the option. */
function refuse(makers: Record<string, Make>, value: unknown, except: readonly string[] = []): void {
  for (const [name, make] of Object.entries(makers)) {
    if (except.includes(name)) continue;
    const error = thrownBy(() => make(value as never));
    expect(error, name).toBeInstanceOf(InvalidOptionError);
    expect(error, name).toBeInstanceOf(TypeError);
    expect((error as InvalidOptionError).option, name).toContain(name.split(' ')[0]);
  }
}

function thrownBy(action: () => unknown): unknown {
  try {
    return action() as undefined;
  } catch (error) {
    return error;
  }
}

function accept(makers: Record<string, Make>, value: unknown, names = Object.keys(makers)): void {
  for (const name of names) expect(() => makers[name]?.(value as never), name).not.toThrow();
}

it('1: NaN as a size', () => refuse(sizes, Number.NaN));
it('2: 0 as a size: where it means none it is allowed', () => {
  refuse(sizes, 0, MAY_BE_ZERO);
  accept(sizes, 0, MAY_BE_ZERO);
});
it('3: -1 as a size', () => refuse(sizes, -1));
it('4: 1.5 as a size', () => refuse(sizes, 1.5));
it("5: '2' as a size", () => refuse(sizes, '2'));
it('6: null as a size', () => refuse(sizes, null));
it('7: undefined as a size: the default, and refused where there is none', () => {
  refuse({ maxConcurrent: sizes.maxConcurrent as Make }, undefined);
  accept(
    sizes,
    undefined,
    Object.keys(sizes).filter((name) => !['maxConcurrent', 'maxConcurrent of resize', 'window.calls'].includes(name)),
  );
  expect(retry({ maxAttempts: undefined }).describe().maxAttempts).toBe(3);
});
it('8: Infinity as a size: no bound where that is documented, refused elsewhere', () => {
  refuse(sizes, Infinity, ['maxAttempts', 'maxQueue']);
  accept(sizes, Infinity, ['maxAttempts', 'maxQueue']);
});
it('9: 2**32 as a size: nothing is allocated for it beforehand', () => {
  const before = process.memoryUsage();
  accept(
    sizes,
    2 ** 32,
    Object.keys(sizes).filter((name) => name !== 'window.calls'),
  );
  refuse({ 'window.calls': sizes['window.calls'] as Make }, 2 ** 32); // the one size that is memory
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(2 ** 20);
});
it('10: 2**53 as a size', () => refuse(sizes, 2 ** 53));
it('11: 10n as a size', () => refuse(sizes, 10n));
it('12: true as a size', () => refuse(sizes, true));
it('13: {} as a size', () => refuse(sizes, {}));
it("14: 'abc' as a size", () => refuse(sizes, 'abc'));
it('15: -0 as a size is 0', () => {
  refuse(sizes, -0, MAY_BE_ZERO);
  accept(sizes, -0, MAY_BE_ZERO);
  expect(Object.is(bulkhead({ maxConcurrent: 1, maxQueue: -0 }).describe().maxQueue, 0)).toBe(true);
});
it('16: Number.MIN_VALUE as a size', () => refuse(sizes, Number.MIN_VALUE));

it('17: NaN as a duration', () => refuse(durations, Number.NaN));
it('18: -1 as a duration', () => refuse(durations, -1));
it("19: 0 as a duration means nothing sensible: 'off' is undefined, 'never' is Infinity", () => {
  for (const zero of [0, -0, '0ms', '0d']) refuse(durations, zero);
});
it('20: 1.5 as a duration is one and a half milliseconds', async () => {
  accept(durations, 1.5);
  const clock = new TestClock();
  const call = watch(timeout({ duration: 1.5, clock }).execute(() => new Promise(() => {})));
  await clock.advance(1.4);
  expect(call.state).toBe('pending');
  await clock.advance(0.1);
  expect(call.error).toMatchObject({ timeoutMs: 1.5 });
});
it("21: '50' as a duration has no unit", () => refuse(durations, '50'));
it('22: null as a duration', () => refuse(durations, null));
it('23: Infinity as a duration: never where that is documented, refused elsewhere', async () => {
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

it('24: 2**31-1 as a duration lasts that long', lasts(2 ** 31 - 1));
it('25: 2**31 as a duration lasts that long, instead of no time at all', lasts(2 ** 31));
it('26: 2**31 + 0.5 as a duration lasts that long, instead of no time at all', lasts(2 ** 31 + 0.5));
it('28: 2**53 as a duration lasts that long, instead of no time at all', lasts(2 ** 53));

function controller() {
  const made = new AbortController();
  return { signal: made.signal, abort: (reason: unknown) => made.abort(reason) };
}

it('27: a window of 30 days counts for 30 days', async () => {
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
it('29: a Date as a duration', () => refuse(durations, new Date(1000), ['duration']));
it("30: '5x', '1e3', '1e3ms' and other near misses as a duration", () => {
  for (const value of ['5x', '1e3', '1e3ms', '5 s', ' 5s', '5s ', '-5s', '+5s', '.5s', '5.s', '5S', '', 's', '٥s']) {
    refuse(durations, value);
  }
});
it('31: -1 as the timeout of one call rejects that call, and runs nothing', async () => {
  for (const value of [-1, 0, Number.NaN, null, '5', {}]) {
    const call = retry().execute(() => expect.unreachable(), { timeout: value as never });
    await expect(call).rejects.toThrow(/^retry: "timeout" must be milliseconds/);
  }
});
it('32: 2, -1 and NaN as a jitter', () => {
  for (const value of [2, -1, Number.NaN, true, 'FULL', '']) {
    refuse({ jitter: (jitter) => exponentialBackoff({ jitter }) }, value);
  }
});
it('33: 0, -2, Infinity and NaN as a factor', () => {
  for (const value of [0, -2, Infinity, Number.NaN, 0.99, '2', null]) {
    refuse({ factor: (factor) => exponentialBackoff({ factor }) }, value);
  }
});
it('34: a longest delay below the first', () => {
  for (const make of [linearBackoff, exponentialBackoff, decorrelatedJitterBackoff]) {
    expect(() => make({ initial: '2s', max: 1999 })).toThrow(/"max" must not be below "initial" \(2000 ms\), got 1999/);
    expect(() => make({ initial: '2s', max: 2000 })).not.toThrow();
  }
});
it('35: a backoff or a random source that gives NaN, something negative or a promise is told of, and nothing waits', async () => {
  for (const bad of [Number.NaN, -1, Infinity, '5', Promise.resolve(5), null, {}]) {
    const clock = new TestClock();
    const down = new Error('down');
    const fail = () => Promise.reject(down);
    const rule = /^retry: "backoff" must return milliseconds/;
    await expect(retry({ backoff: () => bad as never, clock }).execute(fail)).rejects.toThrow(rule);
    if (typeof bad === 'number') {
      const random = () => (bad === Infinity ? Number.NaN : bad);
      await expect(retry({ random, clock }).execute(fail)).rejects.toThrow(rule);
    }
    // A breaker opens all the same, and the call keeps its own error.
    using uncaught = catchUncaught();
    const breaker = circuitBreaker({ window: { calls: 1 }, openFor: () => bad as never, clock });
    await expect(breaker.execute(fail)).rejects.toBe(down);
    await settle();
    expect(breaker.state).toBe('open');
    expect(breaker.stats.retryAfterMs).toBeGreaterThan(0);
    expect(uncaught.errors.map(String)).toEqual([
      expect.stringMatching(/: circuitBreaker: "openFor" must return milliseconds/),
    ]);
    expect(clock.pendingTimers).toBe(0);
  }
});

it('36: NaN as a number of attempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, Number.NaN));
it('37: Infinity as a number of attempts, always failing: can be aborted, and needs no memory for each', async () => {
  const clock = new TestClock();
  const { signal, abort } = controller();
  const before = process.memoryUsage().heapUsed;
  let calls = 0;
  const call = watch(
    retry({ maxAttempts: Infinity, backoff: () => 0, clock }).execute(
      () => {
        calls++;
        return Promise.reject('down');
      },
      { signal },
    ),
  );
  await clock.advance(5000);
  expect(calls).toBe(5001);
  abort('enough');
  await settle();
  expect([call.error, clock.pendingTimers]).toEqual(['enough', 0]);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
});
it('38: -1 as a number of attempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, -1));
it('39: 1.5 as a number of attempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, 1.5));
it("40: '2' as a number of attempts", () => refuse({ maxAttempts: sizes.maxAttempts as Make }, '2'));
it('41: null as a number of attempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, null));

const rates: Record<string, Make> = {
  failureRateThreshold: (failureRateThreshold) => circuitBreaker({ failureRateThreshold }),
  slowCallRateThreshold: (slowCallRateThreshold) => circuitBreaker({ slowCallRateThreshold }),
};
it('51: NaN as a threshold', () => refuse(rates, Number.NaN));
it('52: 0, -1, 101 and Infinity as a threshold', () => {
  for (const value of [0, -1, 101, Infinity, 1.01, 50, '0.5', null]) refuse(rates, value);
});
it('53: 0, NaN and 1.5 as a number of calls in the window', () => {
  for (const value of [0, Number.NaN, 1.5, null, -1, 1_000_001]) {
    refuse({ 'window.calls': sizes['window.calls'] as Make }, value);
  }
});
it('54: -1 as the least number of calls', () => refuse({ minimumCalls: sizes.minimumCalls as Make }, -1));
it('55: 0 probes, which would never close it', () =>
  refuse({ 'halfOpen.probes': sizes['halfOpen.probes'] as Make }, 0));
it('56: a state that was saved by somebody else, or has got damaged', () => {
  const saved = { state: 'open', openings: 1, remainingOpenMs: 500 };
  for (const damage of [
    { state: 'isolated' },
    { state: undefined },
    { state: 'OPEN' },
    { openings: 0 },
    { openings: -1 },
    { openings: 1.5 },
    { openings: '1' },
    { openings: null },
    { remainingOpenMs: -1 },
    { remainingOpenMs: null }, // what JSON makes of NaN and Infinity
    { remainingOpenMs: '500' },
    { remainingOpenMs: undefined },
    { extra: 1 },
  ]) {
    refuse({ initialState: (initialState) => circuitBreaker({ initialState }) }, { ...saved, ...damage });
  }
  for (const value of [null, 5, true, [], '', '{"state":"open"}']) {
    refuse({ initialState: (initialState) => circuitBreaker({ initialState }) }, value);
  }
  expect(circuitBreaker({ initialState: saved as never }).state).toBe('open');
});
it('57: a judge that throws, or that answers with something else: the call has that error, and its permit is back', async () => {
  const ill = new Error('the judge is ill');
  for (const [classify, error] of [
    [
      () => {
        throw ill;
      },
      ill,
    ],
    [async () => 'failure', /"classify" must return/],
    [() => true, /"classify" must return/],
    [() => undefined, /"classify" must return/],
  ] as const) {
    const clock = new TestClock();
    const judge = classify as never;
    const breaker = circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 1 }, classify: judge, clock });
    for (let i = 0; i < 3; i++) await expect(breaker.execute(() => 1)).rejects.toThrow(error);
    expect(breaker.state).toBe('half-open');
    const open = circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 1 }, clock });
    await expect(open.execute(() => 1, { classify: judge })).rejects.toThrow(error);
    expect(await open.execute(() => 'let in')).toBe('let in');
  }
});
