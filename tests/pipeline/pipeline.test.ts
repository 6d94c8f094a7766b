import { AsyncLocalStorage } from 'node:async_hooks';
import {
  bulkhead,
  type CallContext,
  type Clock,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  fallback,
  type PipelineEvents,
  type Policy,
  type PolicyContext,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { watch } from '../support/promises.js';

/** A policy that logs the start and the end of each call. */
const spy = (name: string, log: string[]) =>
  definePolicy({
    name,
    async run(next, context) {
      log.push(`> ${name}`);
      try {
        return await next(context);
      } finally {
        log.push(`< ${name}`);
      }
    },
  });

describe('pipeline', () => {
  it('a pipeline runs its policies from the outermost to the innermost', async () => {
    const log: string[] = [];
    const policy = pipeline(spy('a', log), spy('b', log), spy('c', log));
    expect(await policy.execute(() => log.push('!'))).toBe(4);
    expect(log.join(' ')).toBe('> a > b > c ! < c < b < a');
    expect(policy.policies.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(Object.isFrozen(policy.policies)).toBe(true);
  });

  it('a pipeline without policies runs the operation', async () => {
    expect(await pipeline().execute(() => 42)).toBe(42);
  });

  it('a pipeline can be nested in other pipelines at any position, and can be shared', async () => {
    const log: string[] = [];
    const inner = pipeline(spy('b', log), spy('c', log));
    const outer = pipeline(spy('a', log), inner, spy('d', log));
    const other = pipeline(inner, pipeline(inner));
    await Promise.all([outer.execute(() => log.push('!')), outer.execute(() => log.push('!'))]);
    log.length = 0;
    await outer.execute(() => log.push('!'));
    expect(log.join(' ')).toBe('> a > b > c > d ! < d < c < b < a');
    log.length = 0;
    await other.execute(() => log.push('!'));
    expect(log.join(' ')).toBe('> b > c > b > c ! < c < b < c < b');
  });

  it('a custom policy can run a pipeline with its own next function', async () => {
    const log: string[] = [];
    const inner = pipeline(spy('in', log));
    const custom = definePolicy({ name: 'custom', run: (next, context) => inner.run(next, context) });
    expect(await custom.execute(() => 'done')).toBe('done');
    expect(await pipeline(custom, spy('after', log)).execute(() => 'done')).toBe('done');
    expect(log.join(' ')).toBe('> in < in > in > after < after < in');
  });

  it('a pipeline serves concurrent and re-entrant calls', async () => {
    const clock = new TestClock();
    const policy = pipeline(
      retry({ clock }),
      bulkhead({ maxConcurrent: 10, clock }),
      timeout({ duration: 100, clock }),
    );
    const nested = (depth: number): Promise<number> =>
      policy.execute(async () => (depth === 0 ? 0 : 1 + (await nested(depth - 1))));
    expect(await Promise.all([nested(3), nested(2), policy.execute(() => 7)])).toEqual([3, 2, 7]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a pipeline rejects policies with different clocks and accepts policies without a clock', () => {
    const [one, two] = [new TestClock(), new TestClock()];
    expect(() => pipeline(retry({ clock: one }), timeout({ duration: 1, clock: two, name: 'slow' }))).toThrow(
      'pipeline: "policies" must all use the same clock, but "slow" uses a different one',
    );
    expect(() => pipeline(retry({ clock: one }), retry())).toThrow('must all use the same clock');
    const custom = definePolicy({ name: 'mine', run: (next, context) => next(context) });
    const joined = pipeline(fallback(1), custom, retry({ clock: one }), pipeline(fallback(2)));
    expect(joined.clock).toBe(one);
    expect(() => pipeline(joined, retry({ clock: two }))).toThrow('must all use the same clock');
  });

  it('a policy object of the caller that throws or returns a plain value works like one that returns a promise', async () => {
    const handmade = (run: () => unknown) =>
      ({ ...pipeline(), name: 'handmade', run, clock: fallback(1).clock, describe: () => ({}) }) as unknown as Policy;
    const thrower = handmade(() => {
      throw new Error('at once');
    });
    await expect(pipeline(fallback('instead'), thrower).execute(() => 1)).resolves.toBe('instead');
    await expect(
      pipeline(
        fallback('instead'),
        handmade(() => 'no promise'),
      ).execute(() => 1),
    ).resolves.toBe('no promise');
  });

  it('describe returns the description of the pipeline and its policies', () => {
    const clock = new TestClock();
    const policy = pipeline(
      fallback(1),
      retry({ clock }),
      circuitBreaker({ clock }),
      bulkhead({ maxConcurrent: 5, clock }),
      pipeline(timeout({ duration: '1s', clock })),
      definePolicy({ name: 'mine', run: (next, context) => next(context), describe: () => ({ level: 3 }) }),
    );
    expect(policy.describe()).toMatchObject({
      kind: 'pipeline',
      policies: [
        { kind: 'fallback', name: 'fallback' },
        { kind: 'retry', maxAttempts: 3, maxElapsedMs: Infinity, maxRetryAfterMs: 30_000, budget: undefined },
        { kind: 'circuitBreaker', state: 'closed' },
        { kind: 'bulkhead', maxConcurrent: 5, maxQueue: 0, queueTimeoutMs: Infinity },
        { kind: 'pipeline', policies: [{ kind: 'timeout', timeoutMs: 1000 }] },
        { kind: 'custom', name: 'mine', level: 3 },
      ],
    });
  });
});

describe('Events of a pipeline', () => {
  function setUp() {
    const clock = new TestClock();
    const policy = pipeline(retry({ maxAttempts: 3, backoff: constantBackoff(100), clock }));
    const log: unknown[] = [];
    for (const type of ['success', 'failure'] as const) {
      policy.on(type, (event: PipelineEvents[typeof type]) => log.push([type, event]));
    }
    return { clock, policy, log };
  }

  it('the events contain the duration and the attempts of a call', async () => {
    const { clock, policy, log } = setUp();
    let calls = 0;
    watch(policy.execute(() => (++calls < 3 ? Promise.reject(new Error('down')) : 'done')));
    await clock.advance(1000);
    expect(log).toEqual([['success', { durationMs: 200, attempts: 3, outcome: { ok: true, value: 'done' } }]]);
  });

  it('a value that classify judges as a failure emits failure like an error', async () => {
    const { clock, policy, log } = setUp();
    const error = new Error('down');
    watch(policy.execute(() => 'bad', { classify: () => 'permanent' }));
    watch(policy.execute(() => Promise.reject(error)));
    await clock.advance(1000);
    expect(log).toEqual([
      ['failure', { durationMs: 0, attempts: 1, outcome: { ok: true, value: 'bad' } }],
      ['failure', { durationMs: 200, attempts: 3, outcome: { ok: false, error } }],
    ]);
  });

  it('a throttled value is retried, and emits failure if it is returned', async () => {
    const { clock, policy, log } = setUp();
    watch(policy.execute(() => 'busy', { classify: () => 'throttled' }));
    await clock.advance(1000);
    expect(log).toEqual([['failure', { durationMs: 200, attempts: 3, outcome: { ok: true, value: 'busy' } }]]);
  });

  it('a rejection before the operation counts as 0 attempts, and inner pipelines emit events too', async () => {
    const clock = new TestClock();
    const inner = pipeline(circuitBreaker({ initialState: 'open', clock }));
    const log: unknown[] = [];
    inner.on('failure', ({ attempts }) => log.push(attempts));
    await pipeline(fallback('instead'), inner).execute(() => 1);
    expect(log).toEqual([0]);
  });

  it('an error of the classify function does not change the result of the call', async () => {
    const log: string[] = [];
    const policy = pipeline();
    policy.on('success', () => log.push('success'));
    const classify = () => {
      throw new Error('the classify function failed');
    };
    expect(await policy.execute(() => 1, { classify })).toBe(1);
    expect(log).toEqual(['success']);
  });
});

describe('Contexts', () => {
  const inspect = (run: (context: CallContext) => unknown, options?: object) => pipeline().execute(run, options);

  it('the context contains the attempt, the deadline, the priority, the key and the signal of the call', async () => {
    await inspect(({ attempt, deadline, priority, key, signal }) => {
      expect([attempt, deadline, priority, key, signal.aborted]).toEqual([1, Infinity, 5, undefined, false]);
    });
    await inspect(({ priority, key }) => expect([priority, key]).toEqual([0, 'k']), { priority: 0, key: 'k' });
  });

  it('the context returns the same signal at each access', async () => {
    await inspect((context) => expect(context.signal).toBe(context.signal));
  });

  it('a derived context inherits the fields of its parent and never has a later deadline', async () => {
    const clock = new TestClock();
    const seen: unknown[] = [];
    const deriving = definePolicy({
      name: 'deriving',
      clock,
      run(next, context) {
        const later = context.derive({ deadline: 10_000, attempt: 7 });
        const sooner = later.derive({ deadline: 10 });
        seen.push(later.deadline, later.attempt, sooner.deadline, sooner.attempt, sooner.key, sooner.priority);
        expect(sooner.classify).toBe(context.classify);
        return next(sooner);
      },
    });
    await deriving.execute(({ attempt }) => seen.push(attempt), { timeout: 500, key: 'k', priority: 1 });
    expect(seen).toEqual([500, 7, 10, 7, 'k', 1, 7]);
  });

  it('a disposed child context ignores aborts of its parent', async () => {
    const controller = new AbortController();
    const signals: AbortSignal[] = [];
    const policy = definePolicy({
      name: 'three children',
      async run(next, context) {
        const children = [context.derive({}), context.derive({}), context.derive({})];
        signals.push(...children.map(({ signal }) => signal));
        children[1]?.[Symbol.dispose]();
        children[1]?.[Symbol.dispose]();
        return next(context);
      },
    });
    const result = watch(policy.execute(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort('enough');
    await result.done;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, true]);
  });

  it('a context that is derived from an aborted context is aborted', async () => {
    const controller = new AbortController();
    const policy = definePolicy({
      name: 'late',
      async run(_next, context) {
        controller.abort('enough');
        const child = context.derive({});
        expect([child.aborted, child.signal.reason]).toEqual([true, 'enough']);
        await expect(child.sleep(10)).rejects.toBe('enough');
        await expect(child.wait(new Promise(() => {}))).rejects.toBe('enough');
        return 'done';
      },
    });
    expect(await policy.execute(() => 1, { signal: controller.signal })).toBe('done');
  });

  it('an abort without a reason has the reason of the platform', async () => {
    const policy = definePolicy({
      name: 'aborting',
      async run(next, context) {
        const child = context.derive({});
        const result = next(child);
        child.abort(undefined);
        child.abort('a second reason changes nothing');
        return result;
      },
    });
    await expect(policy.execute(() => new Promise(() => {}))).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('a context rejects an invalid sleep duration and an invalid deadline', async () => {
    const asking = (run: (context: PolicyContext) => unknown) =>
      definePolicy({ name: 'asking', run: async (_next, context) => run(context) }).execute(() => 1);
    for (const ms of [Number.NaN, '5s', undefined, {}, -1]) {
      await expect(asking((context) => context.sleep(ms as never))).rejects.toThrow('"ms" must be a number ≥ 0');
    }
    await expect(asking((context) => context.derive({ deadline: Number.NaN }))).rejects.toThrow('derive: "deadline"');
  });

  it('a copy of a context is rejected by next()', async () => {
    const spreading = definePolicy({ name: 'spreading', run: (next, context) => next({ ...context }) });
    await expect(spreading.execute(() => 1)).rejects.toThrow('A context must be made with context.derive()');
  });
});

describe('Policies that end in one reaction', () => {
  it('Listeners of a timeout, a breaker and a bulkhead run in the async context of their call', async () => {
    const clock = new TestClock();
    const storage = new AsyncLocalStorage<string>();
    const received: string[] = [];
    const listenerFor = (event: string) => () => received.push(`${event}: ${storage.getStore()}`);
    for (const observed of ['timeout', 'breaker', 'bulkhead']) {
      const [breaker, slots, limit] = [
        circuitBreaker({ clock, consecutiveFailures: 2 }),
        bulkhead({ maxConcurrent: 2, clock }),
        timeout({ duration: 100, clock }),
      ];
      if (observed === 'timeout') limit.on('timeout', listenerFor('timeout'));
      if (observed === 'breaker') breaker.on('open', listenerFor('open'));
      if (observed === 'bulkhead') slots.on('idle', listenerFor('idle'));
      const policy = pipeline(breaker, slots, limit);
      const calls = ['first', 'second'].map((name) =>
        watch(storage.run(name, () => policy.execute(() => new Promise(() => {})))),
      );
      await storage.run('the test', () => clock.advance(100));
      expect(calls.map(({ error }) => (error as Error | undefined)?.name)).toEqual(['TimeoutError', 'TimeoutError']);
    }
    expect(received).toEqual(['timeout: first', 'timeout: second', 'open: second', 'idle: second']);
  });

  it('A timeout releases the slot and counts for the outer breaker, even if the operation settles later', async () => {
    const clock = new TestClock();
    const breaker = circuitBreaker({ clock, window: { calls: 10 } });
    const slots = bulkhead({ maxConcurrent: 1, clock });
    const policy = pipeline(breaker, slots, timeout({ duration: 100, clock }));
    let answer: (value: string) => void = () => {};
    const call = watch(policy.execute(() => new Promise<string>((resolve) => (answer = resolve))));
    await clock.advance(100);
    expect([slots.active, breaker.stats.calls, breaker.stats.failures]).toEqual([0, 1, 1]);
    answer('late');
    await clock.advance(1);
    expect([slots.active, breaker.stats.calls, breaker.stats.failures]).toEqual([0, 1, 1]);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(await policy.execute(() => 'next')).toBe('next');
    expect(clock.pendingTimers).toBe(0);
  });
});

it('A clock that throws while a call enters a policy releases the permits of the outer policies', async () => {
  const clock = new TestClock();
  const broken = new Error('no time');
  let isBroken = false;
  const now = () => {
    if (isBroken) throw broken;
    return clock.now();
  };
  const failing: Clock = { now, setTimeout: (...args) => clock.setTimeout(...args), clearTimeout: () => {} };
  const slots = bulkhead({ maxConcurrent: 1, clock: failing });
  const policy = pipeline(
    slots,
    timeout({ duration: '1s', clock: failing }),
    timeout({ duration: '1s', clock: failing }),
  );
  isBroken = true;
  await expect(policy.execute(async () => 1)).rejects.toBe(broken);
  expect(slots.active).toBe(0);
  isBroken = false;
  expect(await policy.execute(async () => 1)).toBe(1);
});
