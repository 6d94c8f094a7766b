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

/** The optional options that do not accept undefined: exactOptionalPropertyTypes distinguishes these cases. */
type RefusesUndefined<Options> = {
  [K in keyof Options]-?: object extends Pick<Options, K>
    ? { [P in K]: undefined } extends Pick<Options, K>
      ? never
      : K
    : never;
}[keyof Options];

describe('Duration', () => {
  it('a Duration is a number of milliseconds or a number with a unit', () => {
    expectTypeOf<5000>().toExtend<Duration>();
    expectTypeOf<'250ms' | '5s' | '1.5s' | '2m' | '1h' | '30d'>().toExtend<Duration>();
  });

  it('other types are not a Duration', () => {
    expectTypeOf<'5'>().not.toExtend<Duration>();
    expectTypeOf<'5sec'>().not.toExtend<Duration>();
    expectTypeOf<'5S'>().not.toExtend<Duration>();
    expectTypeOf<'s'>().not.toExtend<Duration>();
    expectTypeOf<''>().not.toExtend<Duration>();
    expectTypeOf<string>().not.toExtend<Duration>();
    expectTypeOf<bigint>().not.toExtend<Duration>();
    expectTypeOf<null>().not.toExtend<Duration>();
  });

  it('the type accepts strings that JavaScript can parse as a number, which are rejected at run time', () => {
    expectTypeOf<'5 s' | ' 5s' | '1e3s' | '-5s' | '0x10s'>().toExtend<Duration>();
  });

  it('a Duration can be a template literal', () => {
    const seconds: number = 5;
    timeout(`${seconds}s`);
    // @ts-expect-error: an arbitrary string
    timeout(`${seconds} s`);
  });
});

describe('Optional options', () => {
  it('all optional options accept undefined', () => {
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

  it('the options object itself may be undefined if no option is required', () => {
    retry(undefined);
    circuitBreaker(undefined);
    fallback('none', undefined);
    keyed(() => retry(), undefined);
    exponentialBackoff(undefined);
    new RetryBudget(undefined);
    // @ts-expect-error: maxConcurrent is required
    bulkhead(undefined);
    // @ts-expect-error: a duration is required
    timeout(undefined);
  });
});

describe('Options', () => {
  it('the options of retry are typed', () => {
    retry({ maxAttempts: Infinity, maxElapsed: '1m', maxRetryAfter: '5m', budget: new RetryBudget(), name: 'mine' });
    retry({ clock: new TestClock(), random: seededRandom(1), classify: () => 'failure' });
    // @ts-expect-error: a number as a string
    retry({ maxAttempts: '3' });
    // @ts-expect-error: the name in another package
    retry({ retries: 3 });
    // @ts-expect-error: a backoff is a function
    retry({ backoff: '1s' });
    // @ts-expect-error: options instead of a budget
    retry({ budget: { ratio: 0.1 } });
    // @ts-expect-error: not a verdict
    retry({ classify: () => true });
    // @ts-expect-error: a promise is not a verdict
    retry({ classify: async () => 'failure' });
    // @ts-expect-error: null does not mean the default
    retry({ name: null });
  });

  it('the options of backoffs are typed', () => {
    expectTypeOf(constantBackoff('1s')).toEqualTypeOf<Backoff>();
    expectTypeOf(linearBackoff({ initial: 10, max: '1s' })).toEqualTypeOf<Backoff>();
    expectTypeOf(exponentialBackoff({ jitter: 'none', factor: 3 })).toEqualTypeOf<Backoff>();
    expectTypeOf(decorrelatedJitterBackoff({ initial: '10ms' })).toEqualTypeOf<Backoff>();
    const own: Backoff = (event) => {
      expectTypeOf(event).toEqualTypeOf<BackoffEvent>();
      return event.attempt < 5 ? (event.previousDelayMs ?? 100) : undefined;
    };
    retry({ backoff: own });
    // @ts-expect-error: a backoff returns milliseconds
    retry({ backoff: () => '1s' });
    // @ts-expect-error: max is required
    linearBackoff({ initial: 10 });
    // @ts-expect-error: no such jitter
    exponentialBackoff({ jitter: 'half' });
    // @ts-expect-error: this backoff has its own jitter
    decorrelatedJitterBackoff({ jitter: 'full' });
  });

  it('the options of timeout are typed', () => {
    timeout('5s');
    timeout(Infinity);
    timeout({ duration: 5000, clock: systemClock });
    // @ts-expect-error: a duration is required
    timeout({ name: 'mine' });
    // @ts-expect-error: not a duration
    timeout('soon');
    // @ts-expect-error: null does not mean the default
    timeout(null);
  });

  it('the options of a circuit breaker are typed', () => {
    circuitBreaker({ window: { calls: 100 }, openFor: '10s', halfOpen: { probes: 1 }, mode: 'observe' });
    circuitBreaker({ window: { duration: '1m' }, openFor: exponentialBackoff(), initialState: 'isolated' });
    expectTypeOf(circuitBreaker().toJSON()).toEqualTypeOf<CircuitSnapshot>();
    circuitBreaker({ initialState: circuitBreaker().toJSON() });
    // @ts-expect-error: not an object with calls or a duration
    circuitBreaker({ window: '30s' });
    // @ts-expect-error: no such state
    circuitBreaker({ initialState: 'closing' });
    // @ts-expect-error: no such mode
    circuitBreaker({ mode: 'off' });
    // @ts-expect-error: no such option inside
    circuitBreaker({ halfOpen: { calls: 3 } });
  });

  it('the options of a bulkhead are typed', () => {
    bulkhead({ maxConcurrent: 10, maxQueue: Infinity, queueTimeout: '1s' });
    // @ts-expect-error: maxConcurrent is required
    bulkhead({ maxQueue: 10 });
    // @ts-expect-error: the name in other packages
    bulkhead({ maxConcurrent: 10, queueSize: 10 });
    // @ts-expect-error: a number without options
    bulkhead(10);
  });

  it('the options of keyed are typed', () => {
    keyed(() => retry(), { maxKeys: 10, idleFor: Infinity });
    // @ts-expect-error: a policy instead of a factory
    keyed(retry());
    // @ts-expect-error: the factory returns no policy
    keyed((key) => key);
    // @ts-expect-error: the name in other packages
    keyed(() => retry(), { capacity: 10 });
  });

  it('the options of sleep are typed', () => {
    expectTypeOf(sleep(5, { signal: null, clock: undefined })).toEqualTypeOf<Promise<void>>();
    // @ts-expect-error: the parameter is in milliseconds
    sleep('5s');
  });
});
