import { bulkhead, sleep } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';

it('close rejects new calls and lets accepted ones finish, and dispose rejects the waiters', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 10, maxQueue: 90, clock });
  const calls = Array.from({ length: 100 }, () => watch(slots.execute(() => sleep(100, { clock }))));
  const closed = watch(slots.close());
  await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await clock.advance(550); // five rounds of ten are over, and the sixth runs
  expect(closed.state).toBe('pending');
  slots[Symbol.dispose]();
  await settle();
  const count = (state: string) => calls.filter((call) => call.state === state).length;
  expect([count('fulfilled'), count('pending'), count('rejected')]).toEqual([50, 10, 40]);
  for (const { error, state } of calls) if (state === 'rejected') expect(error).toMatchObject({ code: 'ERR_CLOSED' });
  await clock.advance(50);
  expect([count('fulfilled'), closed.state, slots.active, clock.pendingTimers]).toEqual([60, 'fulfilled', 0, 0]);
});

it('closing and disposing a bulkhead again changes nothing, and later calls reject with ClosedError', async () => {
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
  const gate = defer<string>();
  const running = watch(slots.execute(() => gate.promise));
  const ends = [slots.close(), slots.close()];
  slots[Symbol.dispose]();
  slots[Symbol.dispose]();
  ends.push(slots.close());
  gate.resolve('done');
  await Promise.all([...ends, slots.onIdle()]);
  expect(running.value).toBe('done');
  await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED', name: 'ClosedError' });
  await expect(slots.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  expect(slots.tryAcquire()).toBe(undefined);
});
