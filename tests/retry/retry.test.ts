import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Backoff,
  bulkhead,
  CircuitOpenError,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  pipeline,
  RetryBudget,
  type RetryEvents,
  type RetryOptions,
  retry,
  timeout,
  type Verdict,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { watch } from '../support/promises.js';

/** A retry on its own clock, with a log of its events, and an operation that fails `failures` times. */
function setUp(options: RetryOptions = {}, failures = Infinity, makeError = (n: number): unknown => new Error(`${n}`)) {
  const clock = new TestClock();
  const policy = retry({ backoff: constantBackoff(100), clock, ...options });
  const log: ({ type: string } & object)[] = [];
  for (const type of ['retry', 'giveUp'] as const) {
    policy.on(type, (event: RetryEvents[typeof type]) => log.push({ type, ...event }));
  }
  const startedAt: number[] = [];
  const operation = () => {
    startedAt.push(clock.now());
    if (startedAt.length <= failures) throw makeError(startedAt.length);
    return 'done';
  };
  return { clock, policy, log, startedAt, operation };
}

const giveUps = (log: { type: string }[]) => log.filter(({ type }) => type === 'giveUp');

describe('retry', () => {
  it('a failed attempt is retried, and each retry emits an event', async () => {
    const { clock, policy, log, startedAt, operation } = setUp({}, 2);
    const result = policy.execute(operation);
    await clock.advance(1000);
    expect(await result).toBe('done');
    expect(startedAt).toEqual([0, 100, 200]);
    expect(log).toEqual([
      { type: 'retry', attempt: 1, delayMs: 100, outcome: { ok: false, error: new Error('1') } },
      { type: 'retry', attempt: 2, delayMs: 100, outcome: { ok: false, error: new Error('2') } },
    ]);
  });

  it.each([1, 2, 3, 7])(
    'maxAttempts %i limits the attempts, and the last error is rethrown unchanged',
    async (maxAttempts) => {
      const { clock, policy, log, startedAt, operation } = setUp({ maxAttempts });
      const result = watch(policy.execute(operation));
      await clock.advance(10_000);
      expect(startedAt).toHaveLength(maxAttempts);
      expect(result.error).toEqual(new Error(`${maxAttempts}`));
      expect(giveUps(log)).toEqual([{ type: 'giveUp', reason: 'attempts', attempts: maxAttempts }]);
    },
  );

  it.each([undefined, null, 'text', Object.freeze(new Error('frozen')), new Proxy({}, {})])(
    'the thrown value %s is rethrown unchanged',
    async (thrown) => {
      const { clock, policy, operation } = setUp({ maxAttempts: 2 }, Infinity, () => thrown);
      const result = watch(policy.execute(operation));
      await clock.advance(1000);
      expect(result.state).toBe('rejected');
      expect(result.error).toBe(thrown);
    },
  );

  it('the last value that counts as a failure is returned unchanged', async () => {
    const clock = new TestClock();
    const values = [{ n: 1 }, { n: 2 }, { n: 3 }];
    const policy = retry({ clock, classify: ({ ok }) => (ok ? 'failure' : 'ignore') });
    let calls = 0;
    const result = policy.execute(() => values[calls++]);
    await clock.advance(10_000);
    expect(await result).toBe(values[2]);
  });

  it('each attempt receives its number, and attempts never overlap', async () => {
    const { clock, policy } = setUp({ maxAttempts: 4 });
    const seen: number[] = [];
    let running = 0;
    const result = watch(
      policy.execute(async ({ attempt }) => {
        expect(++running).toBe(1);
        seen.push(attempt);
        await null;
        running--;
        throw new Error('down');
      }),
    );
    await clock.advance(1000);
    await result.done;
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('a retry inside another retry counts its own attempts', async () => {
    const clock = new TestClock();
    const backoff = constantBackoff(1);
    const outer = retry({ maxAttempts: 2, backoff, clock });
    const inner = retry({ maxAttempts: 2, backoff, clock });
    const seen: number[] = [];
    const result = watch(
      pipeline(outer, inner).execute(({ attempt }) => {
        seen.push(attempt);
        throw new Error('down');
      }),
    );
    await clock.advance(1000);
    await result.done;
    expect(seen).toEqual([1, 2, 1, 2]);
  });

  it.each([
    ['a programming error', new TypeError('x is not a function')],
    ['a CircuitOpenError', new CircuitOpenError({ policy: 'other', retryAfterMs: 5 })],
  ])('%s is not retried', async (_name, error) => {
    const { policy, log, startedAt, operation } = setUp({}, Infinity, () => error);
    await expect(policy.execute(operation)).rejects.toBe(error);
    expect(startedAt).toEqual([0]);
    expect(log).toEqual([{ type: 'giveUp', reason: 'not-retryable', attempts: 1 }]);
  });

  it('a rejection by an open breaker of the same pipeline is not retried', async () => {
    const clock = new TestClock();
    const breaker = circuitBreaker({ initialState: 'open', clock });
    let rejections = 0;
    breaker.on('reject', () => rejections++);
    await expect(pipeline(retry({ clock }), breaker).execute(() => 1)).rejects.toBeInstanceOf(CircuitOpenError);
    expect(rejections).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an inner timeout is retried, and an outer timeout ends the call', async () => {
    const clock = new TestClock();
    const again = retry({ maxAttempts: 3, backoff: constantBackoff(100), clock });
    const reasons: string[] = [];
    again.on('giveUp', ({ reason }) => reasons.push(reason));
    let calls = 0;
    const hang = () => {
      calls++;
      return new Promise(() => {});
    };
    const inside = watch(pipeline(again, timeout({ duration: 50, clock, name: 'inner' })).execute(hang));
    await clock.advance(1000);
    expect(calls).toBe(3);
    expect(inside.error).toMatchObject({ code: 'ERR_TIMEOUT', policy: 'inner' });

    calls = 0;
    const outside = watch(pipeline(timeout({ duration: 50, clock, name: 'outer' }), again).execute(hang));
    await clock.advance(1000);
    expect(calls).toBe(1);
    expect(outside.error).toMatchObject({ code: 'ERR_TIMEOUT', policy: 'outer' });
    expect(reasons).toEqual(['attempts', 'aborted']);
  });

  it('the classify function of the policy takes precedence over that of the call', async () => {
    const { clock, policy, startedAt, operation } = setUp({ classify: () => 'ignore' });
    await expect(policy.execute(operation, { classify: () => 'failure' })).rejects.toThrow('1');
    expect(startedAt).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a throttled outcome is retried like a failure, within maxAttempts and not before its Retry-After', async () => {
    const clock = new TestClock();
    const startedAt: number[] = [];
    const policy = retry({ clock, maxAttempts: 3, backoff: () => 10 });
    const busy = Object.assign(new Error('busy'), { retryAfterMs: 500 });
    const call = watch(
      policy.execute(
        () => {
          startedAt.push(clock.now());
          throw busy;
        },
        { classify: () => 'throttled' },
      ),
    );
    await clock.advance(5000);
    expect(call.error).toBe(busy);
    expect(startedAt).toEqual([0, 500, 1000]);
  });

  it('a throttled value takes from the retry budget, and is returned when nothing is left', async () => {
    const clock = new TestClock();
    const budget = new RetryBudget({ ratio: 0, minPerSecond: 0.1, clock });
    const policy = retry({ clock, budget, backoff: () => 0 });
    let calls = 0;
    expect(await policy.execute(() => ++calls, { classify: () => 'throttled' })).toBe(2);
  });

  it('a permanent failure is not retried', async () => {
    const { policy, log, operation } = setUp();
    await expect(policy.execute(operation, { classify: () => 'permanent' })).rejects.toThrow('1');
    expect(log).toEqual([{ type: 'giveUp', reason: 'not-retryable', attempts: 1 }]);
  });

  it('a call that is not repeatable has one attempt, with any classify function of the policy or the call', async () => {
    for (const classify of [undefined, (): Verdict => 'failure']) {
      const { clock, policy, log, startedAt, operation } = setUp({ maxAttempts: 5, classify });
      await expect(policy.execute(operation, { repeatable: false, classify: () => 'failure' })).rejects.toThrow('1');
      expect([startedAt.length, clock.pendingTimers]).toEqual([1, 0]);
      expect(log).toEqual([{ type: 'giveUp', reason: 'not-retryable', attempts: 1 }]);
    }
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 2 });
    const repeated = watch(policy.execute(operation, { repeatable: true }));
    await clock.advance(60_000);
    expect([startedAt.length, repeated.state]).toEqual([2, 'rejected']);
  });

  it('a custom policy receives whether the operation is repeatable, also in a derived context', async () => {
    const seen: boolean[] = [];
    const spy = definePolicy({
      name: 'spy',
      run: async (next, context) => {
        using child = context.derive({ attempt: 2 });
        seen.push(context.repeatable, child.repeatable);
        return next(child);
      },
    });
    await pipeline(spy, spy).execute(() => 1, { repeatable: false });
    await spy.execute(() => 1);
    expect(seen).toEqual([false, false, false, false, true, true]);
  });
});

describe('When a retry gives up', () => {
  it('elapsed: a delay that would end after maxElapsed does not start', async () => {
    const { clock, policy, log, startedAt, operation } = setUp({ maxAttempts: 10, maxElapsed: 250 });
    const result = watch(policy.execute(operation));
    await clock.advance(200);
    expect(result.state).toBe('rejected');
    expect(startedAt).toEqual([0, 100, 200]);
    expect(giveUps(log)).toEqual([{ type: 'giveUp', reason: 'elapsed', attempts: 3 }]);
  });

  it('elapsed: an attempt exactly at maxElapsed still starts', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 10, maxElapsed: 200 });
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(startedAt).toEqual([0, 100, 200]);
  });

  it('elapsed: maxElapsed starts with the first attempt of the call', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 10, maxElapsed: 200 });
    await clock.advance(5000);
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(startedAt).toEqual([5000, 5100, 5200]);
  });

  it('deadline: a delay that would end after the deadline does not start', async () => {
    const { clock, policy, log, startedAt, operation } = setUp({ maxAttempts: 10 });
    const result = watch(policy.execute(operation, { timeout: 200 }));
    await clock.advance(100);
    expect(startedAt).toEqual([0, 100]);
    expect(result.error).toEqual(new Error('2')); // the error of the operation, not a timeout
    expect(giveUps(log)).toEqual([{ type: 'giveUp', reason: 'deadline', attempts: 2 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('backoff: a backoff that returns undefined ends the retries', async () => {
    const { policy, log, operation } = setUp({ backoff: () => undefined });
    await expect(policy.execute(operation)).rejects.toThrow('1');
    expect(log).toEqual([{ type: 'giveUp', reason: 'backoff', attempts: 1 }]);
  });

  it('aborted: an abort during a delay rejects at once with the reason', async () => {
    const { clock, policy, log, startedAt, operation } = setUp();
    const controller = new AbortController();
    const result = watch(policy.execute(operation, { signal: controller.signal }));
    await clock.advance(50);
    controller.abort('enough');
    await result.done;
    expect(result.error).toBe('enough');
    expect(clock.now()).toBe(50);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(1000);
    expect(startedAt).toEqual([0]);
    expect(giveUps(log)).toEqual([{ type: 'giveUp', reason: 'aborted', attempts: 1 }]);
  });

  it('aborted: a result that arrived before the abort is returned and emits no giveUp event', async () => {
    for (const verdict of ['success', 'failure'] as const) {
      const { clock, policy, log } = setUp({ classify: () => verdict });
      const controller = new AbortController();
      const result = policy.execute(() => 'there', { signal: controller.signal });
      controller.abort('too late');
      expect(await result).toBe('there');
      expect([log, clock.pendingTimers]).toEqual([[], 0]);
    }
  });

  it.each([Number.NaN, -1, Infinity, '5', Promise.resolve(5), null])(
    'a backoff that returns %s rejects the call with InvalidOptionError',
    async (delay) => {
      const { policy, operation } = setUp({ backoff: (() => delay) as never });
      await expect(policy.execute(operation)).rejects.toThrow('retry: "backoff" must return milliseconds ≥ 0');
    },
  );
});

describe('Retry-After', () => {
  const asking = (retryAfterMs: unknown) => () => Object.assign(new Error('busy'), { retryAfterMs });

  it('a Retry-After is a lower bound of the delay', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 2 }, 1, asking(700));
    const result = policy.execute(operation);
    await clock.advance(5000);
    await result;
    expect(startedAt).toEqual([0, 700]);
  });

  it('a Retry-After does not shorten the delay', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: 2 }, 1, asking(5));
    watch(policy.execute(operation));
    await clock.advance(5000);
    expect(startedAt).toEqual([0, 100]);
  });

  it('a Retry-After is also read from the header of a response', async () => {
    const clock = new TestClock();
    const policy = retry({ backoff: constantBackoff(100), clock });
    const responses = [new Response('busy', { status: 503, headers: { 'retry-after': '3' } }), new Response('fine')];
    const startedAt: number[] = [];
    const result = policy.execute(() => responses[startedAt.push(clock.now()) - 1] as Response, {
      classify: ({ ok, ...outcome }) =>
        ok && (outcome as { value: Response }).value.status < 500 ? 'success' : 'failure',
    });
    await clock.advance(10_000);
    expect(await (await result).text()).toBe('fine');
    expect(startedAt).toEqual([0, 3000]);
  });

  it('a Retry-After above maxRetryAfter ends the retries', async () => {
    const { policy, log, operation } = setUp({ maxRetryAfter: '10s' }, 1, asking(10_001));
    await expect(policy.execute(operation)).rejects.toThrow('busy');
    expect(log).toEqual([{ type: 'giveUp', reason: 'retry-after', attempts: 1 }]);
  });

  it('the delay lasts for a Retry-After of exactly maxRetryAfter', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxRetryAfter: '10s' }, 1, asking(10_000));
    watch(policy.execute(operation));
    await clock.advance(10_000);
    expect(startedAt).toEqual([0, 10_000]);
  });

  it('the retryAfterMs of a rejection by a policy does not extend the delay', async () => {
    const rejection = new CircuitOpenError({ policy: 'other', retryAfterMs: 60_000 });
    const { clock, policy, startedAt, operation } = setUp(
      { classify: ({ ok }) => (ok ? 'success' : 'failure') },
      1,
      () => rejection,
    );
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(startedAt).toEqual([0, 100]);
  });
});

describe('Unlimited retries', () => {
  it('unlimited retries have a delay of at least 1 ms', async () => {
    const { clock, policy, startedAt, operation } = setUp({ maxAttempts: Infinity, backoff: () => 0 }, 50);
    const result = policy.execute(operation);
    await clock.advance(100);
    expect(await result).toBe('done');
    expect(startedAt.slice(0, 4)).toEqual([0, 1, 2, 3]);
  });

  it('unlimited retries can be aborted and keep no memory of earlier attempts', async () => {
    const clock = new TestClock();
    const policy = retry({ maxAttempts: Infinity, backoff: () => 1, clock });
    const controller = new AbortController();
    const signals: WeakRef<object>[] = [];
    let calls = 0;
    const result = watch(
      policy.execute(
        ({ signal }) => {
          calls++;
          signal.addEventListener('abort', () => {});
          signals.push(new WeakRef(signal));
          throw new Error('down');
        },
        { signal: controller.signal },
      ),
    );
    await clock.advance(200);
    expect(calls).toBe(201);
    collectGarbage();
    expect(signals.filter((signal) => signal.deref() !== undefined).length).toBeLessThan(10);
    controller.abort('enough');
    await result.done;
    expect(result.error).toBe('enough');
  });

  it('a limited number of retries without delay runs in the same turn', async () => {
    const { clock, policy, operation } = setUp({ maxAttempts: 5, backoff: () => 0 }, 4);
    expect(await policy.execute(operation)).toBe('done');
    expect(clock.now()).toBe(0);
  });
});

describe('The event of a backoff', () => {
  it('a backoff receives the attempt, the previous delay, the outcome and the random source', async () => {
    const seen: Parameters<Backoff>[0][] = [];
    const random = () => 0.5;
    const backoff: Backoff = (event) => {
      seen.push(event);
      return event.attempt * 10;
    };
    const { clock, policy, operation } = setUp({ backoff, random }, 2);
    watch(policy.execute(operation));
    await clock.advance(1000);
    expect(seen).toEqual([
      { attempt: 1, previousDelayMs: undefined, outcome: { ok: false, error: new Error('1') }, random },
      { attempt: 2, previousDelayMs: 10, outcome: { ok: false, error: new Error('2') }, random },
    ]);
  });
});

describe('Operations that return a promise, a thenable or a value', () => {
  const policy = retry({ maxAttempts: 2, backoff: () => 0 });

  it.each([
    ['a plain value', () => 42],
    ['a promise', async () => 42],
    ['a thenable', () => ({ then: (resolve: (value: number) => void) => resolve(42) })],
    [
      'a thenable that resolves and then rejects',
      () => ({
        then(resolve: (value: number) => void, reject: (error: unknown) => void) {
          resolve(42);
          reject(new Error('too late'));
        },
      }),
    ],
  ])('an operation that returns %s returns its value', async (_name, operation) => {
    expect(await policy.execute(operation as () => number)).toBe(42);
  });

  it('undefined is a valid result', async () => {
    expect(await policy.execute(() => {})).toBe(undefined);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('thrown');
      },
    ],
    ['rejects', () => Promise.reject(new Error('thrown'))],
    [
      'returns a thenable that throws',
      () => ({
        then() {
          throw new Error('thrown');
        },
      }),
    ],
    [
      'returns a thenable whose then property throws',
      () => ({
        get then() {
          throw new Error('thrown');
        },
      }),
    ],
  ])('an operation that %s has failed and is retried', async (_name, fail) => {
    let calls = 0;
    const result = policy.execute(() => {
      calls++;
      return fail() as unknown;
    });
    await expect(result).rejects.toThrow('thrown');
    expect(calls).toBe(2);
  });

  it('a thenable that never settles can be aborted', async () => {
    const controller = new AbortController();
    const result = policy.execute(() => ({ then() {} }), { signal: controller.signal });
    controller.abort('enough');
    await expect(result).rejects.toBe('enough');
  });
});

it('every attempt runs in the async context of its caller', async () => {
  const storage = new AsyncLocalStorage<string>();
  const clock = new TestClock();
  const policy = pipeline(
    retry({ maxAttempts: 3, backoff: constantBackoff(10), clock }),
    bulkhead({ maxConcurrent: 1, maxQueue: 10, clock }),
    timeout({ duration: 5, clock }),
  );
  const seen: string[] = [];
  const results = ['one', 'two', 'three'].map((name) =>
    storage.run(name, () =>
      watch(
        policy.execute(({ attempt }) => {
          seen.push(`${name}${storage.getStore() === name ? '' : ' lost'}`);
          if (attempt < 3) return new Promise(() => {});
          return name;
        }),
      ),
    ),
  );
  await clock.advance(500);
  expect(results.map(({ value }) => value)).toEqual(['one', 'two', 'three']);
  expect(seen).toHaveLength(9);
  expect(seen.filter((name) => name.includes('lost'))).toEqual([]);
});

it('wrap passes this and the arguments to the function', async () => {
  const policy = retry({ backoff: () => 0 });
  let calls = 0;
  const counter = {
    base: 10,
    add: policy.wrap(async function (this: { base: number }, a: number, b: number) {
      if (++calls < 2) throw new Error('once');
      return this.base + a + b;
    }),
  };
  expect(await counter.add(1, 2)).toBe(13);
  expect(calls).toBe(2);
});
