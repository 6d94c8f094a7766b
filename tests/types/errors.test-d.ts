import {
  type BulkheadFullError,
  type CircuitOpenError,
  type ClosedError,
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
  TimeoutError,
} from 'breakwater';
import { describe, expectTypeOf, it } from 'vitest';

declare const error: unknown;

type AnyOfOurs = ResilienceErrors[ResilienceErrorCode];

describe('isResilienceError', () => {
  it('narrows each code to its class', () => {
    if (isResilienceError(error, 'ERR_CIRCUIT_OPEN')) expectTypeOf(error).toEqualTypeOf<CircuitOpenError>();
    if (isResilienceError(error, 'ERR_BULKHEAD_FULL')) expectTypeOf(error).toEqualTypeOf<BulkheadFullError>();
    if (isResilienceError(error, 'ERR_QUEUE_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<QueueTimeoutError>();
    if (isResilienceError(error, 'ERR_RATE_LIMITED')) expectTypeOf(error).toEqualTypeOf<RateLimitedError>();
    if (isResilienceError(error, 'ERR_TIMEOUT')) expectTypeOf(error).toEqualTypeOf<TimeoutError>();
    if (isResilienceError(error, 'ERR_CLOSED')) expectTypeOf(error).toEqualTypeOf<ClosedError>();
    if (isResilienceError(error, 'ERR_NO_HEALTHY_NODE')) expectTypeOf(error).toEqualTypeOf<NoHealthyNodeError>();
    if (isResilienceError(error, 'ERR_LOST_WRITES')) expectTypeOf(error).toEqualTypeOf<LostWritesError>();
    if (isResilienceError(error, 'ERR_INVALID_OPTION')) expectTypeOf(error).toEqualTypeOf<InvalidOptionError>();
  });

  it('narrows to all of ours without a code, which a switch tells apart', () => {
    if (!isResilienceError(error)) return;
    expectTypeOf(error).toEqualTypeOf<AnyOfOurs>();
    switch (error.code) {
      case 'ERR_CIRCUIT_OPEN':
      case 'ERR_RATE_LIMITED':
        expectTypeOf(error).toEqualTypeOf<CircuitOpenError | RateLimitedError>();
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
        expectTypeOf(error.policy).toEqualTypeOf<string>();
        break;
      case 'ERR_INVALID_OPTION':
        expectTypeOf(error.option).toEqualTypeOf<string>();
        break;
      default:
        expectTypeOf(error).toEqualTypeOf<never>();
    }
  });

  it('takes no code that is not one', () => {
    // @ts-expect-error: Node's, not ours
    isResilienceError(error, 'ERR_ABORTED');
  });
});

describe('errors', () => {
  it('each carry the code they are listed under', () => {
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
      | 'ERR_INVALID_OPTION'
    >();
  });

  it('all tell whose they are', () => {
    expectTypeOf<AnyOfOurs>().toExtend<Error>();
    expectTypeOf<AnyOfOurs['policy']>().toEqualTypeOf<string>();
    expectTypeOf<InvalidOptionError>().toExtend<TypeError>();
    expectTypeOf<Exclude<AnyOfOurs, InvalidOptionError>>().toExtend<ResilienceError>();
    expectTypeOf<RateLimitedError['decision']>().toEqualTypeOf<Decision>();
  });

  it('are made from what they tell', () => {
    new TimeoutError({ policy: 'own', timeoutMs: 5, cause: error });
    new InvalidOptionError('own', 'size', 'must be ≥ 1', 0);
    // @ts-expect-error: after how long?
    new TimeoutError({ policy: 'own' });
    // @ts-expect-error: abstract
    new ResilienceError('failed', { policy: 'own' });
  });
});
