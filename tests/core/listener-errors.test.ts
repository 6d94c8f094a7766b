import { bulkhead, circuitBreaker, constantBackoff, pipeline, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

const trap = () => {
  throw new Error('a trap');
};

it('a listener of "retry" that throws does not stop the retries', async () => {
  using uncaught = catchUncaught();
  const policy = retry({ backoff: () => 0 });
  policy.on('retry', trap);
  policy.on('giveUp', trap);
  let calls = 0;
  await expect(policy.execute(() => Promise.reject(++calls))).rejects.toBe(3);
  expect(uncaught.errors).toHaveLength(3);
});
const down = new Error('down');

it('an error or a rejection of a listener is reported and changes no result and no state', async () => {
  for (const listener of [
    () => {
      throw down;
    },
    async () => {
      throw down;
    },
  ]) {
    using uncaught = catchUncaught();
    const clock = new TestClock();
    const breaker = circuitBreaker({ consecutiveFailures: 1, halfOpen: { probes: 1 }, openFor: 100, clock });
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 50, clock });
    for (const type of ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const) breaker.on(type, listener);
    for (const type of ['queued', 'reject', 'idle'] as const) slots.on(type, listener);
    const policy = pipeline(breaker, slots);
    policy.on('success', listener);
    policy.on('failure', listener);
    const error = new Error('its own');
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    await clock.advance(100);
    const held = slots.tryAcquire();
    const queued = watch(policy.execute(() => 'fine'));
    held?.release();
    await queued.done;
    expect([queued.value, breaker.state, slots.active, slots.queued]).toEqual(['fine', 'closed', 0, 0]);
    await settle();
    const reported = [...uncaught.errors, ...uncaught.rejections];
    expect(reported.length).toBeGreaterThanOrEqual(8);
    expect(reported.every((one) => one === down)).toBe(true);
  }
});

it('an error of a listener of any policy is reported and changes no result and no state', async () => {
  using uncaught = catchUncaught();
  const listenerError = new Error('the listener failed');
  const throwing = () => {
    throw listenerError;
  };
  const clock = new TestClock();
  const breaker = circuitBreaker({ window: { calls: 2 }, halfOpen: { probes: 1 }, openFor: 1000, clock });
  const again = retry({ maxAttempts: 2, backoff: constantBackoff(10), clock });
  const slots = bulkhead({ maxConcurrent: 1, clock });
  const policy = pipeline(again, breaker, slots);
  for (const type of ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const) breaker.on(type, throwing);
  for (const type of ['retry', 'giveUp'] as const) again.on(type, throwing);
  for (const type of ['queued', 'reject', 'idle'] as const) slots.on(type, throwing);
  for (const type of ['success', 'failure'] as const) policy.on(type, throwing);

  const failing = watch(policy.execute(() => Promise.reject(down)));
  await clock.advance(10);
  expect([failing.error, breaker.state]).toEqual([down, 'open']);
  await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
  await clock.advance(1000);
  expect(await policy.execute(() => 'fine')).toBe('fine');
  expect([breaker.state, slots.active]).toEqual(['closed', 0]);
  expect(uncaught.errors.length).toBeGreaterThan(8);
  expect(uncaught.errors.every((error) => error === listenerError)).toBe(true);
});
