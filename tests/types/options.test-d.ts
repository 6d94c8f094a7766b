import {
  type AcquireOptions,
  type Backoff,
  type BackoffEvent,
  type BulkheadOptions,
  bulkhead,
  type CallOptions,
  type CircuitBreakerOptions,
  type CircuitSnapshot,
  type ContextChange,
  circuitBreaker,
  constantBackoff,
  type DecorrelatedJitterBackoffOptions,
  type Duration,
  decorrelatedJitterBackoff,
  type ExponentialBackoffOptions,
  exponentialBackoff,
  type FallbackOptions,
  type FetchBulkheadOptions,
  fallback,
  type HalfOpenOptions,
  type KeyedOptions,
  keyed,
  type LinearBackoffOptions,
  linearBackoff,
  type PolicyDefinition,
  type ResilientFetchListeners,
  type ResilientFetchOptions,
  RetryBudget,
  type RetryBudgetOptions,
  type RetryOptions,
  type Route,
  retry,
  type SleepOptions,
  seededRandom,
  sleep,
  systemClock,
  type TimeoutOptions,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expectTypeOf, it } from 'vitest';

/** The options that may be left out, but not be undefined: under exactOptionalPropertyTypes these are two things. */
type RefusesUndefined<Options> = {
  [K in keyof Options]-?: object extends Pick<Options, K>
    ? { [P in K]: undefined } extends Pick<Options, K>
      ? never
      : K
    : never;
}[keyof Options];

describe('a Duration', () => {
  it('is a number of milliseconds, or a number with its unit', () => {
    expectTypeOf<5000>().toExtend<Duration>();
    expectTypeOf<'250ms' | '5s' | '1.5s' | '2m' | '1h' | '30d'>().toExtend<Duration>();
  });

  it('is nothing else', () => {
    expectTypeOf<'5'>().not.toExtend<Duration>();
    expectTypeOf<'5sec'>().not.toExtend<Duration>();
    expectTypeOf<'5S'>().not.toExtend<Duration>();
    expectTypeOf<'s'>().not.toExtend<Duration>();
    expectTypeOf<''>().not.toExtend<Duration>();
    expectTypeOf<string>().not.toExtend<Duration>();
    expectTypeOf<bigint>().not.toExtend<Duration>();
    expectTypeOf<null>().not.toExtend<Duration>();
  });

  it('lets through what only the run time can refuse: all that JavaScript reads as a number', () => {
    expectTypeOf<'5 s' | ' 5s' | '1e3s' | '-5s' | '0x10s'>().toExtend<Duration>();
  });

  it('can be put together', () => {
    const seconds: number = 5;
    timeout(`${seconds}s`);
    // @ts-expect-error: any text
    timeout(`${seconds} s`);
  });
});

describe('an option that may be left out may be undefined, too', () => {
  it('in all options', () => {
    expectTypeOf<RefusesUndefined<{ a?: string; b?: string | undefined; c: string }>>().toEqualTypeOf<'a'>();

    expectTypeOf<RefusesUndefined<AcquireOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<BulkheadOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<CallOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<CircuitBreakerOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ContextChange>>().toBeNever();
    expectTypeOf<RefusesUndefined<DecorrelatedJitterBackoffOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<ExponentialBackoffOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<FallbackOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<FetchBulkheadOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<HalfOpenOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<KeyedOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<LinearBackoffOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<PolicyDefinition>>().toBeNever();
    expectTypeOf<RefusesUndefined<ResilientFetchListeners>>().toBeNever();
    expectTypeOf<RefusesUndefined<ResilientFetchOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<RetryBudgetOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<RetryOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<Route>>().toBeNever();
    expectTypeOf<RefusesUndefined<SleepOptions>>().toBeNever();
    expectTypeOf<RefusesUndefined<TimeoutOptions>>().toBeNever();
  });

  it('and so may the options as a whole, where none is required', () => {
    retry(undefined);
    circuitBreaker(undefined);
    fallback('none', undefined);
    keyed(() => retry(), undefined);
    exponentialBackoff(undefined);
    new RetryBudget(undefined);
    // @ts-expect-error: how many?
    bulkhead(undefined);
    // @ts-expect-error: how long?
    timeout(undefined);
  });
});

describe('the options', () => {
  it('of retry', () => {
    retry({ maxAttempts: Infinity, maxElapsed: '1m', maxRetryAfter: '5m', budget: new RetryBudget(), name: 'mine' });
    retry({ clock: new TestClock(), random: seededRandom(1), classify: () => 'failure' });
    // @ts-expect-error: a number in words
    retry({ maxAttempts: '3' });
    // @ts-expect-error: another package's name for it
    retry({ retries: 3 });
    // @ts-expect-error: a backoff is a function
    retry({ backoff: '1s' });
    // @ts-expect-error: the options of one
    retry({ budget: { ratio: 0.1 } });
    // @ts-expect-error: no verdict
    retry({ classify: () => true });
    // @ts-expect-error: verdicts cannot wait
    retry({ classify: async () => 'failure' });
    // @ts-expect-error: not a default
    retry({ name: null });
  });

  it('of backoffs', () => {
    expectTypeOf(constantBackoff('1s')).toEqualTypeOf<Backoff>();
    expectTypeOf(linearBackoff({ initial: 10, max: '1s' })).toEqualTypeOf<Backoff>();
    expectTypeOf(exponentialBackoff({ jitter: 'none', factor: 3 })).toEqualTypeOf<Backoff>();
    expectTypeOf(decorrelatedJitterBackoff({ initial: '10ms' })).toEqualTypeOf<Backoff>();
    const own: Backoff = (event) => {
      expectTypeOf(event).toEqualTypeOf<BackoffEvent>();
      return event.attempt < 5 ? (event.previousDelayMs ?? 100) : undefined;
    };
    retry({ backoff: own });
    // @ts-expect-error: a backoff answers in milliseconds
    retry({ backoff: () => '1s' });
    // @ts-expect-error: up to what?
    linearBackoff({ initial: 10 });
    // @ts-expect-error: no such jitter
    exponentialBackoff({ jitter: 'half' });
    // @ts-expect-error: has its own
    decorrelatedJitterBackoff({ jitter: 'full' });
  });

  it('of timeout', () => {
    timeout('5s');
    timeout(Infinity);
    timeout({ duration: 5000, clock: systemClock });
    // @ts-expect-error: how long?
    timeout({ name: 'mine' });
    // @ts-expect-error: not a duration
    timeout('soon');
    // @ts-expect-error: not a default either
    timeout(null);
  });

  it('of a circuit breaker', () => {
    circuitBreaker({ window: { calls: 100 }, openFor: '10s', halfOpen: { probes: 1 }, mode: 'observe' });
    circuitBreaker({ window: { duration: '1m' }, openFor: exponentialBackoff(), initialState: 'isolated' });
    expectTypeOf(circuitBreaker().toJSON()).toEqualTypeOf<CircuitSnapshot>();
    circuitBreaker({ initialState: circuitBreaker().toJSON() });
    // @ts-expect-error: neither calls nor a duration
    circuitBreaker({ window: '30s' });
    // @ts-expect-error: no such state
    circuitBreaker({ initialState: 'closing' });
    // @ts-expect-error: no such mode
    circuitBreaker({ mode: 'off' });
    // @ts-expect-error: no such option inside
    circuitBreaker({ halfOpen: { calls: 3 } });
  });

  it('of a bulkhead', () => {
    bulkhead({ maxConcurrent: 10, maxQueue: Infinity, queueTimeout: '1s' });
    // @ts-expect-error: how many?
    bulkhead({ maxQueue: 10 });
    // @ts-expect-error: as it is called elsewhere
    bulkhead({ maxConcurrent: 10, queueSize: 10 });
    // @ts-expect-error: a bare number
    bulkhead(10);
  });

  it('of keyed', () => {
    keyed(() => retry(), { maxKeys: 10, idleFor: Infinity });
    // @ts-expect-error: a policy, not what makes one
    keyed(retry());
    // @ts-expect-error: makes no policy
    keyed((key) => key);
    // @ts-expect-error: as it is called elsewhere
    keyed(() => retry(), { capacity: 10 });
  });

  it('of sleep', () => {
    expectTypeOf(sleep(5, { signal: null, clock: undefined })).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error: milliseconds, as its name says
    sleep('5s');
  });
});
