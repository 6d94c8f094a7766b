import { bulkhead, CircuitOpenError, circuitBreaker, pipeline } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { down, setUp } from './setup.js';

it('aborts by the caller never open a breaker and release what they held', async () => {
  for (const initialState of ['closed', 'half-open'] as const) {
    const { breaker } = setUp({ initialState, consecutiveFailures: 1, halfOpen: { probes: 1 } });
    for (let i = 0; i < 50; i++) {
      const controller = new AbortController();
      const call = watch(
        breaker.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
          signal: controller.signal,
        }),
      );
      controller.abort('enough');
      await call.done;
      expect(call.error).toBe('enough');
    }
    expect(breaker.state).toBe(initialState);
    expect(breaker.stats.calls).toBe(0);
    expect(breaker.tryAcquire()).toBeDefined();
  }
});

it('the breaker needs 20 calls by default before failures open it', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock });
  for (let i = 0; i < 19; i++) await breaker.execute(() => Promise.reject(down)).catch(() => {});
  expect(breaker.state).toBe('closed');
  await breaker.execute(() => Promise.reject(down)).catch(() => {});
  expect(breaker.state).toBe('open');
});

it('rejections of inner policies do not count as results of the dependency', async () => {
  const { clock, breaker } = setUp({ consecutiveFailures: 1 });
  const full = bulkhead({ maxConcurrent: 1, clock });
  full.tryAcquire();
  const open = circuitBreaker({ initialState: 'isolated', clock });
  for (const inner of [full, open]) {
    for (let i = 0; i < 50; i++) {
      await expect(pipeline(breaker, inner).execute(() => 1)).rejects.toMatchObject({ code: /^ERR_/ });
    }
  }
  expect([breaker.state, breaker.stats.calls]).toEqual(['closed', 0]);
});

it('the failure rate contains only completed calls, and neither rejections nor calls in flight', async () => {
  const { breaker, fail, start } = setUp({ window: { calls: 10 }, minimumCalls: 1 });
  start();
  start();
  await fail();
  expect(breaker.state).toBe('open');
  for (let i = 0; i < 9; i++) await expect(breaker.execute(() => 1)).rejects.toBeInstanceOf(CircuitOpenError);
  expect(breaker.stats).toMatchObject({ calls: 1, failures: 1, failureRate: 1 });
});

it('an error response can be classified as a success of the dependency or be ignored', async () => {
  const options = { initialState: 'half-open', halfOpen: { probes: 1 } } as const;
  const notFound = Object.assign(new Error('not found'), { status: 404 });
  const { breaker: alive } = setUp({ ...options, classify: ({ ok }) => (ok ? 'failure' : 'success') });
  await expect(alive.execute(() => Promise.reject(notFound))).rejects.toBe(notFound);
  expect(alive.state).toBe('closed');
  const { breaker: unknown } = setUp({ ...options, classify: () => 'ignore' });
  await expect(unknown.execute(() => Promise.reject(notFound))).rejects.toBe(notFound);
  expect(unknown.state).toBe('half-open');
});

it('many failures at once open the breaker once and do not delay its recovery', async () => {
  const { clock, breaker, changes, start } = setUp({ window: { calls: 10 }, minimumCalls: 3 });
  const calls = Array.from({ length: 100 }, start);
  for (const call of calls.slice(0, 50)) call.reject(down);
  await settle();
  await clock.advance(600);
  for (const call of calls.slice(50)) call.reject(down);
  await settle();
  expect(breaker.stats.retryAfterMs).toBe(400);
  expect(changes).toEqual(['closed → open: failure-rate']);
  expect(breaker.toJSON().openings).toBe(1);
});
