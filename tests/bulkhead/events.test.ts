import { bulkhead, constantBackoff, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';

const never = () => new Promise<never>(() => {});

it('every event fires once for each call that it describes', async () => {
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

it('a rejected call has left the queue before "reject" fires, so a listener can make room for the next call', async () => {
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
