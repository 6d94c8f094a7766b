import {
  bulkhead,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  explain,
  exponentialBackoff,
  fallback,
  linearBackoff,
  type Policy,
  pipeline,
  RetryBudget,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const pause = (delay: number) => constantBackoff(delay);

/** Pipelines on a clock of their own, with a random source for the backoffs. */
const cases: Record<string, (clock: TestClock, random: () => number) => Policy<unknown>> = {
  'a timeout': (clock) => timeout({ duration: 50, clock }),
  'a retry with a timeout for each try': (clock) =>
    pipeline(retry({ maxAttempts: 4, backoff: pause(100), clock }), timeout({ duration: 50, clock })),
  'a total timeout that leaves no room for all tries': (clock) =>
    pipeline(
      timeout({ duration: 320, clock }),
      retry({ maxAttempts: 9, backoff: pause(100), clock }),
      timeout({ duration: 50, clock }),
    ),
  'growing, jittered pauses': (clock, random) =>
    pipeline(
      retry({ maxAttempts: 6, backoff: exponentialBackoff({ initial: 100, max: 700 }), random, clock }),
      timeout({ duration: 10, clock }),
    ),
  maxElapsed: (clock) =>
    pipeline(retry({ maxAttempts: 9, maxElapsed: 500, backoff: pause(100), clock }), timeout({ duration: 50, clock })),
  'a backoff that stops': (clock) =>
    pipeline(
      retry({ maxAttempts: 9, backoff: ({ attempt }) => (attempt < 3 ? 10 : undefined), clock }),
      timeout({ duration: 50, clock }),
    ),
  'a retry in a retry': (clock) =>
    pipeline(
      retry({ maxAttempts: 3, backoff: linearBackoff({ initial: 100, max: 1000 }), clock }),
      pipeline(retry({ maxAttempts: 2, backoff: pause(10), clock }), timeout({ duration: 5, clock })),
    ),
  'endless tries within a total timeout': (clock) =>
    pipeline(
      timeout({ duration: 1000, clock }),
      retry({ maxAttempts: Infinity, backoff: pause(100), clock }),
      timeout({ duration: 50, clock }),
    ),
  everything: (clock) =>
    pipeline(
      fallback(1, { classify: () => 'ignore' }),
      timeout({ duration: 5000, clock }),
      retry({ maxAttempts: 3, backoff: pause(100), clock }),
      circuitBreaker({ clock }),
      bulkhead({ maxConcurrent: 1, clock }),
      definePolicy({ name: 'mine', run: (next, context) => next(context) }),
      timeout({ duration: 500, clock }),
    ),
};

/** Runs the pipeline for real, with an operation that fails in one way only. */
async function run(make: (typeof cases)[string], random: () => number, operation: () => unknown) {
  const clock = new TestClock();
  let attempts = 0;
  let endedAt = 0;
  const result = watch(
    make(clock, random).execute(() => {
      attempts++;
      return operation();
    }),
  );
  void result.done.then(() => {
    endedAt = clock.now();
  });
  await clock.advance(60_000);
  return { attempts, endedAt };
}

describe.each(Object.entries(cases))('explain: %s', (_name, make) => {
  it('says what a run comes to in which every call fails at once, and one in which every call hangs', async () => {
    const { maxAttempts, maxDurationMs } = explain(make(new TestClock(), Math.random));
    const failing = await run(
      make,
      () => 0,
      () => Promise.reject(new Error('down')),
    );
    const hanging = await run(
      make,
      () => 1,
      () => new Promise(() => {}),
    );
    expect({ maxAttempts, maxDurationMs }).toEqual({ maxAttempts: failing.attempts, maxDurationMs: hanging.endedAt });
  });
});

describe('explain', () => {
  it('knows when nothing bounds a call', () => {
    expect(explain(pipeline())).toEqual({ maxAttempts: 1, maxDurationMs: Infinity, amplification: 1, warnings: [] });
    const endless = explain(pipeline(retry({ maxAttempts: Infinity }), timeout(1)));
    expect([endless.maxAttempts, endless.maxDurationMs]).toEqual([Infinity, Infinity]);
  });

  it('multiplies the load by all retries, as far as their budgets let them', () => {
    const amplification = (...policies: Policy[]) => explain(pipeline(...policies)).amplification;
    const budget = new RetryBudget({ ratio: 0.2 });
    expect(amplification(retry({ maxAttempts: 3 }))).toBe(3);
    expect(amplification(retry({ maxAttempts: 3 }), retry({ maxAttempts: 4 }))).toBe(12);
    expect(amplification(retry({ maxAttempts: 3, budget }))).toBe(1.2);
    expect(amplification(retry({ maxAttempts: 1, budget }))).toBe(1);
  });

  const codes = (...policies: Policy<unknown>[]) => explain(pipeline(...policies)).warnings.map(({ code }) => code);

  it('finds nothing wrong with the recommended order', () => {
    expect(
      codes(fallback(1), timeout('10s'), retry(), circuitBreaker(), bulkhead({ maxConcurrent: 5 }), timeout('2s')),
    ).toEqual([]);
    expect(codes(circuitBreaker())).toEqual([]);
  });

  it('warns of a breaker whose only timeout is outside', () => {
    expect(codes(timeout('10s'), circuitBreaker())).toEqual(['breaker-without-inner-timeout']);
  });

  it('warns of a bulkhead outside a retry, also across inner pipelines', () => {
    expect(codes(pipeline(bulkhead({ maxConcurrent: 5 })), pipeline(retry()))).toEqual(['bulkhead-outside-retry']);
  });

  it('warns of the same policy standing there twice', () => {
    const breaker = circuitBreaker({ name: 'users' });
    const { warnings } = explain(pipeline(breaker, breaker, pipeline(breaker)));
    expect(warnings).toEqual([{ code: 'same-policy-twice', message: expect.stringContaining('"users"') }]);
  });

  it('warns of more retries than the budget grants a lone call', () => {
    const budget = new RetryBudget({ minPerSecond: 0.2, window: '10s' });
    expect(codes(retry({ maxAttempts: 3, budget }))).toEqual([]);
    expect(codes(retry({ maxAttempts: 4, budget }))).toEqual(['retries-beyond-budget']);
  });

  it('warns of a timeout for a try that is longer than the total one', () => {
    expect(codes(timeout('1s'), retry(), timeout('2s'))).toEqual(['attempt-timeout-too-long']);
    expect(codes(timeout('2s'), retry(), timeout('2s'))).toEqual([]);
  });

  it.each([null, undefined, 1, {}, retry])('%s is no policy', (policy) => {
    expect(() => explain(policy as never)).toThrow('explain: "policy" must be a policy');
  });
});
