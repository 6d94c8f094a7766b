import { constantBackoff, pipeline, RetryBudget, retry, timeout } from 'breakwater';
import { expect, it } from 'vitest';
import { microtasks, watch } from '../support/promises.js';
import { down, setUp } from './setup.js';

const DAY = 86_400_000;

it('an abort during a backoff rejects at once with the reason, and no further attempt starts', async () => {
  const { clock, policy, startedAt, operation } = setUp({ backoff: constantBackoff(300) });
  const controller = new AbortController();
  const call = watch(policy.execute(operation, { signal: controller.signal }));
  await clock.advance(50);
  const reason = new Error('enough');
  controller.abort(reason);
  await microtasks(10);
  expect(call).toMatchObject({ state: 'rejected', error: reason });
  await clock.advance(10_000);
  expect(startedAt).toEqual([0]);
  expect(clock.pendingTimers).toBe(0);
});

it('maxAttempts counts all attempts and is 3 by default, and unlimited retries always have a delay', async () => {
  for (const [options, calls] of [
    [{ maxAttempts: 3 }, 3],
    [{}, 3],
    [{ maxAttempts: undefined }, 3],
    [{ maxAttempts: 1 }, 1],
  ] as const) {
    const { clock, policy, startedAt, operation } = setUp(options);
    const call = watch(policy.execute(operation));
    await clock.advance(DAY);
    expect([call.error, startedAt.length]).toEqual([down, calls]);
  }
  for (const maxAttempts of [0, -1, 2.5, Number.NaN, null as never]) {
    expect(() => retry({ maxAttempts })).toThrow('"maxAttempts" must be an integer ≥ 1');
  }
  const { clock, policy, startedAt, operation } = setUp({ maxAttempts: Infinity, backoff: () => 0 });
  const controller = new AbortController();
  const call = watch(policy.execute(operation, { signal: controller.signal }));
  await clock.advance(50);
  expect(startedAt).toHaveLength(51); // one per millisecond
  controller.abort('enough');
  await call.done;
  expect(call.error).toBe('enough');
});

it('a custom backoff cannot exceed any limit', async () => {
  for (const [options, calls] of [
    [{ maxAttempts: 4 }, 4],
    [{ maxAttempts: 100, maxElapsed: 250 }, 3],
    [{ maxAttempts: 100, budget: new RetryBudget({ ratio: 0, minPerSecond: 0.2 }) }, 3],
  ] as const) {
    const { clock, policy, startedAt, operation } = setUp({ ...options, backoff: () => 100 });
    watch(policy.execute(operation));
    await clock.advance(60_000);
    expect(startedAt).toHaveLength(calls);
  }
  const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 100, backoff: () => 100 });
  watch(pipeline(timeout({ duration: 350, clock }), policy).execute(operation));
  await clock.advance(60_000);
  expect(startedAt).toEqual([0, 100, 200, 300]);
  const broken = setUp({ maxAttempts: Infinity, backoff: () => Number.NaN });
  await expect(broken.policy.execute(broken.operation)).rejects.toThrow('"backoff" must return milliseconds');
});
