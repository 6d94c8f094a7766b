import { AsyncLocalStorage } from 'node:async_hooks';
import { hedge } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { watch } from '../support/promises.js';

it('hedges and their events run in the async context of their caller, after a delay and after a failure', async () => {
  const clock = new TestClock();
  const storage = new AsyncLocalStorage<string>();
  const policy = hedge({ delay: 100, maxHedges: 3, clock });
  const seen: [string, number, string | undefined][] = [];
  const events: (string | undefined)[] = [];
  policy.on('hedge', () => events.push(storage.getStore()));
  const results: (string | undefined)[] = [];
  for (const caller of ['a', 'b']) {
    storage.run(caller, () => {
      const call = policy.execute(({ hedge: number }) => {
        seen.push([caller, number, storage.getStore()]);
        return new Promise((done, fail) => {
          if (number === 1) clock.setTimeout(() => fail(new Error('down')), 10);
          if (number === 3) clock.setTimeout(() => done('well'), 10);
        });
      });
      watch(call.then(() => results.push(storage.getStore())));
    });
  }
  await storage.run('the clock', () => clock.advance(1000));
  expect(seen.map(([, number]) => number)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  for (const [caller, , store] of seen) expect(store).toBe(caller);
  expect(events).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  expect(results).toEqual(['a', 'b']);
});
