import { bulkhead, CircuitOpenError, circuitBreaker, constantBackoff, type Policy, pipeline, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { down } from './setup.js';

it('a rejection by an inner policy is not retried', async () => {
  const clock = new TestClock();
  const busy = bulkhead({ maxConcurrent: 1, clock });
  busy.tryAcquire();
  const closed = bulkhead({ maxConcurrent: 1, clock });
  await closed.close();
  const open = circuitBreaker({ initialState: 'open', clock });
  const rejecting: readonly (Policy & { on(type: 'reject', listener: () => void): unknown })[] = [open, busy, closed];
  for (const inner of rejecting) {
    let rejections = 0;
    inner.on('reject', () => rejections++);
    const call = watch(
      pipeline(retry({ maxAttempts: 4, backoff: constantBackoff(10), clock }), inner).execute(() => 1),
    );
    await clock.advance(1000);
    expect(call.error).toMatchObject({ code: expect.stringMatching(/^ERR_/) });
    expect(rejections).toBe(1);
  }
});

it('a breaker that opens between two attempts ends the call with CircuitOpenError and its cause', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ window: { calls: 1 }, openFor: '1m', clock });
  const call = watch(
    pipeline(retry({ backoff: constantBackoff(10), clock }), breaker).execute(() => Promise.reject(down)),
  );
  await clock.advance(1000);
  expect(call.error).toBeInstanceOf(CircuitOpenError);
  expect(call.error).toMatchObject({ cause: down });
  await settle();
  expect(clock.pendingTimers).toBe(0);
});
