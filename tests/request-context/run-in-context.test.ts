import { bulkhead } from 'breakwater/bulkhead';
import { circuitBreaker } from 'breakwater/circuit-breaker';
import { coalesce } from 'breakwater/coalesce';
import { type CallContext, DeadlineExceededError, InvalidOptionError, sleep, TimeoutError } from 'breakwater/core';
import { resilientFetch } from 'breakwater/fetch';
import { loadingCache } from 'breakwater/loading-cache';
import { pipeline } from 'breakwater/pipeline';
import { currentContext, runInContext, runOutsideContext } from 'breakwater/request-context';
import { retry } from 'breakwater/retry';
import { TestClock } from 'breakwater/testing';
import { timeout } from 'breakwater/timeout';
import { describe, expect, it } from 'vitest';
import { defer } from '../support/promises.js';

const outcomeOf = (promise: Promise<unknown>) =>
  promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );

/** An operation that never settles and ignores its signal. */
const forever = () => new Promise<never>(() => {});

describe('The deadline of a request context', () => {
  it('is the deadline of a call, and the smaller of two deadlines applies', async () => {
    const clock = new TestClock();
    await clock.advance(50);
    const seen: number[] = [];
    const operation = ({ deadline }: CallContext) => void seen.push(deadline);
    await runInContext({ deadline: 100, clock }, async () => {
      await retry({ clock }).execute(operation);
      await timeout({ duration: 10, clock }).execute(operation);
      await timeout({ duration: 1000, clock }).execute(operation);
      await retry({ clock }).execute(operation, { timeout: 20 });
    });
    await retry({ clock }).execute(operation);
    expect(seen).toEqual([150, 60, 150, 70, Infinity]);
  });

  it('ends running calls with a TimeoutError, even if they ignore their signal', async () => {
    const clock = new TestClock();
    let signal: AbortSignal | undefined;
    const outcome = runInContext({ deadline: 100, clock }, () =>
      outcomeOf(
        retry({ clock }).execute((context) => {
          signal = context.signal;
          return forever();
        }),
      ),
    );
    await clock.advance(99);
    expect(signal!.aborted).toBe(false);
    await clock.advance(1);
    expect(await outcome).toEqual({ error: expect.any(TimeoutError) });
    expect(signal!.reason).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 100 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('rejects calls that start after it, without running the operation', async () => {
    const clock = new TestClock();
    let runs = 0;
    const late = runInContext({ deadline: 100, clock }, async () => {
      await sleep(100, { clock });
      return outcomeOf(retry({ clock, name: 'late' }).execute(() => runs++));
    });
    await clock.advance(100);
    expect(await late).toEqual({ error: expect.any(DeadlineExceededError) });
    expect(await late).toMatchObject({ error: { remainingMs: 0, policy: 'late' } });
    const none = await runInContext({ deadline: 0, clock }, () => outcomeOf(retry({ clock }).execute(() => runs++)));
    expect(none).toMatchObject({ error: { code: 'ERR_DEADLINE' } });
    expect(runs).toBe(0);
  });

  it('is not a failure of the dependency, and nothing is repeated after it', async () => {
    const clock = new TestClock();
    const breaker = circuitBreaker({ clock, consecutiveFailures: 1 });
    let runs = 0;
    const policy = pipeline(retry({ clock }), breaker);
    const outcome = runInContext({ deadline: 100, clock }, () =>
      outcomeOf(
        policy.execute(() => {
          runs++;
          return forever();
        }),
      ),
    );
    await clock.advance(10_000);
    expect(await outcome).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    expect([breaker.state, breaker.stats.failures, runs]).toEqual(['closed', 0, 1]);
  });

  it('stops a retry whose delay would pass it', async () => {
    const clock = new TestClock();
    let runs = 0;
    const failing = retry({ clock, backoff: () => 200 });
    const outcome = runInContext({ deadline: 100, clock }, () =>
      outcomeOf(
        failing.execute(() => {
          runs++;
          throw new Error('down');
        }),
      ),
    );
    await clock.advance(0);
    expect(await outcome).toMatchObject({ error: { message: 'down' } });
    expect(runs).toBe(1);
  });

  it('is converted to the clock of each policy', async () => {
    const clock = new TestClock();
    const other = new TestClock();
    await clock.advance(1000);
    const deadline = await runInContext({ deadline: 100, clock: other }, () =>
      retry({ clock }).execute((context) => context.deadline),
    );
    expect(deadline).toBe(1100);
  });

  it('gives a place in a queue back', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 10, clock });
    const first = defer<void>();
    const running = slots.execute(() => first.promise);
    const outcome = runInContext({ deadline: 100, clock }, () => outcomeOf(slots.execute(() => 1)));
    await clock.advance(100);
    expect(await outcome).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    expect([slots.active, slots.queued]).toEqual([1, 0]);
    first.resolve();
    await running;
  });

  it('keeps no timer when its calls are done, and arms one timer for any number of calls', async () => {
    const clock = new TestClock();
    const timers: number[] = [];
    await runInContext({ deadline: '1h', clock }, async () => {
      await Promise.all(Array.from({ length: 10 }, () => retry({ clock }).execute(() => clock.pendingTimers))).then(
        (counts) => timers.push(...counts),
      );
    });
    expect(new Set(timers)).toEqual(new Set([1]));
    expect(clock.pendingTimers).toBe(0);
  });

  it('still ends a call that was left running when the function was done', async () => {
    const clock = new TestClock();
    let left: Promise<unknown> = Promise.resolve();
    await runInContext({ deadline: 100, clock }, async () => {
      left = outcomeOf(retry({ clock }).execute(forever));
    });
    await clock.advance(100);
    expect(await left).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('The signal of a request context', () => {
  it('ends calls with its reason, together with the signal of the call', async () => {
    const policy = retry();
    const [client, own] = [new AbortController(), new AbortController()];
    const [first, second] = runInContext({ signal: client.signal }, () => [
      outcomeOf(policy.execute(forever, { signal: own.signal })),
      outcomeOf(policy.execute(forever)),
    ]);
    own.abort('own');
    expect(await first).toEqual({ error: 'own' });
    client.abort('left');
    expect(await second).toEqual({ error: 'left' });
    const third = runInContext({ signal: client.signal }, () => outcomeOf(policy.execute(() => 1)));
    expect(await third).toEqual({ error: 'left' });
  });

  it('has no listener when the calls are done', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const own = new AbortController();
    await runInContext({ signal }, async () => {
      for (let call = 0; call < 3; call++) await retry().execute(() => listeners, { signal: own.signal });
      expect(listeners).toBe(1);
    });
    await undefined;
    expect(listeners).toBe(0);
  });

  it('is the signal of currentContext, which the deadline aborts too', async () => {
    const clock = new TestClock();
    const client = new AbortController();
    const pending = runInContext({ deadline: 100, signal: client.signal, clock }, async () => {
      const { signal } = currentContext()!;
      await sleep(1000, { clock, signal });
    });
    const outcome = outcomeOf(pending);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ error: { code: 'ERR_TIMEOUT', timeoutMs: 100 } });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('A nested request context', () => {
  it('has the smaller deadline, all signals, and its own priority', async () => {
    const clock = new TestClock();
    const outer = new AbortController();
    const seen: unknown[] = [];
    const read = () => seen.push([currentContext()!.remainingMs, currentContext()!.priority]);
    runInContext({ deadline: 100, priority: 2, signal: outer.signal, clock }, () => {
      runInContext({ deadline: 1000, clock }, read);
      runInContext({ deadline: 10, priority: 7, clock }, read);
    });
    expect(seen).toEqual([
      [100, 2],
      [10, 7],
    ]);
    const outcome = runInContext({ signal: outer.signal }, () =>
      runInContext({ deadline: 1000, clock }, () => outcomeOf(retry({ clock }).execute(forever))),
    );
    outer.abort('outer');
    expect(await outcome).toEqual({ error: 'outer' });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('The priority of a request context', () => {
  it('is that of calls without a priority of their own', async () => {
    const seen: number[] = [];
    const read = ({ priority }: CallContext) => void seen.push(priority);
    await runInContext({ priority: 1 }, async () => {
      await retry().execute(read);
      await retry().execute(read, { priority: 3 });
      await runOutsideContext(() => retry().execute(read));
    });
    await runInContext({ deadline: '1s' }, () => retry().execute(read));
    expect(seen).toEqual([1, 3, 5, 5]);
  });
});

describe('Work that several callers share', () => {
  it('goes on in coalesce when the request context of the first caller is over', async () => {
    const client = new AbortController();
    const result = defer<string>();
    const once = coalesce();
    let context: unknown = 'unset';
    const operation = () => {
      context = currentContext();
      return result.promise;
    };
    const first = runInContext({ signal: client.signal }, () => outcomeOf(once.execute(operation, { key: 'a' })));
    const second = once.execute(operation, { key: 'a' });
    client.abort('left');
    expect(await first).toEqual({ error: 'left' });
    result.resolve('value');
    expect([await second, context]).toEqual(['value', undefined]);
  });

  it('goes on in a loading cache, whose waiter leaves at the end of its own request context', async () => {
    const clock = new TestClock();
    const inner = retry({ clock });
    const result = defer<string>();
    const cache = loadingCache<string, string>({
      capacity: 10,
      load: () => inner.execute(() => result.promise),
      clock,
    });
    const first = runInContext({ deadline: 100, clock }, () => outcomeOf(cache.get('a')));
    const second = cache.get('a');
    await clock.advance(100);
    expect(await first).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    result.resolve('value');
    expect(await second).toBe('value');
    expect(await runInContext({ deadline: 0, clock }, () => cache.get('a'))).toBe('value'); // a hit is no work
  });

  it('is aborted when its only waiter has left', async () => {
    const client = new AbortController();
    let signal: AbortSignal | undefined;
    const cache = loadingCache<string, string>({
      capacity: 10,
      load: (_key, context) => {
        signal = context.signal;
        return forever();
      },
    });
    const only = runInContext({ signal: client.signal }, () => outcomeOf(cache.get('a')));
    client.abort('left');
    expect(await only).toEqual({ error: 'left' });
    expect(signal!.aborted).toBe(true);
  });
});

describe('resilientFetch in a request context', () => {
  it('ends at the deadline before the headers, and in the body', async () => {
    const clock = new TestClock();
    const hanging = resilientFetch({ fetch: () => new Promise<Response>(() => {}), clock }) as typeof fetch;
    const headers = runInContext({ deadline: 100, clock }, () => outcomeOf(hanging('http://localhost/')));
    const streaming = resilientFetch({
      fetch: async () => new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(1)) })),
      clock,
    }) as typeof fetch;
    const body = runInContext({ deadline: 100, clock }, async () => {
      const response = await streaming('http://localhost/');
      return outcomeOf(response.text());
    });
    await clock.advance(100);
    expect(await headers).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    expect(await body).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    expect(clock.pendingTimers).toBe(0);
  });
});

describe('runInContext', () => {
  it('returns what the function returns, and throws what it throws', async () => {
    expect(runInContext({ priority: 1 }, () => 7)).toBe(7);
    expect(await runInContext({ priority: 1 }, async () => 7)).toBe(7);
    expect(() =>
      runInContext({}, () => {
        throw new Error('own');
      }),
    ).toThrow('own');
    let thens = 0;
    const lazy = { then: () => void thens++ };
    expect(runInContext({}, () => lazy)).toBe(lazy);
    expect(thens).toBe(0);
  });

  it('sets the context for asynchronous code, and no other', async () => {
    expect(currentContext()).toBeUndefined();
    await runInContext({ priority: 1 }, async () => {
      await sleep(1);
      expect(currentContext()!.priority).toBe(1);
      expect(runOutsideContext(currentContext)).toBeUndefined();
    });
    expect(currentContext()).toBeUndefined();
  });

  it.each([
    [{ deadline: -1 }, 'deadline'],
    [{ deadline: Number.NaN }, 'deadline'],
    [{ priority: Number.NaN }, 'priority'],
    [{ signal: {} as AbortSignal }, 'signal'],
    [{ dedline: 1 }, 'dedline'],
  ] as [object, string][])('rejects the options %j', (options, option) => {
    expect(() => runInContext(options, () => 1)).toThrow(InvalidOptionError);
    expect(() => runInContext(options, () => 1)).toThrow(`"${option}"`);
  });
});
