/** The rows about calls, timeouts, listeners and options of the 47 pitfalls in the policies research. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  bulkhead,
  type CircuitOpenError,
  circuitBreaker,
  constantBackoff,
  exponentialBackoff,
  fallback,
  isResilienceError,
  keyed,
  linearBackoff,
  type Outcome,
  type Policy,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
  type TimeoutError,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import ts from 'typescript';
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});
const policies: Record<string, (clock: TestClock) => Policy<unknown>> = {
  retry: (clock) => retry({ maxAttempts: 1, clock }),
  timeout: (clock) => timeout({ duration: '1m', clock }),
  circuitBreaker: (clock) => circuitBreaker({ clock }),
  bulkhead: (clock) => bulkhead({ maxConcurrent: 9, clock }),
  fallback: () => fallback('another answer', { classify: () => 'success' }),
  keyed: (clock) => keyed(() => retry({ maxAttempts: 1, clock }), { clock }),
  pipeline: (clock) => pipeline(timeout({ duration: '1m', clock }), bulkhead({ maxConcurrent: 9, clock })),
};

afterEach(() => {
  vi.restoreAllMocks();
});

it('11: an abort from outside has its own reason, and is no timeout', async () => {
  const clock = new TestClock();
  const policy = timeout({ duration: '5s', clock });
  const timeouts = vi.fn();
  policy.on('timeout', timeouts);
  const controller = new AbortController();
  const heeding = watch(
    policy.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
      signal: controller.signal,
    }),
  );
  const ignoring = watch(policy.execute(never, { signal: controller.signal }));
  const reason = new Error('shutdown');
  controller.abort(reason);
  await settle();
  expect([heeding.error, ignoring.error]).toEqual([reason, reason]);
  await clock.advance(10_000);
  expect(timeouts).not.toHaveBeenCalled();
});

it('13: what a listener throws is reported by itself, and changes neither result nor state', async () => {
  using uncaught = catchUncaught();
  const ill = new Error('the listener is ill');
  const throwing = () => {
    throw ill;
  };
  const clock = new TestClock();
  const breaker = circuitBreaker({ window: { calls: 2 }, halfOpen: { probes: 1 }, openFor: 1000, clock });
  const again = retry({ maxAttempts: 2, backoff: constantBackoff(10), clock });
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const policy = pipeline(again, breaker, slots);
  for (const type of ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const) breaker.on(type, throwing);
  for (const type of ['retry', 'giveUp'] as const) again.on(type, throwing);
  for (const type of ['queued', 'reject', 'idle'] as const) slots.on(type, throwing);
  for (const type of ['success', 'failure'] as const) policy.on(type, throwing);

  const failing = watch(policy.execute(() => Promise.reject(down)));
  await clock.advance(10);
  expect([failing.error, breaker.state]).toEqual([down, 'open']);
  await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  await clock.advance(1000);
  expect(await policy.execute(() => 'fine')).toBe('fine');
  expect([breaker.state, slots.active]).toEqual(['closed', 0]);
  expect(uncaught.errors.length).toBeGreaterThan(8);
  expect(uncaught.errors.every((error) => error === ill)).toBe(true);
});

describe('17: an operation may be of any make', () => {
  it.each(Object.entries(policies))('%s', async (_name, make) => {
    const policy = make(new TestClock());
    const execute = (operation: () => unknown) => policy.execute(operation, { key: 'key' });
    expect(await execute(() => undefined)).toBe(undefined);
    expect(await execute(() => 'at once')).toBe('at once');
    expect(await execute(async () => 'later')).toBe('later');
    expect(await execute(() => ({ then: (resolve: (value: string) => void) => resolve('a thenable') }))).toBe(
      'a thenable',
    );
    await expect(execute(() => ({ then: () => fail() }))).rejects.toBe(down);
    await expect(execute(fail)).rejects.toBe(down);
    await expect(execute(() => Promise.reject(down))).rejects.toBe(down);
  });

  const fail = () => {
    throw down;
  };
});

it('19: options are read once, and neither changed nor kept: two policies of one object share nothing', async () => {
  const clock = new TestClock();
  const breakerOptions = Object.freeze({
    window: Object.freeze({ calls: 2 }),
    halfOpen: Object.freeze({ probes: 1 }),
    openFor: 1000,
    clock,
  });
  const [one, two] = [circuitBreaker(breakerOptions), circuitBreaker(breakerOptions)];
  for (let i = 0; i < 2; i++) await one.execute(() => Promise.reject(down)).catch(() => {});
  expect([one.state, two.state, two.stats.calls]).toEqual(['open', 'closed', 0]);
  expect(await two.execute(() => 'its own value')).toBe('its own value');

  const options = { maxConcurrent: 1, maxQueue: 0 };
  const slots = bulkhead(options);
  Object.assign(options, { maxConcurrent: 100, maxQueue: 100 });
  watch(slots.execute(never));
  await expect(slots.execute(never)).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });

  for (const make of [
    () => retry(Object.freeze({ maxAttempts: 2 })),
    () => timeout(Object.freeze({ duration: 5 })),
    () => exponentialBackoff(Object.freeze({ initial: 1 })),
    () => linearBackoff(Object.freeze({ initial: 1, max: 2 })),
    () => new RetryBudget(Object.freeze({ ratio: 0.5 })),
    () => fallback(1, Object.freeze({ name: 'f' })),
    () => keyed(() => retry(), Object.freeze({ maxKeys: 5 })),
    () => resilientFetch(Object.freeze({ retry: Object.freeze({ maxAttempts: 2 }), bulkhead: Object.freeze({}) })),
    () => retry().execute(() => 1, Object.freeze({ key: 'k', priority: 1 })),
  ]) {
    expect(make).not.toThrow();
  }
});

it('22: the end of one call is no end of another: each has a signal of its own', async () => {
  const clock = new TestClock();
  const policy = pipeline(timeout({ duration: 100, clock }), bulkhead({ maxConcurrent: 9, clock }));
  const signals: AbortSignal[] = [];
  const start = () =>
    watch(
      policy.execute(({ signal }) => {
        signals.push(signal);
        return never();
      }),
    );
  const first = start();
  await clock.advance(60);
  const second = start();
  await clock.advance(40);
  expect([first.state, second.state]).toEqual(['rejected', 'pending']);
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect(new Set(signals).size).toBe(2);
});

it('23: nothing ticks: no policy has a timer while nobody waits, and dispose leaves none to those who did', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, queueTimeout: '1h', clock });
  const breaker = circuitBreaker({ initialState: 'open', clock });
  const all = [...Object.values(policies).map((make) => make(clock)), slots, breaker, new RetryBudget({ clock })];
  expect(all.length).toBeGreaterThan(9);
  expect(clock.pendingTimers).toBe(0);
  const held = slots.tryAcquire();
  const waiting = Array.from({ length: 5 }, () => watch(slots.execute(() => 1)));
  expect(clock.pendingTimers).toBe(1);
  slots[Symbol.dispose]();
  await settle();
  expect(clock.pendingTimers).toBe(0);
  for (const { error } of waiting) expect(error).toMatchObject({ code: 'ERR_CLOSED' });
  held?.release();
});

it('26: a shared signal has no listener after 10,000 calls, they take no longer towards the end, and AbortSignal.any and .timeout are not used', async () => {
  const sources = fileURLToPath(new URL('../../src/', import.meta.url));
  for (const file of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const tree = ts.createSourceFile(file, readFileSync(sources + file, 'utf8'), ts.ScriptTarget.ES2022);
    const code = ts.createPrinter({ removeComments: true }).printFile(tree);
    expect(code, file).not.toMatch(/AbortSignal\s*\.\s*(any|timeout)\b/);
  }
  const { controller, listeners } = countingController();
  const policy = pipeline(timeout('1m'), retry(), circuitBreaker(), bulkhead({ maxConcurrent: 9 }), timeout('30s'));
  const rounds: number[] = [];
  for (let round = 0; round < 20; round++) {
    const before = performance.now();
    for (let i = 0; i < 500; i++) await policy.execute(({ signal }) => signal.aborted, { signal: controller.signal });
    rounds.push(performance.now() - before);
  }
  expect(listeners()).toBe(0);
  expect(Math.min(...rounds.slice(-5))).toBeLessThan(Math.max(...rounds.slice(0, 5)) * 2);
});

it('30: an operation that was fulfilled has won, even if the signal aborts in the moment it returns', async () => {
  for (const [name, make] of Object.entries(policies)) {
    const controller = new AbortController();
    const call = make(new TestClock()).execute(
      async () => {
        queueMicrotask(() => controller.abort(new Error('too late')));
        return 'won';
      },
      { signal: controller.signal, key: 'key' },
    );
    expect(await call, name).toBe('won');
  }
});

it('39: the signal of an operation is never aborted once that has succeeded: its body may hang on it', async () => {
  const clock = new TestClock();
  const signals: AbortSignal[] = [];
  const policy = pipeline(
    timeout({ duration: '10s', clock }),
    retry({ backoff: constantBackoff(10), clock }),
    timeout({ duration: '1s', clock }),
  );
  const call = policy.execute(({ signal, attempt }) => {
    signals.push(signal);
    if (attempt === 1) throw down;
    return 'a stream';
  });
  await clock.advance(10);
  await call;
  await clock.advance(3_600_000);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false]);
});

it('41: what an operation brings after it was given up is dropped without a sound', async () => {
  using uncaught = catchUncaught();
  const clock = new TestClock();
  const controller = new AbortController();
  const gates = [defer(), defer(), defer()];
  const calls = [
    timeout({ duration: 10, clock }).execute(() => gates[0]?.promise),
    retry({ clock }).execute(() => gates[1]?.promise, { signal: controller.signal }),
    retry({ clock }).execute(() => gates[2]?.promise, { timeout: 10 }),
  ].map((call) => watch(call));
  await clock.advance(10);
  controller.abort('enough');
  await settle();
  expect(calls.map(({ state }) => state)).toEqual(['rejected', 'rejected', 'rejected']);
  for (const gate of gates) gate.reject(new Error('too late'));
  await settle();
  await settle();
  expect([uncaught.errors, uncaught.rejections]).toEqual([[], []]);
});

it('44: a fallback is told what went wrong, and a pipeline has events of its own', async () => {
  const told: unknown[] = [];
  const policy = pipeline(
    fallback((outcome, { key }) => {
      told.push(outcome, key);
      return 'an answer';
    }),
    retry({ maxAttempts: 2, backoff: () => 0 }),
    timeout('1s'),
  );
  const events: unknown[] = [];
  policy.on('success', ({ attempts, outcome }) => events.push(['success', attempts, outcome]));
  policy.on('failure', ({ attempts, outcome }) => events.push(['failure', attempts, outcome]));
  expect(await policy.execute(() => Promise.reject(down), { key: 'k' })).toBe('an answer');
  expect(told).toEqual([{ ok: false, error: down }, 'k']);
  expect(events).toEqual([['success', 2, { ok: true, value: 'an answer' }]]);
});

it('47: guards narrow, more than five policies infer, fetch keeps its overloads, undefined is allowed', () => {
  const narrow = (error: unknown) => {
    if (isResilienceError(error, 'ERR_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    if (isResilienceError(error, 'ERR_CIRCUIT_OPEN')) expectTypeOf(error).toEqualTypeOf<CircuitOpenError>();
    if (isResilienceError(error)) expectTypeOf(error.policy).toBeString();
  };
  narrow(down);
  const six = pipeline(
    fallback('a'),
    timeout(1),
    retry(),
    circuitBreaker(),
    bulkhead({ maxConcurrent: 1 }),
    timeout(1),
    fallback(1),
  );
  expectTypeOf(() => six.execute(async () => true)).returns.resolves.toEqualTypeOf<boolean | string | number>();
  const wrapped = six.wrap(function named(this: { n: number }, by: number) {
    return this.n + by;
  });
  expectTypeOf(wrapped).parameter(0).toBeNumber();
  expectTypeOf(resilientFetch()).toEqualTypeOf<typeof fetch>();
  expectTypeOf<{ ok: true; value: number }>().toExtend<Outcome<number>>();
  expect(() => retry({ maxAttempts: undefined, budget: undefined, classify: undefined })).not.toThrow();
});
