import { BulkheadFullError, bulkhead, circuitBreaker, pipeline, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { defer, microtasks, settle, watch } from '../support/promises.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});

it('an operation that throws synchronously is a failure, and its slot is released', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, clock });
  const breaker = circuitBreaker({ consecutiveFailures: 3, clock });
  const policy = pipeline(timeout({ duration: '1s', clock }), breaker, slots);
  const calls = Array.from({ length: 3 }, () =>
    watch(
      policy.execute(() => {
        throw down;
      }),
    ),
  );
  await settle();
  expect(calls.every(({ error }) => error === down)).toBe(true);
  expect([slots.active, slots.queued, breaker.state, clock.pendingTimers]).toEqual([0, 0, 'open', 0]);
});

it('a call beyond the queue limit is rejected at once with BulkheadFullError', async () => {
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, name: 'reports' });
  watch(policy.execute(never));
  watch(policy.execute(never));
  const rejected = Array.from({ length: 1000 }, () => watch(policy.execute(() => expect.unreachable())));
  await microtasks(5);
  for (const { error } of rejected) expect(error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'reports' });
  expect([policy.active, policy.queued]).toEqual([1, 1]);
});

it('a queued call whose timeout has passed never runs', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, queueTimeout: 300, clock });
  const ran: string[] = [];
  const held = slots.tryAcquire();
  const outer = pipeline(timeout({ duration: 100, clock }), slots);
  const calls = [
    watch(outer.execute(() => ran.push('a timeout outside'))),
    watch(slots.execute(() => ran.push('a total timeout'), { timeout: 200 })),
    watch(slots.execute(() => ran.push('the queue timeout'))),
  ];
  await clock.advance(300);
  const last = watch(slots.execute(() => ran.push('none of these')));
  held?.release();
  await last.done;
  expect(ran).toEqual(['none of these']);
  expect(calls.map(({ error }) => (error as { code: string }).code)).toEqual([
    'ERR_TIMEOUT',
    'ERR_TIMEOUT',
    'ERR_QUEUE_TIMEOUT',
  ]);
});

it('an accepted call is never rejected in favour of a new one, at any microtask', async () => {
  for (let gap = 0; gap < 20; gap++) {
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const first = defer();
    const started: string[] = [];
    const run = (name: string, work: () => unknown) =>
      watch(
        policy.execute(() => {
          started.push(name);
          return work();
        }),
      );
    run('first', () => first.promise);
    const accepted = run('accepted', () => 'done');
    first.resolve(undefined);
    await microtasks(gap);
    const newcomer = run('newcomer', () => 'done');
    await settle();
    expect(accepted).toMatchObject({ state: 'fulfilled', value: 'done' });
    expect(started.slice(0, 2)).toEqual(['first', 'accepted']);
    if (newcomer.state === 'rejected') expect(newcomer.error).toBeInstanceOf(BulkheadFullError);
    expect([policy.active, policy.queued]).toEqual([0, 0]);
  }
});

it('an abort removes a waiter from the queue synchronously, and the call rejects with the reason', async () => {
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
  watch(policy.execute(never));
  const controller = new AbortController();
  const queued = watch(policy.execute(never, { signal: controller.signal }));
  await expect(policy.execute(never)).rejects.toBeInstanceOf(BulkheadFullError);
  expect(policy.queued).toBe(1);
  const reason = new Error('enough');
  controller.abort(reason);
  expect(policy.queued).toBe(0);
  const newcomer = watch(policy.execute(never));
  expect(policy.queued).toBe(1);
  await settle();
  expect(queued.error).toBe(reason);
  expect(newcomer.state).toBe('pending');
});
