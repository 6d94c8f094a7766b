import { circuitBreaker, pipeline, retry, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';

const never = () => new Promise<never>(() => {});

describe('timeout', () => {
  it('a call rejects after the timeout even if its operation continues, and its signal aborts with the same error', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: '1s', clock, name: 'users' });
    const events: unknown[] = [];
    policy.on('timeout', (event) => events.push(event));
    let signal: AbortSignal | undefined;
    const result = watch(
      policy.execute((context) => {
        signal = context.signal;
        return never();
      }),
    );
    await clock.advance(999);
    expect(result.state).toBe('pending');
    await clock.advance(1);
    expect(result.error).toMatchObject({ name: 'TimeoutError', code: 'ERR_TIMEOUT', policy: 'users', timeoutMs: 1000 });
    expect(signal?.reason).toBe(result.error);
    expect(events).toEqual([{ timeoutMs: 1000 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a call that settles in time keeps its result or error and leaves no timer', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: '1s', clock });
    let signal: AbortSignal | undefined;
    const operation = (context: { signal: AbortSignal }) => {
      signal = context.signal;
      return 'done';
    };
    expect(await policy.execute(operation)).toBe('done');
    expect(signal?.aborted).toBe(false); // never on success, which would cut off a body that is being read
    await expect(policy.execute(() => Promise.reject(new Error('own')))).rejects.toThrow('own');
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(5000);
    expect(signal?.aborted).toBe(false);
  });

  it('an operation that has settled in the same turn does not time out', async () => {
    const clock = new TestClock();
    const { promise, resolve } = defer<string>();
    const result = watch(timeout({ duration: 100, clock }).execute(() => promise));
    clock.setTimeout(() => resolve('just in time'), 100);
    await clock.advance(100);
    expect(result.state).toBe('rejected'); // the timeout was armed first
    const second = watch(timeout({ duration: 100, clock }).execute(() => promise));
    await clock.advance(100);
    expect(second).toMatchObject({ state: 'fulfilled', value: 'just in time' });
  });

  it('a timeout of Infinity arms no timer', async () => {
    const clock = new TestClock();
    const { promise, resolve } = defer<number>();
    const result = timeout({ duration: Infinity, clock }).execute(({ deadline }) => promise.then((n) => [n, deadline]));
    expect(clock.pendingTimers).toBe(0);
    resolve(1);
    expect(await result).toEqual([1, Infinity]);
  });

  it('the earliest of nested timeouts rejects the call and is the deadline of its context', async () => {
    for (const [outer, inner] of [
      [100, 200],
      [200, 100],
      [100, 100],
    ] as const) {
      const clock = new TestClock();
      const policy = pipeline(
        timeout({ duration: outer, clock, name: 'outer' }),
        timeout({ duration: inner, clock, name: 'inner' }),
      );
      let deadline = 0;
      const result = watch(
        policy.execute((context) => {
          deadline = context.deadline;
          return never();
        }),
      );
      await clock.advance(100);
      expect(deadline).toBe(100);
      expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT', policy: inner < outer ? 'inner' : 'outer' });
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('a total timeout of one call rejects the call and is not a failure of any policy', async () => {
    const clock = new TestClock();
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const inner = timeout({ duration: '1m', clock });
    const events: unknown[] = [];
    inner.on('timeout', (event) => events.push(event));
    const result = watch(pipeline(retry({ clock }), breaker, inner).execute(never, { timeout: '2s' }));
    await clock.advance(2000);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 2000 });
    expect(events).toEqual([]);
    expect(breaker.state).toBe('closed');
    expect(breaker.stats.calls).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a late error of an operation that timed out causes no unhandled rejection', async () => {
    const clock = new TestClock();
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const { promise, reject } = defer();
    const result = watch(timeout({ duration: 10, clock }).execute(() => promise));
    await clock.advance(10);
    expect(result.state).toBe('rejected');
    reject(new Error('too late'));
    await settle();
    await settle();
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  it('an abort by the caller is not a timeout', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: '1s', clock });
    const events: unknown[] = [];
    policy.on('timeout', (event) => events.push(event));
    const controller = new AbortController();
    const result = watch(policy.execute(never, { signal: controller.signal }));
    controller.abort('by the caller');
    await result.done;
    expect(result.error).toBe('by the caller');
    await clock.advance(5000);
    expect(events).toEqual([]);
  });

  it('a call that is aborted by its caller at the moment of the timeout rejects with the reason of the caller', async () => {
    const clock = new TestClock();
    const controller = new AbortController();
    const policy = timeout({ duration: 100, clock });
    const first = watch(
      policy.execute(
        ({ signal }) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              controller.abort('by the caller');
              reject(new Error('aborted'));
            }),
          ),
      ),
    );
    const second = watch(policy.execute(never, { signal: controller.signal }));
    await clock.advance(100);
    expect(first.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(second.error).toBe('by the caller');
  });

  it('all calls of a policy share one timer', async () => {
    const clock = new TestClock();
    const policy = timeout({ duration: '1s', clock });
    const results = Array.from({ length: 1000 }, () => watch(policy.execute(never)));
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(results.every(({ state }) => state === 'rejected')).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a timeout ends calls after fake timers are installed and after they are removed', async () => {
    const policy = timeout(50);
    for (let i = 0; i < 3; i++) await policy.execute(() => i); // from now on its timer stays armed between calls
    vi.useFakeTimers();
    const faked = watch(policy.execute(never));
    await vi.advanceTimersByTimeAsync(60);
    vi.useRealTimers();
    expect(faked.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    await expect(policy.execute(never)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('timeout accepts a duration without an options object', async () => {
    expect(timeout('1.5s').describe()).toEqual({ kind: 'timeout', name: 'timeout', timeoutMs: 1500 });
    expect(await timeout('1s').execute(() => 1)).toBe(1);
  });
});
