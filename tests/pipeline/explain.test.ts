import {
  assertNoWarnings,
  bulkhead,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  explain,
  exponentialBackoff,
  fallback,
  hedge,
  keyed,
  linearBackoff,
  type Policy,
  pipeline,
  RetryBudget,
  rateLimit,
  retry,
  TokenBucket,
  timeout,
} from 'breakwater';
import { adaptiveLimit, priorityGate } from 'breakwater/overload';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const BUCKET = { capacity: 5, refill: 5, per: '1s' } as const;

const delayOf = (delay: number) => constantBackoff(delay);

/** Pipelines on their own clock, with a random source for the backoffs. */
const cases: Record<string, (clock: TestClock, random: () => number) => Policy<unknown>> = {
  'a timeout': (clock) => timeout({ duration: 50, clock }),
  'a retry with a timeout per attempt': (clock) =>
    pipeline(retry({ maxAttempts: 4, backoff: delayOf(100), clock }), timeout({ duration: 50, clock })),
  'a total timeout that is too short for all attempts': (clock) =>
    pipeline(
      timeout({ duration: 320, clock }),
      retry({ maxAttempts: 9, backoff: delayOf(100), clock }),
      timeout({ duration: 50, clock }),
    ),
  'exponential delays with jitter': (clock, random) =>
    pipeline(
      retry({ maxAttempts: 6, backoff: exponentialBackoff({ initial: 100, max: 700 }), random, clock }),
      timeout({ duration: 10, clock }),
    ),
  maxElapsed: (clock) =>
    pipeline(
      retry({ maxAttempts: 9, maxElapsed: 500, backoff: delayOf(100), clock }),
      timeout({ duration: 50, clock }),
    ),
  'a backoff that stops': (clock) =>
    pipeline(
      retry({ maxAttempts: 9, backoff: ({ attempt }) => (attempt < 3 ? 10 : undefined), clock }),
      timeout({ duration: 50, clock }),
    ),
  'a retry in a retry': (clock) =>
    pipeline(
      retry({ maxAttempts: 3, backoff: linearBackoff({ initial: 100, max: 1000 }), clock }),
      pipeline(retry({ maxAttempts: 2, backoff: delayOf(10), clock }), timeout({ duration: 5, clock })),
    ),
  'unlimited attempts within a total timeout': (clock) =>
    pipeline(
      timeout({ duration: 1000, clock }),
      retry({ maxAttempts: Infinity, backoff: delayOf(100), clock }),
      timeout({ duration: 50, clock }),
    ),
  'hedges after a delay and after failures': (clock) =>
    pipeline(hedge({ delay: 30, maxHedges: 3, clock }), timeout({ duration: 50, clock })),
  'a hedge with a delay that no attempt reaches': (clock) =>
    pipeline(hedge({ delay: 80, maxHedges: 2, clock }), timeout({ duration: 50, clock })),
  'a hedge in a retry within a total timeout': (clock) =>
    pipeline(
      timeout({ duration: 170, clock }),
      retry({ maxAttempts: 5, backoff: delayOf(20), clock }),
      hedge({ delay: 30, maxHedges: 1, clock }),
      timeout({ duration: 50, clock }),
    ),
  'a hedge outside a retry': (clock) =>
    pipeline(
      hedge({ delay: 1000, maxHedges: 1, clock }),
      retry({ maxAttempts: 2, backoff: delayOf(10), clock }),
      timeout({ duration: 20, clock }),
    ),
  'a hedge that only observes': (clock) =>
    pipeline(hedge({ delay: 10, mode: 'observe', clock }), timeout({ duration: 50, clock })),
  'all policies': (clock) =>
    pipeline(
      fallback(1, { classify: () => 'ignore' }),
      timeout({ duration: 5000, clock }),
      retry({ maxAttempts: 3, backoff: delayOf(100), clock }),
      circuitBreaker({ clock }),
      bulkhead({ maxConcurrent: 1, clock }),
      definePolicy({ name: 'mine', run: (next, context) => next(context) }),
      timeout({ duration: 500, clock }),
    ),
};

/** Runs the pipeline with an operation that fails in one way only. */
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
  it('explain returns the attempts of a run in which every call fails at once and the duration of a run in which every call hangs', async () => {
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
  it('explain returns Infinity if a pipeline has no limit', () => {
    expect(explain(pipeline())).toEqual({ maxAttempts: 1, maxDurationMs: Infinity, amplification: 1, warnings: [] });
    const endless = explain(pipeline(retry({ maxAttempts: Infinity }), timeout(1)));
    expect([endless.maxAttempts, endless.maxDurationMs]).toEqual([Infinity, Infinity]);
  });

  it('the amplification is the product of all retries, limited by their budgets', () => {
    const amplification = (...policies: Policy[]) => explain(pipeline(...policies)).amplification;
    const budget = new RetryBudget({ ratio: 0.2 });
    expect(amplification(retry({ maxAttempts: 3 }))).toBe(3);
    expect(amplification(retry({ maxAttempts: 3 }), retry({ maxAttempts: 4 }))).toBe(12);
    expect(amplification(retry({ maxAttempts: 3, budget }))).toBe(1.2);
    expect(amplification(retry({ maxAttempts: 1, budget }))).toBe(1);
  });

  it('hedges count in the amplification as far as their cap and their budget allow', () => {
    const amplification = (...policies: Policy[]) => explain(pipeline(...policies)).amplification;
    expect(amplification(hedge())).toBe(1.05);
    expect(amplification(hedge({ maxRatio: 1, maxHedges: 3 }))).toBe(2);
    expect(amplification(hedge({ maxRatio: 0.5, budget: new RetryBudget({ ratio: 0.2 }) }))).toBe(1.2);
    expect(amplification(hedge({ mode: 'observe' }))).toBe(1);
    expect(amplification(retry({ maxAttempts: 2 }), hedge({ maxRatio: 0.5 }))).toBe(3);
  });

  const codes = (...policies: Policy<unknown>[]) => explain(pipeline(...policies)).warnings.map(({ code }) => code);

  it('the recommended order has no warnings', () => {
    expect(
      codes(fallback(1), timeout('10s'), retry(), circuitBreaker(), bulkhead({ maxConcurrent: 5 }), timeout('2s')),
    ).toEqual([]);
    expect(codes(circuitBreaker())).toEqual([]);
  });

  it('explain warns about a hedge that is outside a retry, or inside a breaker, a bulkhead or another hedge', () => {
    const attempt = timeout('2s');
    expect(codes(retry(), hedge(), circuitBreaker(), bulkhead({ maxConcurrent: 5 }), attempt)).toEqual([]);
    expect(codes(hedge(), retry(), attempt)).toEqual(['hedge-outside-retry']);
    expect(codes(circuitBreaker(), hedge(), attempt)).toEqual(['hedge-inside-breaker']);
    expect(codes(bulkhead({ maxConcurrent: 5 }), pipeline(hedge(), attempt))).toEqual(['hedge-inside-bulkhead']);
    expect(codes(hedge(), hedge(), attempt)).toEqual(['hedge-inside-hedge']);
  });

  it('explain warns about an adaptive limit as about a bulkhead: outside a retry, and outside a hedge', () => {
    const attempt = timeout('2s');
    expect(codes(retry(), hedge(), adaptiveLimit(), attempt)).toEqual([]);
    expect(codes(adaptiveLimit(), retry(), attempt)).toEqual(['bulkhead-outside-retry']);
    expect(codes(adaptiveLimit({ name: 'users' }), hedge(), attempt)).toEqual(['hedge-inside-bulkhead']);
    expect(explain(pipeline(adaptiveLimit({ name: 'users' }), hedge(), attempt)).warnings[0]?.message).toContain(
      'is inside "users"',
    );
  });

  it('explain warns about a timeout that is only outside an adaptive limit with a queue', () => {
    const [total, attempt] = [timeout('10s'), timeout('2s')];
    const queued = adaptiveLimit({ maxQueue: 1 });
    expect(codes(total, queued)).toEqual(['limit-without-inner-timeout']);
    expect(codes(total, queued, attempt)).toEqual([]);
    expect(codes(queued, attempt)).toEqual([]);
    expect(codes(total, adaptiveLimit())).toEqual([]); // no call waits, and each timeout counts
    expect(codes(total, bulkhead({ maxConcurrent: 5, maxQueue: 1 }))).toEqual([]); // measures nothing
  });

  it('explain warns about a priority gate that has no limit inside it, and refers to a simulation', () => {
    const attempt = timeout('2s');
    const limits = [adaptiveLimit(), bulkhead({ maxConcurrent: 5 }), rateLimit(new TokenBucket(BUCKET))];
    for (const limit of limits) expect(codes(priorityGate(), limit, attempt)).toEqual([]);
    expect(codes(priorityGate(), hedge(), circuitBreaker(), attempt)).toEqual(['gate-without-limit']);
    expect(codes(adaptiveLimit(), priorityGate(), attempt)).toEqual(['gate-without-limit']);
    expect(codes(attempt, priorityGate())).toEqual(['gate-without-limit']);
    const { warnings } = explain(pipeline(priorityGate(), attempt));
    expect(warnings[0]?.message).toContain('docs/simulations.md#priorities-under-twice-the-load');
  });

  it('explain does not warn about a priority gate alone, or outside policies that it cannot look into', () => {
    expect(codes(priorityGate())).toEqual([]);
    const own = definePolicy({ name: 'own limit', run: (next, context) => next(context) });
    expect(codes(priorityGate(), own, timeout('2s'))).toEqual([]);
    const family = keyed(() => bulkhead({ maxConcurrent: 5 }));
    expect(codes(priorityGate(), family, timeout('2s'))).toEqual([]);
  });

  it('explain warns about a hedge without an effective cap, and refers to its simulation', () => {
    const { warnings } = explain(pipeline(hedge({ maxRatio: 1 }), timeout('2s')));
    expect(warnings).toEqual([
      {
        code: 'hedge-without-cap',
        message: expect.stringContaining('docs/simulations.md#hedging-with-and-without-a-budget'),
      },
    ]);
    expect(codes(hedge({ maxRatio: 1, budget: new RetryBudget() }), timeout('2s'))).toEqual([]);
  });

  it('explain warns about a hedge whose delay no attempt reaches', () => {
    expect(codes(hedge({ delay: '2s' }), timeout('2s'))).toEqual(['hedge-after-timeout']);
    expect(codes(hedge({ delay: '1999ms' }), timeout('2s'))).toEqual([]);
    expect(codes(timeout('1s'), hedge({ delay: '2s' }))).toEqual([]);
  });

  it('explain warns about a breaker with only an outer timeout', () => {
    expect(codes(timeout('10s'), circuitBreaker())).toEqual(['breaker-without-inner-timeout']);
  });

  it('explain warns about a bulkhead outside a retry, also across inner pipelines', () => {
    const order = codes(pipeline(bulkhead({ maxConcurrent: 5 })), pipeline(retry()), timeout('1s'));
    expect(order).toEqual(['bulkhead-outside-retry']);
  });

  it('explain warns about a policy that occurs twice', () => {
    const breaker = circuitBreaker({ name: 'users' });
    const { warnings } = explain(pipeline(breaker, breaker, pipeline(breaker), timeout('1s')));
    expect(warnings).toEqual([{ code: 'same-policy-twice', message: expect.stringContaining('"users"') }]);
  });

  it('explain warns about more retries than the budget grants a single call', () => {
    const budget = new RetryBudget({ minPerSecond: 0.2, window: '10s' });
    expect(codes(retry({ maxAttempts: 3, budget }))).toEqual([]);
    expect(codes(retry({ maxAttempts: 4, budget }))).toEqual(['retries-beyond-budget']);
  });

  it('explain warns about an attempt timeout that is longer than the total timeout', () => {
    expect(codes(timeout('1s'), retry(), timeout('2s'))).toEqual(['attempt-timeout-too-long']);
    expect(codes(timeout('2s'), retry(), timeout('2s'))).toEqual([]);
  });

  it('explain warns about a breaker outside a retry', () => {
    expect(codes(circuitBreaker(), retry(), timeout('1s'))).toEqual(['breaker-outside-retry']);
    expect(codes(retry(), circuitBreaker(), timeout('1s'))).toEqual([]);
  });

  it('explain warns about a fallback inside a retry', () => {
    expect(codes(retry(), fallback(1), timeout('1s'))).toEqual(['fallback-inside-retry']);
    expect(codes(fallback(1), retry(), timeout('1s'))).toEqual([]);
  });

  it('explain warns about a retry inside a retry, also across inner pipelines', () => {
    expect(codes(retry(), pipeline(retry(), timeout('1s')))).toEqual(['retry-inside-retry']);
    expect(codes(retry(), retry(), retry(), timeout('1s'))).toEqual(['retry-inside-retry', 'retry-inside-retry']);
  });

  it('explain warns about several policies without any timeout, but not about a single policy', () => {
    expect(codes(retry(), circuitBreaker())).toEqual(['no-timeout']);
    expect(codes(retry(), timeout({ duration: Infinity }))).toEqual(['no-timeout']);
    expect(codes(timeout('1s'), retry())).toEqual([]);
    expect(codes(retry())).toEqual([]);
  });

  it.each([null, undefined, 1, {}, retry])('explain rejects %s, which is not a policy', (policy) => {
    expect(() => explain(policy as never)).toThrow('explain: "policy" must be a policy');
  });
});

describe('assertNoWarnings', () => {
  it('a policy without warnings passes, and any other one throws with all its warnings', () => {
    expect(() => assertNoWarnings(pipeline(retry(), circuitBreaker(), timeout('1s')))).not.toThrow();
    const wrong = pipeline(circuitBreaker({ name: 'users' }), retry());
    expect(() => assertNoWarnings(wrong)).toThrow(
      /^The policy has likely mistakes:\n- breaker-outside-retry: "users" .*\n- no-timeout: /,
    );
  });

  it('allowed warnings do not throw, and the others still do', () => {
    const wrong = pipeline(circuitBreaker(), retry());
    expect(() => assertNoWarnings(wrong, { allow: ['no-timeout', 'breaker-outside-retry'] })).not.toThrow();
    expect(() => assertNoWarnings(wrong, { allow: ['no-timeout'] })).toThrow('breaker-outside-retry');
  });

  it.each([
    [{ allow: ['no-timeouts'] }, 'assertNoWarnings: "allow" must be one of'],
    [{ allow: 'no-timeout' }, 'assertNoWarnings: "allow" must be an array'],
    [{ allowed: [] }, '"allowed" is unknown (did you mean "allow"?)'],
  ])('the options %o are rejected', (options, message) => {
    expect(() => assertNoWarnings(retry(), options as never)).toThrow(message);
  });

  it('anything but a policy is rejected', () => {
    expect(() => assertNoWarnings({} as never)).toThrow('explain: "policy" must be a policy');
  });
});
