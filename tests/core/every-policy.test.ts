import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  bulkhead,
  circuitBreaker,
  exponentialBackoff,
  fallback,
  keyed,
  linearBackoff,
  type Policy,
  pipeline,
  RetryBudget,
  resilientFetch,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

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

describe('An operation may return a value, a promise or a thenable', () => {
  it.each(Object.entries(policies))('%s settles like its operation', async (_name, make) => {
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

it('options are read once and not modified, and two policies from one object share no state', async () => {
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

it('no policy has a timer while no call waits, and dispose clears the timers of waiting calls', async () => {
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

it('10,000 calls leave no listener on a shared signal, and src uses neither AbortSignal.any nor AbortSignal.timeout', async () => {
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

it('a fulfilled operation wins, even if the signal aborts in the same moment', async () => {
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
