import { AsyncLocalStorage } from 'node:async_hooks';
import { coalesce, constantBackoff, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

interface Run extends Deferred<string> {
  readonly signal: AbortSignal;
  readonly deadline: number;
}

/** Operations that the test settles through `runs`. */
function setUp() {
  const runs: Run[] = [];
  const operation = ({ signal, deadline }: { signal: AbortSignal; deadline: number }) => {
    const run = { signal, deadline, ...defer<string>() };
    runs.push(run);
    return run.promise;
  };
  return { once: coalesce(), runs, operation };
}

describe('coalesce', () => {
  it('Concurrent calls with a key share one operation, and its result is not kept', async () => {
    const { once, runs, operation } = setUp();
    const calls = [1, 2, 3].map(() => once.execute(operation, { key: 'k' }));
    const other = once.execute(operation, { key: 'other' });
    expect([runs.length, once.running]).toEqual([2, 2]);
    runs[0]!.resolve('a');
    runs[1]!.resolve('b');
    expect(await Promise.all([...calls, other])).toEqual(['a', 'a', 'a', 'b']);
    expect(once.running).toBe(0);
    watch(once.execute(operation, { key: 'k' }));
    expect(runs.length).toBe(3);
  });

  it('All calls with a key receive the error of the operation, including a synchronous one', async () => {
    const { once, runs, operation } = setUp();
    const error = new Error('down');
    const calls = [1, 2].map(() => watch(once.execute(operation, { key: 'k' })));
    runs[0]!.reject(error);
    await settle();
    expect(calls.map((call) => call.error)).toEqual([error, error]);
    const thrower = () => {
      throw error;
    };
    await expect(once.execute(thrower, { key: 'k' })).rejects.toBe(error);
    expect(once.running).toBe(0);
  });

  it('An abort ends one call, and the operation is aborted with its last call', async () => {
    const { once, runs, operation } = setUp();
    const callers = [countingController(), countingController()];
    const calls = callers.map(({ controller: { signal } }) => watch(once.execute(operation, { key: 'k', signal })));
    callers[0]!.controller.abort(new Error('one'));
    await settle();
    expect([calls[0]!.error, calls[1]!.state, runs[0]!.signal.aborted]).toEqual([new Error('one'), 'pending', false]);
    callers[1]!.controller.abort(new Error('two'));
    await settle();
    expect([calls[1]!.error, runs[0]!.signal.reason, once.running]).toEqual([new Error('two'), new Error('two'), 0]);
    expect(callers.map(({ listeners }) => listeners())).toEqual([0, 0]);
    watch(once.execute(operation, { key: 'k' }));
    expect(runs.length).toBe(2);
  });

  it('A late error of an aborted operation is not reported as uncaught', async () => {
    using uncaught = catchUncaught();
    const { once, runs, operation } = setUp();
    const controller = new AbortController();
    const call = watch(once.execute(operation, { key: 'k', signal: controller.signal }));
    controller.abort();
    await settle();
    runs[0]!.reject(new Error('late'));
    await settle();
    expect([call.state, uncaught.rejections]).toEqual(['rejected', []]);
  });

  it('A result that settled before the abort is returned', async () => {
    const { once, runs, operation } = setUp();
    const controller = new AbortController();
    const call = once.execute(operation, { key: 'k', signal: controller.signal });
    runs[0]!.resolve('a');
    controller.abort();
    expect(await call).toBe('a');
  });

  it('The operation receives neither the signal nor the deadline of its first caller', async () => {
    const { once, runs, operation } = setUp();
    const clock = new TestClock();
    const limited = pipeline(timeout({ duration: 50, clock }), once);
    const first = watch(limited.execute(operation, { key: 'k' }));
    const second = watch(once.execute(operation, { key: 'k' }));
    expect([runs.length, runs[0]!.deadline]).toEqual([1, Infinity]);
    await clock.advance(50);
    expect([first.error, second.state, runs[0]!.signal.aborted]).toEqual([
      expect.objectContaining({ code: 'ERR_TIMEOUT' }),
      'pending',
      false,
    ]);
    runs[0]!.resolve('a');
    await settle();
    expect(second.value).toBe('a');
  });

  it('Calls around a retry wait for the same attempts', async () => {
    const clock = new TestClock();
    let attempts = 0;
    const policy = pipeline(coalesce(), retry({ backoff: constantBackoff(10), clock }));
    const operation = () => {
      if (++attempts < 3) throw new Error('hiccup');
      return attempts;
    };
    const first = policy.execute(operation, { key: 'k' });
    await clock.advance(15);
    const second = policy.execute(operation, { key: 'k' });
    await clock.advance(5);
    expect([await first, await second, attempts]).toEqual([3, 3, 3]);
  });

  it('The abort of the last caller ends the delay of an inner policy', async () => {
    const clock = new TestClock();
    const policy = pipeline(coalesce(), retry({ backoff: constantBackoff('1m'), clock }));
    const controller = new AbortController();
    const call = watch(
      policy.execute(() => Promise.reject(new Error('down')), { key: 'k', signal: controller.signal }),
    );
    await clock.advance(1);
    expect(clock.pendingTimers).toBe(1);
    controller.abort();
    await settle();
    expect([call.state, clock.pendingTimers]).toEqual(['rejected', 0]);
  });

  it('An operation may call the same coalesce policy with another key', async () => {
    const once = coalesce();
    const inner = () => once.execute(() => 'inner', { key: 'b' });
    expect(await once.execute(inner, { key: 'a' })).toBe('inner');
  });

  it('The operation runs in the async context of the first caller, and each caller continues in its own', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { once, runs } = setUp();
    const call = async () => {
      await once.execute(
        ({ signal, deadline }) => {
          seen.push(storage.getStore());
          const run = { signal, deadline, ...defer<string>() };
          runs.push(run);
          return run.promise;
        },
        { key: 'k' },
      );
      seen.push(storage.getStore());
    };
    const calls = ['first', 'second'].map((name) => storage.run(name, call));
    runs[0]!.resolve('a');
    await Promise.all(calls);
    expect(seen).toEqual(['first', 'first', 'second']);
  });

  it('A call without a key and invalid options are rejected', async () => {
    const once = coalesce({ name: 'once' });
    await expect(once.execute(() => 1)).rejects.toThrow('once: "key" must be a string');
    expect(() => coalesce({ name: '' })).toThrow(/coalesce: "name"/);
    expect(() => coalesce({ key: 'k' } as never)).toThrow(/coalesce: "key" is unknown/);
    expect([once.name, once.describe()]).toEqual(['once', { kind: 'coalesce', name: 'once' }]);
  });

  it('A signal that is already aborted rejects the call and starts no operation', async () => {
    const { once, runs, operation } = setUp();
    const signal = AbortSignal.abort(new Error('no'));
    await expect(once.execute(operation, { key: 'k', signal })).rejects.toThrow('no');
    expect([runs.length, once.running]).toEqual([0, 0]);
  });
});
