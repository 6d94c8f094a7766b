import { BulkheadFullError, bulkhead, pipeline } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';

it('an operation that calls its own full bulkhead is rejected by the queue timeout, or at once without a queue', async () => {
  const clock = new TestClock();
  const patient = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100, clock });
  const waiting = watch(patient.execute(() => patient.execute(() => 1)));
  await clock.advance(100);
  expect(waiting.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  const impatient = bulkhead({ maxConcurrent: 1, clock });
  await expect(impatient.execute(() => impatient.execute(() => 1))).rejects.toMatchObject({
    code: 'ERR_BULKHEAD_FULL',
  });
  expect([patient.active, impatient.active]).toEqual([0, 0]);
});

it('an operation that calls its own bulkhead of one slot waits until the queue timeout', async () => {
  const clock = new TestClock();
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1s', clock });
  const outer = watch(policy.execute(() => policy.execute(() => 'inner')));
  await clock.advance(999);
  expect(outer.state).toBe('pending');
  await clock.advance(1);
  expect(outer.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
  // Without a queue the inner call is rejected at once, and with a second slot it runs.
  await expect(pipeline(bulkhead({ maxConcurrent: 1 })).execute(() => 'alone')).resolves.toBe('alone');
  const narrow = bulkhead({ maxConcurrent: 1 });
  await expect(narrow.execute(() => narrow.execute(() => 1))).rejects.toBeInstanceOf(BulkheadFullError);
  const wide = bulkhead({ maxConcurrent: 2 });
  expect(await wide.execute(() => wide.execute(() => 'inner'))).toBe('inner');
});
