import { bulkhead, constantBackoff, keyed, pipeline, resilientFetch, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { all, execute } from '../support/every-policy.js';
import { settle } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});

it('a call whose signal is already aborted rejects with the reason and does not run its operation', async () => {
  for (const [name, make] of all) {
    const reason = new Error('before');
    const call = execute(make(), () => expect.unreachable(), AbortSignal.abort(reason));
    await call.done;
    expect([name, call.error]).toEqual([name, reason]);
  }
  const fetch = resilientFetch({ fetch: async (_url: string, _init?: RequestInit) => expect.unreachable() });
  await expect(fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort('before') })).rejects.toBe('before');
});

it('an object that is not a signal is rejected, null means no signal, and a foreign implementation of AbortSignal works', async () => {
  for (const signal of [{}, 5, 'signal', true, { aborted: false }, new EventTarget()]) {
    const call = retry().execute(() => expect.unreachable(), { signal: signal as never });
    await expect(call).rejects.toThrow(/"signal" must be an AbortSignal/);
    await expect(bulkhead({ maxConcurrent: 1 }).acquire({ signal: signal as never })).rejects.toThrow(
      /"signal" must be/,
    );
  }
  for (const signal of [null, undefined]) expect(await retry().execute(() => 1, { signal })).toBe(1);

  class ForeignSignal extends EventTarget {
    aborted = false;
    reason: unknown = undefined;
    abort(reason: unknown): void {
      Object.assign(this, { aborted: true, reason });
      this.dispatchEvent(new Event('abort'));
    }
  }
  for (const [name, make] of all) {
    const foreign = new ForeignSignal();
    const call = execute(make(), never, foreign as unknown as AbortSignal);
    foreign.abort('from afar');
    await call.done;
    expect([name, call.error]).toEqual([name, 'from afar']);
  }
});

it('an abort reason of any type is passed on unchanged', async () => {
  for (const reason of ['text', 0, null, false, Object.freeze(new Error('ice')), Object.freeze({}), Symbol('s')]) {
    for (const [, make] of all) {
      const controller = new AbortController();
      const call = execute(make(), never, controller.signal);
      controller.abort(reason);
      await call.done;
      expect([call.state, Object.is(call.error, reason)]).toEqual(['rejected', true]);
    }
  }
  const controller = new AbortController();
  const call = execute(retry({ backoff: constantBackoff(1000) }), () => Promise.reject(down), controller.signal);
  await settle();
  controller.abort(undefined); // which the platform replaces
  await call.done;
  expect(call.error).toBe(controller.signal.reason);
});

it('1,000 calls on one signal leave no listener, whether they succeed, fail, time out or are aborted', async () => {
  for (const [name, make] of all) {
    const { controller, listeners } = countingController();
    const policy = make();
    for (let i = 0; i < 500; i++) {
      await execute(policy, () => i, controller.signal).done;
      await execute(policy, () => Promise.reject(new TypeError('a mistake')), controller.signal).done;
    }
    expect([name, listeners()]).toEqual([name, 0]);
    const clock = new TestClock();
    const limited = pipeline(
      timeout({ duration: 10, clock }),
      keyed(() => retry({ clock }), { clock }),
    );
    const calls = Array.from({ length: 500 }, () => execute(limited, never, controller.signal));
    await clock.advance(10);
    calls.push(...Array.from({ length: 500 }, () => execute(limited, never, controller.signal)));
    controller.abort('enough');
    await settle();
    expect(calls.every(({ state }) => state === 'rejected')).toBe(true);
    expect([listeners(), clock.pendingTimers]).toEqual([0, 0]);
  }
});
