import {
  bulkhead,
  type CircuitOpenError,
  circuitBreaker,
  fallback,
  isResilienceError,
  type Outcome,
  pipeline,
  resilientFetch,
  retry,
  type TimeoutError,
  timeout,
} from 'breakwater';
import { expect, expectTypeOf, it } from 'vitest';

const down = new Error('down');

it('error guards narrow, pipelines of more than five policies infer, and undefined options are allowed', () => {
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
  expectTypeOf(resilientFetch()).toExtend<typeof fetch>();
  expectTypeOf<{ ok: true; value: number }>().toExtend<Outcome<number>>();
  expect(() => retry({ maxAttempts: undefined, budget: undefined, classify: undefined })).not.toThrow();
});
