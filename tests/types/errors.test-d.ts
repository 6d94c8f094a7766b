import {
  type BulkheadFullError,
  type ChaosError,
  type CircuitOpenError,
  type ClosedError,
  type DeadlineExceededError,
  type Decision,
  InvalidOptionError,
  isResilienceError,
  type LostWritesError,
  type NoHealthyNodeError,
  type QueueTimeoutError,
  type RateLimitedError,
  ResilienceError,
  type ResilienceErrorCode,
  type ResilienceErrors,
  type ShedError,
  TimeoutError,
} from 'breakwater';
import { describe, expectTypeOf, it } from 'vitest';

declare const error: unknown;

type AnyError = ResilienceErrors[ResilienceErrorCode];

describe('isResilienceError', () => {
  it('a code narrows an error to its class', () => {
    if (isResilienceError(error, 'ERR_CIRCUIT_OPEN')) expectTypeOf(error).toEqualTypeOf<CircuitOpenError>();
    if (isResilienceError(error, 'ERR_BULKHEAD_FULL')) expectTypeOf(error).toEqualTypeOf<BulkheadFullError>();
    if (isResilienceError(error, 'ERR_QUEUE_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<QueueTimeoutError>();
    if (isResilienceError(error, 'ERR_RATE_LIMITED')) expectTypeOf(error).toEqualTypeOf<RateLimitedError>();
    if (isResilienceError(error, 'ERR_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    if (isResilienceError(error, 'ERR_CLOSED')) expectTypeOf(error).toEqualTypeOf<ClosedError>();
    if (isResilienceError(error, 'ERR_NO_HEALTHY_NODE')) expectTypeOf(error).toEqualTypeOf<NoHealthyNodeError>();
    if (isResilienceError(error, 'ERR_LOST_WRITES')) expectTypeOf(error).toEqualTypeOf<LostWritesError>();
    if (isResilienceError(error, 'ERR_SHED')) expectTypeOf(error).toEqualTypeOf<ShedError>();
    if (isResilienceError(error, 'ERR_DEADLINE')) expectTypeOf(error).toEqualTypeOf<DeadlineExceededError>();
    if (isResilienceError(error, 'ERR_CHAOS')) expectTypeOf(error).toEqualTypeOf<ChaosError>();
    if (isResilienceError(error, 'ERR_INVALID_OPTION')) expectTypeOf(error).toEqualTypeOf<InvalidOptionError>();
  });

  it('a check without a code narrows to the union of all errors, which a switch on the code distinguishes', () => {
    if (!isResilienceError(error)) return;
    expectTypeOf(error).toEqualTypeOf<AnyError>();
    switch (error.code) {
      case 'ERR_CIRCUIT_OPEN':
      case 'ERR_RATE_LIMITED':
      case 'ERR_SHED':
        expectTypeOf(error).toEqualTypeOf<CircuitOpenError | RateLimitedError | ShedError>();
        expectTypeOf(error.retryAfterMs).toEqualTypeOf<number>();
        break;
      case 'ERR_TIMEOUT':
      case 'ERR_QUEUE_TIMEOUT':
        expectTypeOf(error.timeoutMs).toEqualTypeOf<number>();
        break;
      case 'ERR_BULKHEAD_FULL':
      case 'ERR_CLOSED':
      case 'ERR_NO_HEALTHY_NODE':
      case 'ERR_LOST_WRITES':
      case 'ERR_CHAOS':
        expectTypeOf(error.policy).toEqualTypeOf<string>();
        break;
      case 'ERR_DEADLINE':
        expectTypeOf(error.remainingMs).toEqualTypeOf<number>();
        break;
      case 'ERR_INVALID_OPTION':
        expectTypeOf(error.option).toEqualTypeOf<string>();
        break;
      default:
        expectTypeOf(error).toEqualTypeOf<never>();
    }
  });

  it('an unknown code is rejected', () => {
    // @ts-expect-error: a code of Node
    isResilienceError(error, 'ERR_ABORTED');
  });
});

describe('Errors', () => {
  it('each error has the code under which it is listed', () => {
    expectTypeOf<{ [C in ResilienceErrorCode]: ResilienceErrors[C]['code'] }>().toEqualTypeOf<{
      [C in ResilienceErrorCode]: C;
    }>();
    expectTypeOf<ResilienceErrorCode>().toEqualTypeOf<
      | 'ERR_CIRCUIT_OPEN'
      | 'ERR_BULKHEAD_FULL'
      | 'ERR_QUEUE_TIMEOUT'
      | 'ERR_RATE_LIMITED'
      | 'ERR_TIMEOUT'
      | 'ERR_CLOSED'
      | 'ERR_NO_HEALTHY_NODE'
      | 'ERR_LOST_WRITES'
      | 'ERR_SHED'
      | 'ERR_DEADLINE'
      | 'ERR_CHAOS'
      | 'ERR_INVALID_OPTION'
    >();
  });

  it('all errors have a policy', () => {
    expectTypeOf<AnyError>().toExtend<Error>();
    expectTypeOf<AnyError['policy']>().toEqualTypeOf<string>();
    expectTypeOf<InvalidOptionError>().toExtend<TypeError>();
    expectTypeOf<Exclude<AnyError, InvalidOptionError>>().toExtend<ResilienceError>();
    expectTypeOf<RateLimitedError['decision']>().toEqualTypeOf<Decision>();
  });

  it('errors are constructed from their data', () => {
    new TimeoutError({ policy: 'own', timeoutMs: 5, cause: error });
    new InvalidOptionError('own', 'size', 'must be ≥ 1', 0);
    // @ts-expect-error: timeoutMs is required
    new TimeoutError({ policy: 'own' });
    // @ts-expect-error: the class is abstract
    new ResilienceError('failed', { policy: 'own' });
  });
});
