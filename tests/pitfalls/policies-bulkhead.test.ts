/** The rows about bulkheads and async context of the 47 pitfalls in the policies research, each under its number. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { BulkheadFullError, bulkhead, constantBackoff, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { defer, microtasks, settle, watch } from '../support/promises.js';

const never = () => new Promise<never>(() => {});

it('8: accepted work is never refused: not for a newcomer in the gap between two microtasks either', async () => {
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

it('9: an abort frees a queued place before it returns, and its call has the reason', async () => {
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

it('10: every event there is fires, once for each call it is about', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 50, clock });
  const again = retry({ maxAttempts: 2, backoff: constantBackoff(10), clock });
  const limit = timeout({ duration: 100, clock });
  const policy = pipeline(again, slots, limit);
  const log: string[] = [];
  slots.on('queued', () => log.push('queued'));
  slots.on('reject', ({ reason }) => log.push(`reject ${reason}`));
  slots.on('idle', () => log.push('idle'));
  again.on('retry', () => log.push('retry'));
  again.on('giveUp', ({ reason }) => log.push(`giveUp ${reason}`));
  limit.on('timeout', () => log.push('timeout'));
  policy.on('success', () => log.push('success'));
  policy.on('failure', () => log.push('failure'));
  const eventsOf = async (act: () => unknown, ms = 0) => {
    log.length = 0;
    await act();
    await clock.advance(ms);
    return [...log];
  };

  expect(await eventsOf(() => policy.execute(() => 1))).toEqual(['idle', 'success']);
  const hang = () => void watch(policy.execute(never, { classify: ({ ok }) => (ok ? 'success' : 'permanent') }));
  expect(await eventsOf(hang, 10)).toEqual([]);
  expect(await eventsOf(hang)).toEqual(['queued']);
  expect(await eventsOf(hang)).toEqual(['reject full', 'giveUp not-retryable', 'failure']);
  expect(await eventsOf(() => {}, 50)).toEqual(['reject queue-timeout', 'giveUp not-retryable', 'failure']);
  expect(await eventsOf(() => {}, 100)).toEqual(['timeout', 'idle', 'giveUp not-retryable', 'failure']);
  const fail = () => void watch(policy.execute(() => Promise.reject(new Error('down'))));
  expect(await eventsOf(fail, 10)).toEqual(['idle', 'retry', 'idle', 'giveUp attempts', 'failure']);
  await slots.close();
  expect(await eventsOf(fail)).toEqual(['reject closed', 'giveUp not-retryable', 'failure']);
});

it('10: a call that was refused has left the queue before it is told of: a listener that makes room lets in the next', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 2, queueTimeout: 100, clock });
  watch(slots.execute(never));
  const ran: string[] = [];
  const first = watch(slots.execute(() => ran.push('first')));
  await clock.advance(50);
  const second = watch(slots.execute(() => ran.push('second')));
  slots.on('reject', () => slots.resize(2));
  await clock.advance(50);
  expect(first.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  expect([second.state, ran]).toEqual(['fulfilled', ['second']]);
});

it('45: an operation runs in the async context of its own caller, from a queue and after a backoff too', async () => {
  const clock = new TestClock();
  const storage = new AsyncLocalStorage<string>();
  const gate = defer();
  const policy = pipeline(
    retry({ maxAttempts: 2, backoff: constantBackoff(10), clock }),
    bulkhead({ maxConcurrent: 1, maxQueue: 10, clock }),
    timeout({ duration: '1m', clock }),
  );
  const seen: unknown[] = [];
  for (const caller of ['a', 'b', 'c']) {
    storage.run(caller, () =>
      watch(
        policy.execute(async ({ attempt }) => {
          seen.push([caller, attempt, storage.getStore()]);
          await gate.promise;
          if (attempt === 1) throw new Error('down');
        }),
      ),
    );
  }
  storage.run('somebody else', () => gate.resolve(undefined));
  await storage.run('the clock', () => clock.advance(1000));
  expect(seen).toHaveLength(6);
  for (const [caller, , store] of seen as string[][]) expect(store).toBe(caller);

  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
  const held = slots.tryAcquire();
  const acquired = storage.run('a', () => slots.acquire().then(() => storage.getStore()));
  storage.run('somebody else', () => held?.release());
  expect(await acquired).toBe('a');
});

it('46: an operation that calls into its own bulkhead of one waits for itself until the queue timeout ends that', async () => {
  const clock = new TestClock();
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1s', clock });
  const outer = watch(policy.execute(() => policy.execute(() => 'inner')));
  await clock.advance(999);
  expect(outer.state).toBe('pending');
  await clock.advance(1);
  expect(outer.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
  // Without a queue it is refused at once, and with a second slot it simply works.
  await expect(pipeline(bulkhead({ maxConcurrent: 1 })).execute(() => 'alone')).resolves.toBe('alone');
  const narrow = bulkhead({ maxConcurrent: 1 });
  await expect(narrow.execute(() => narrow.execute(() => 1))).rejects.toBeInstanceOf(BulkheadFullError);
  const wide = bulkhead({ maxConcurrent: 2 });
  expect(await wide.execute(() => wide.execute(() => 'inner'))).toBe('inner');
});
