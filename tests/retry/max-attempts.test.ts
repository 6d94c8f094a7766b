import { retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { type Make, refuse, sizes } from '../support/option-values.js';
import { settle, watch } from '../support/promises.js';

function controller() {
  const made = new AbortController();
  return { signal: made.signal, abort: (reason: unknown) => made.abort(reason) };
}

it('NaN is rejected as maxAttempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, Number.NaN));

it('a call with maxAttempts Infinity can be aborted and needs no memory per attempt', async () => {
  const clock = new TestClock();
  const { signal, abort } = controller();
  const before = process.memoryUsage().heapUsed;
  let calls = 0;
  const call = watch(
    retry({ maxAttempts: Infinity, backoff: () => 0, clock }).execute(
      () => {
        calls++;
        return Promise.reject('down');
      },
      { signal },
    ),
  );
  await clock.advance(5000);
  expect(calls).toBe(5001);
  abort('enough');
  await settle();
  expect([call.error, clock.pendingTimers]).toEqual(['enough', 0]);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
});

it('-1 is rejected as maxAttempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, -1));

it('1.5 is rejected as maxAttempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, 1.5));

it("the string '2' is rejected as maxAttempts", () => refuse({ maxAttempts: sizes.maxAttempts as Make }, '2'));

it('null is rejected as maxAttempts', () => refuse({ maxAttempts: sizes.maxAttempts as Make }, null));
