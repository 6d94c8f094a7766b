import { AsyncLocalStorage } from 'node:async_hooks';
import { bulkhead, constantBackoff, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { defer, watch } from '../support/promises.js';

it('an operation runs in the async context of its caller, also from a queue and after a backoff', async () => {
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
  storage.run('another caller', () => gate.resolve(undefined));
  await storage.run('the clock', () => clock.advance(1000));
  expect(seen).toHaveLength(6);
  for (const [caller, , store] of seen as string[][]) expect(store).toBe(caller);

  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
  const held = slots.tryAcquire();
  const acquired = storage.run('a', () => slots.acquire().then(() => storage.getStore()));
  storage.run('another caller', () => held?.release());
  expect(await acquired).toBe('a');
});
