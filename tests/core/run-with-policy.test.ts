import { definePolicy, type Policy, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { AbortScope } from '../../src/core/abort-scope.js';
import { runWithPolicy } from '../../src/core/run-with-policy.js';
import { settle, watch } from '../support/promises.js';

const never = (_done?: unknown) => new Promise<never>(() => {});

/** Counts the signals that are created. */
function countSignals() {
  const counted = { made: 0 };
  const Real = AbortController;
  vi.stubGlobal(
    'AbortController',
    class extends Real {
      constructor() {
        super();
        counted.made++;
      }
    },
  );
  return counted;
}

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('A call that runs under a policy in a scope', () => {
  const clock = new TestClock();

  it('the call returns the result of the operation and creates no signal', async () => {
    const signals = countSignals();
    const scope = new AbortScope();
    expect(await runWithPolicy(timeout({ duration: 100, clock }), async () => 7, scope)).toBe(7);
    await expect(
      runWithPolicy(retry({ maxAttempts: 1 }), () => Promise.reject(new Error('no')), scope),
    ).rejects.toThrow('no');
    expect([signals.made, scope.isEmpty]).toEqual([0, true]);
  });

  it('an abort of the scope rejects the call at once with the reason and aborts its signal', async () => {
    const scope = new AbortScope();
    const seen: AbortSignal[] = [];
    const policy = pipeline(retry({ clock }), timeout({ duration: 100, clock }));
    const call = watch(runWithPolicy(policy, ({ signal }) => never(seen.push(signal)), scope));
    await settle();
    const reason = new Error('enough');
    scope.abort(reason);
    await settle();
    expect([call.state, call.error, seen.length, seen[0]!.reason]).toEqual(['rejected', reason, 1, reason]);
    expect([scope.isEmpty, clock.pendingTimers]).toEqual([true, 0]);
  });

  it('the call rejects with the reason of the scope, even if a policy replaces the error', async () => {
    const scope = new AbortScope();
    const policy = definePolicy({
      name: 'translating',
      run: (next, context) => next(context).catch(() => Promise.reject(new Error('translated'))),
    });
    const call = watch(runWithPolicy(policy, never, scope));
    const reason = new Error('enough');
    scope.abort(reason);
    await settle();
    expect(call.error).toBe(reason);
  });

  it('the operation does not run in a scope that is already aborted', async () => {
    const scope = new AbortScope();
    scope.abort(new Error('too late'));
    const operation = vi.fn(async () => 1);
    await expect(runWithPolicy(timeout('1s'), operation, scope)).rejects.toThrow('too late');
    expect(operation).not.toHaveBeenCalled();
  });

  it('the policy receives the key of the call, and the default terms without a key', async () => {
    const about: unknown[] = [];
    const policy = definePolicy({
      name: 'curious',
      run(next, context) {
        about.push([context.key, context.priority, context.attempt]);
        return next(context);
      },
    });
    await runWithPolicy(policy, () => 1, new AbortScope(), 'k');
    await runWithPolicy(policy, () => 1, undefined);
    expect(about).toEqual([
      ['k', 5, 1],
      [undefined, 5, 1],
    ]);
  });

  it('a policy with its own execute method receives the signal of the scope', async () => {
    const scope = new AbortScope();
    const inner = timeout('1s');
    const seen: unknown[] = [];
    const replaced = timeout('1s');
    const execute: Policy['execute'] = (operation, options) => {
      seen.push(options);
      return inner.execute(operation, options);
    };
    replaced.execute = execute;
    const handWritten = {
      name: 'h',
      clock,
      execute,
      run: inner.run,
      wrap: inner.wrap,
      attempt: inner.attempt,
      describe: inner.describe,
    } as Policy;
    for (const policy of [replaced, handWritten]) expect(await runWithPolicy(policy, () => 3, scope, 'k')).toBe(3);
    const options = { signal: scope.signal, key: 'k' };
    expect(seen).toEqual([options, options]);
    const call = watch(runWithPolicy(handWritten, never, scope));
    scope.abort(new Error('enough'));
    await settle();
    expect([call.state, scope.isEmpty]).toEqual(['rejected', true]);
  });
});
