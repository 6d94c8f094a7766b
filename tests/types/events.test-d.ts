import {
  type Bulkhead,
  type BulkheadEvents,
  bulkhead,
  type CircuitBreaker,
  type CircuitBreakerEvents,
  type CircuitState,
  circuitBreaker,
  type Decision,
  type GiveUpReason,
  type Observable,
  type Outcome,
  type Pipeline,
  type PipelineEvent,
  type PipelineEvents,
  pipeline,
  type ResilientFetchListeners,
  type Retry,
  type RetryEvents,
  retry,
  type Timeout,
  type TimeoutEvents,
  type TransitionReason,
  timeout,
} from 'breakwater';
import { describe, expectTypeOf, it } from 'vitest';

describe('Events', () => {
  it('a retry emits RetryEvents', () => {
    expectTypeOf<Retry>().toExtend<Observable<RetryEvents>>();
    expectTypeOf<RetryEvents>().toEqualTypeOf<{
      retry: { readonly attempt: number; readonly delayMs: number; readonly outcome: Outcome };
      giveUp: { readonly reason: GiveUpReason; readonly attempts: number };
    }>();
  });

  it('a timeout emits TimeoutEvents', () => {
    expectTypeOf<Timeout>().toExtend<Observable<TimeoutEvents>>();
    expectTypeOf<TimeoutEvents>().toEqualTypeOf<{ timeout: { readonly timeoutMs: number } }>();
  });

  it('a circuit breaker emits CircuitBreakerEvents', () => {
    expectTypeOf<CircuitBreaker>().toExtend<Observable<CircuitBreakerEvents>>();
    expectTypeOf<CircuitBreakerEvents>().toEqualTypeOf<{
      open: { readonly reason: TransitionReason; readonly openForMs: number };
      halfOpen: { readonly reason: TransitionReason };
      close: { readonly reason: TransitionReason };
      stateChange: { readonly from: CircuitState; readonly to: CircuitState; readonly reason: TransitionReason };
      reject: { readonly state: CircuitState; readonly retryAfterMs: number };
    }>();
  });

  it('a bulkhead emits BulkheadEvents', () => {
    expectTypeOf<Bulkhead>().toExtend<Observable<BulkheadEvents>>();
    expectTypeOf<BulkheadEvents>().toEqualTypeOf<{
      queued: { readonly queued: number };
      reject: { readonly reason: 'full' | 'queue-timeout' | 'closed' };
      idle: Record<never, never>;
    }>();
  });

  it('a pipeline emits PipelineEvents', () => {
    expectTypeOf<Pipeline>().toExtend<Observable<PipelineEvents>>();
    expectTypeOf<PipelineEvents>().toEqualTypeOf<{ success: PipelineEvent; failure: PipelineEvent }>();
    expectTypeOf<PipelineEvent>().toEqualTypeOf<{
      readonly durationMs: number;
      readonly attempts: number;
      readonly outcome: Outcome;
    }>();
  });

  it('each listener of resilientFetch receives its own event', () => {
    expectTypeOf<keyof ResilientFetchListeners>().toEqualTypeOf<
      'stateChange' | 'reject' | 'retry' | 'giveUp' | 'timeout' | 'call'
    >();
    const on: ResilientFetchListeners = {
      stateChange: ({ key, from, to }) => {
        expectTypeOf(key).toEqualTypeOf<string>();
        expectTypeOf([from, to]).toEqualTypeOf<CircuitState[]>();
      },
      reject: (rejection) => {
        expectTypeOf(rejection.key).toEqualTypeOf<string>();
        if (rejection.by === 'bulkhead') {
          expectTypeOf(rejection.event.reason).toEqualTypeOf<'full' | 'queue-timeout' | 'closed'>();
        } else if (rejection.by === 'rate-limit') {
          expectTypeOf(rejection.event.decision).toEqualTypeOf<Decision>();
        } else {
          expectTypeOf(rejection.event.retryAfterMs).toEqualTypeOf<number>();
        }
      },
      timeout: ({ of }) => expectTypeOf(of).toEqualTypeOf<'attempt' | 'call'>(),
      giveUp: undefined,
    };
    expectTypeOf(on).toExtend<ResilientFetchListeners>();
  });
});

describe('on', () => {
  it('on infers the event of the listener and returns a function that removes it', () => {
    const off = circuitBreaker().on('open', ({ reason, openForMs }) => {
      expectTypeOf(reason).toEqualTypeOf<TransitionReason>();
      expectTypeOf(openForMs).toEqualTypeOf<number>();
    });
    expectTypeOf(off).toEqualTypeOf<() => void>();
    bulkhead({ maxConcurrent: 1 }).on('idle', () => {});
    pipeline(retry()).on('failure', ({ outcome }) => {
      if (!outcome.ok) expectTypeOf(outcome.error).toEqualTypeOf<unknown>();
    });
  });

  it('on rejects an unknown event and a listener of another event', () => {
    // @ts-expect-error: an event of the circuit breaker
    retry().on('open', () => {});
    // @ts-expect-error: there is no such field
    timeout('5s').on('timeout', ({ durationMs }) => durationMs);
    // @ts-expect-error: the listener is required
    retry().on('retry');
  });
});
