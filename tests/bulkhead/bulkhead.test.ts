import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type BulkheadOptions,
  bulkhead,
  definePolicy,
  isResilienceError,
  type Permit,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, type Watched, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

/** A bulkhead on its own clock, and calls that end when `end` is called. */
function setUp(options: Partial<BulkheadOptions> = {}) {
  const clock = new TestClock();
  const policy = bulkhead({ maxConcurrent: 2, maxQueue: 10, clock, ...options });
  const log: string[] = [];
  policy.on('queued', ({ queued }) => log.push(`queued ${queued}`));
  policy.on('reject', ({ reason }) => log.push(`reject ${reason}`));
  policy.on('idle', () => log.push('idle'));
  const started: string[] = [];
  const call = (name: string, options?: { priority?: number; signal?: AbortSignal }) => {
    const gate: Deferred<string> = defer();
    const result: Watched<string> = watch(
      policy.execute(() => {
        started.push(name);
        return gate.promise;
      }, options),
    );
    return { ...gate, result, end: () => gate.resolve(name) };
  };
  return { clock, policy, log, started, call };
}

describe('bulkhead', () => {
  it('the bulkhead runs maxConcurrent calls, queues maxQueue calls and rejects the others', async () => {
    const { policy, log, started, call } = setUp({ maxConcurrent: 2, maxQueue: 1 });
    const [a, b, c, d] = [call('a'), call('b'), call('c'), call('d')];
    await settle();
    expect(started).toEqual(['a', 'b']);
    expect([policy.active, policy.queued]).toEqual([2, 1]);
    expect(isResilienceError(d.result.error, 'ERR_BULKHEAD_FULL')).toBe(true);
    b.end();
    await settle();
    expect(b.result.value).toBe('b');
    expect(started).toEqual(['a', 'b', 'c']);
    a.end();
    c.reject(new Error('c failed'));
    await settle();
    expect(c.result.error).toEqual(new Error('c failed'));
    expect([policy.active, policy.queued]).toEqual([0, 0]);
    expect(log).toEqual(['queued 1', 'reject full', 'idle']);
  });

  it('the bulkhead has no queue by default', async () => {
    const { call } = setUp({ maxConcurrent: 1, maxQueue: undefined, name: 'reports' });
    call('a');
    const b = call('b');
    await settle();
    expect(b.result.error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'reports' });
  });

  it('queued calls have no timer without a queue timeout', async () => {
    for (const [queueTimeout, timers] of [
      [undefined, 0],
      ['1s', 1],
    ] as const) {
      const { clock, policy, call } = setUp({ maxConcurrent: 1, queueTimeout });
      call('a');
      call('b');
      expect([policy.queued, clock.pendingTimers]).toEqual([1, timers]);
    }
  });

  it('a call that arrives while a slot is handed over does not overtake the queue', async () => {
    const { started, call } = setUp({ maxConcurrent: 1, maxQueue: 2 });
    const a = call('a');
    const b = call('b');
    const newcomer = a.promise.then(() => call('newcomer'));
    a.end();
    await newcomer;
    await settle();
    expect(started).toEqual(['a', 'b']);
    b.end();
    await settle();
    expect(started).toEqual(['a', 'b', 'newcomer']);
  });

  it('a slot is released and given to the next waiter before the caller receives its result', async () => {
    const { policy, call } = setUp({ maxConcurrent: 1 });
    const a = call('a');
    const seen: unknown[] = [];
    const done = a.result.done.then(() => seen.push([policy.active, policy.queued]));
    call('b');
    a.end();
    await done;
    expect(seen).toEqual([[1, 0]]);
  });

  it('waiters leave the queue by priority, and in arrival order within one priority', async () => {
    const { started, call } = setUp({ maxConcurrent: 1 });
    const calls = [call('running')];
    for (const [name, priority] of [
      ['e', 9],
      ['c', undefined],
      ['a', 0],
      ['d', 5],
      ['b', 0],
      ['first', -1],
    ] as const) {
      calls.push(call(name, priority === undefined ? {} : { priority }));
    }
    for (const each of calls) each.end();
    await settle();
    expect(started).toEqual(['running', 'first', 'a', 'b', 'c', 'd', 'e']);
  });

  it('an operation that throws synchronously releases its slot', async () => {
    const { policy } = setUp();
    const thrower = () => {
      throw new Error('at once');
    };
    await expect(policy.execute(thrower)).rejects.toThrow('at once');
    expect(policy.active).toBe(0);
  });

  it('a queued operation runs in the async context of its caller', async () => {
    const storage = new AsyncLocalStorage<number>();
    const policy = bulkhead({ maxConcurrent: 1, maxQueue: 10 });
    const seen = await Promise.all(
      [1, 2, 3].map((n) =>
        storage.run(n, () =>
          policy.execute(async () => {
            await settle();
            return storage.getStore();
          }),
        ),
      ),
    );
    expect(seen).toEqual([1, 2, 3]);
  });

  it('an operation that calls its own full bulkhead waits until the queue timeout', async () => {
    const { clock, policy } = setUp({ maxConcurrent: 1, queueTimeout: 100 });
    const result = watch(policy.execute(() => policy.execute(() => 'never')));
    await clock.advance(100);
    expect(result.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT', timeoutMs: 100 });
    expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([0, 0, 0]);
  });
});

it('an inner policy that throws instead of rejecting holds no slot', async () => {
  const { clock, policy } = setUp({ maxConcurrent: 1 });
  const budget = {
    recordRequest() {
      throw new Error('the budget failed');
    },
    tryRetry: () => true,
  };
  const broken = pipeline(policy, retry({ budget: budget as never, clock }));
  await expect(broken.execute(() => 1)).rejects.toThrow('the budget failed');
  expect(policy.active).toBe(0);
  const thrower = definePolicy({
    name: 'manual',
    clock,
    run: (_next, context) =>
      policy.run(() => {
        throw new Error('at once');
      }, context),
  });
  await expect(thrower.execute(() => 1)).rejects.toThrow('at once');
  expect([policy.active, clock.pendingTimers]).toEqual([0, 0]);
});

describe('A waiter that leaves the queue', () => {
  it('an aborted waiter leaves the queue at once, and a new call can take its place', async () => {
    const { policy, started, call } = setUp({ maxConcurrent: 1, maxQueue: 1 });
    const a = call('a');
    const { controller, listeners } = countingController();
    const b = call('b', { signal: controller.signal });
    controller.abort('no longer');
    expect(policy.queued).toBe(0);
    const c = call('c');
    await settle();
    expect(b.result.error).toBe('no longer');
    expect(listeners()).toBe(0);
    a.end();
    await settle();
    expect(started).toEqual(['a', 'c']);
    c.end();
  });

  it('a call that was aborted before it reached the bulkhead takes no slot and is not rejected', async () => {
    const { clock, policy, log, call } = setUp({ maxConcurrent: 1, maxQueue: 1 });
    const [a, b] = [call('a'), call('b')];
    const tooLate = definePolicy({
      name: 'too late',
      run(next, context) {
        const child = context.derive({});
        child.abort('by a policy outside');
        return next(child);
      },
    });
    await expect(pipeline(tooLate, policy).execute(() => expect.unreachable())).rejects.toBe('by a policy outside');
    a.end();
    await settle();
    await expect(pipeline(tooLate, policy).execute(() => expect.unreachable())).rejects.toBe('by a policy outside');
    expect([policy.active, policy.queued, clock.pendingTimers]).toEqual([1, 0, 0]);
    expect(log).toEqual(['queued 1']);
    b.end();
  });

  it('the other waiters keep their order when waiters leave from the front, the middle and the end', async () => {
    const { started, call } = setUp({ maxConcurrent: 1 });
    const running = call('running');
    const controllers = [0, 1, 2, 3, 4].map(() => new AbortController());
    const calls = controllers.map(({ signal }, index) => call(`${index}`, { signal }));
    for (const index of [0, 2, 4]) controllers[index]?.abort();
    for (const each of [running, ...calls]) each.end();
    await settle();
    expect(started).toEqual(['running', '1', '3']);
  });

  it('an abort between the hand-over of a slot and the start releases the slot to the next waiter', async () => {
    const { policy, started, call } = setUp({ maxConcurrent: 1 });
    const a = call('a');
    const controller = new AbortController();
    const b = call('b', { signal: controller.signal });
    const c = call('c');
    a.end();
    const aborted = a.result.done.then(() => controller.abort('in between'));
    // Abort in the same microtask in which the slot is handed over, in either order.
    await aborted;
    await settle();
    expect([b.result.state, started]).toEqual(['rejected', ['a', 'b', 'c']]);
    c.end();
    b.end();
    await settle();
    expect(policy.active).toBe(0);
    expect(started.at(-1)).toBe('c');
  });

  it('the queue timeout rejects only waiters that have waited too long', async () => {
    const { clock, log, started, call } = setUp({ maxConcurrent: 1, queueTimeout: '1s' });
    const a = call('a');
    const b = call('b');
    await clock.advance(600);
    const c = call('c');
    await clock.advance(400);
    expect(b.result.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT', timeoutMs: 1000 });
    expect(c.result.state).toBe('pending');
    a.end();
    await clock.advance(5000);
    expect(started).toEqual(['a', 'c']); // the queue timeout does not apply to a started call
    c.end();
    await settle();
    expect(clock.pendingTimers).toBe(0);
    expect(log).toEqual(['queued 1', 'queued 2', 'reject queue-timeout', 'idle']);
  });

  it('an outer timeout ends the wait, and the operation does not start', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 5, clock });
    const permit = slots.tryAcquire();
    let calls = 0;
    const result = watch(pipeline(timeout({ duration: 50, clock }), slots).execute(() => ++calls));
    await clock.advance(50);
    expect(result.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(slots.queued).toBe(0);
    permit?.release();
    await settle();
    expect([calls, slots.active]).toEqual([0, 0]);
  });
});

describe('Permits', () => {
  it('a permit holds one slot, which is released once', async () => {
    const { policy, call, started } = setUp({ maxConcurrent: 2 });
    const one = policy.tryAcquire() as Permit;
    const two = await policy.acquire();
    expect(policy.tryAcquire()).toBe(undefined);
    call('a');
    call('b');
    one.release();
    one.release();
    one[Symbol.dispose]();
    await settle();
    expect(started).toEqual(['a']);
    two[Symbol.dispose]();
    await settle();
    expect(started).toEqual(['a', 'b']);
    expect(policy.active).toBe(2);
  });

  it('acquire waits in the same queue, with a priority', async () => {
    const { policy, started, call } = setUp({ maxConcurrent: 1 });
    const first = policy.tryAcquire();
    const a = call('a');
    const urgent = policy.acquire({ priority: 1 }).then((permit) => {
      started.push('urgent');
      return permit;
    });
    first?.release();
    const permit = await urgent;
    expect(started).toEqual(['urgent']);
    permit.release();
    await settle();
    expect(started).toEqual(['urgent', 'a']);
    a.end();
  });

  it('acquire can be aborted and is rejected like a call', async () => {
    const { clock, policy } = setUp({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100 });
    const permit = await policy.acquire();
    const { controller, listeners } = countingController();
    const aborted = watch(policy.acquire({ signal: controller.signal }));
    await expect(policy.acquire()).rejects.toMatchObject({ code: 'ERR_BULKHEAD_FULL' });
    controller.abort('enough');
    expect(policy.queued).toBe(0);
    await aborted.done;
    expect(aborted.error).toBe('enough');
    expect(listeners()).toBe(0);
    await expect(policy.acquire({ signal: controller.signal })).rejects.toBe('enough');
    const late = watch(policy.acquire());
    await clock.advance(100);
    expect(late.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
    permit.release();
    const { controller: unused, listeners: left } = countingController();
    (await policy.acquire({ signal: unused.signal })).release();
    expect([policy.active, left(), clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('acquire validates its options', async () => {
    const { policy } = setUp();
    await expect(policy.acquire({ signal: {} as AbortSignal })).rejects.toThrow(
      'bulkhead.acquire: "signal" must be an AbortSignal',
    );
    await expect(policy.acquire({ priority: Number.NaN })).rejects.toThrow(
      'bulkhead.acquire: "priority" must be a finite number',
    );
    await expect(policy.acquire({ prio: 1 } as object)).rejects.toThrow(
      'bulkhead.acquire: "prio" is unknown (did you mean "priority"?), got 1',
    );
    expect(policy.active).toBe(0);
  });
});

describe('Resizing', () => {
  it('a larger size admits waiters at once', async () => {
    const { policy, started, call } = setUp({ maxConcurrent: 1 });
    for (const name of ['a', 'b', 'c', 'd']) call(name);
    policy.resize(3);
    await settle();
    expect(started).toEqual(['a', 'b', 'c']);
    expect([policy.active, policy.queued]).toEqual([3, 1]);
  });

  it('a smaller size lets running calls finish and admits waiters only when slots are left', async () => {
    const { policy, started, call } = setUp({ maxConcurrent: 3 });
    const calls = ['a', 'b', 'c', 'd', 'e'].map((name) => call(name));
    policy.resize(1);
    expect(policy.active).toBe(3);
    calls[0]?.end();
    calls[1]?.end();
    await settle();
    expect(started).toEqual(['a', 'b', 'c']);
    expect(policy.active).toBe(1);
    calls[2]?.end();
    await settle();
    expect(started).toEqual(['a', 'b', 'c', 'd']);
  });

  it.each([0, -1, 1.5, Number.NaN, Infinity])('resize rejects %s', (size) => {
    expect(() => setUp().policy.resize(size)).toThrow('bulkhead: "maxConcurrent" must be an integer ≥ 1');
  });
});

describe('Closing', () => {
  it('close rejects new calls and resolves when all accepted calls have finished', async () => {
    const { policy, log, started, call } = setUp({ maxConcurrent: 1 });
    const [a, b] = [call('a'), call('b')];
    const closed = watch(policy.close());
    const late = call('late');
    expect(policy.tryAcquire()).toBe(undefined);
    await expect(policy.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await settle();
    expect(late.result.error).toMatchObject({ code: 'ERR_CLOSED' });
    expect(closed.state).toBe('pending');
    a.end();
    b.end();
    await settle();
    expect(started).toEqual(['a', 'b']);
    expect(b.result.value).toBe('b');
    expect(closed.state).toBe('fulfilled');
    expect(log).toContain('reject closed');
    await policy.close();
  });

  it('dispose also rejects the waiters and does not affect running calls', async () => {
    const { clock, policy, log, call } = setUp({ maxConcurrent: 1, queueTimeout: '1m', name: 'reports' });
    const [a, b, c] = [call('a'), call('b'), call('c')];
    policy[Symbol.dispose]();
    policy[Symbol.dispose]();
    await settle();
    const closed = { code: 'ERR_CLOSED', policy: 'reports' };
    expect([b.result.error, c.result.error]).toMatchObject([closed, closed]);
    expect([policy.queued, clock.pendingTimers]).toEqual([0, 0]);
    expect(log.filter((entry) => entry === 'reject closed')).toHaveLength(2);
    a.end();
    await settle();
    expect(a.result.value).toBe('a');
    expect(policy.active).toBe(0);
    await expect(policy.execute(() => expect.unreachable())).rejects.toMatchObject(closed);
    expect(policy.tryAcquire()).toBe(undefined);
  });

  it('onIdle resolves when no call runs and no call waits', async () => {
    const { policy, call } = setUp({ maxConcurrent: 1 });
    await policy.onIdle();
    const [a, b] = [call('a'), call('b')];
    const idle = watch(policy.onIdle());
    a.end();
    await settle();
    expect(idle.state).toBe('pending');
    expect(policy.queued).toBe(0);
    const idleAfterB = watch(policy.onIdle());
    await settle();
    expect(idleAfterB.state).toBe('pending');
    b.end();
    await settle();
    expect([idle.state, idleAfterB.state]).toEqual(['fulfilled', 'fulfilled']);
  });
});

it('a queue of 100,000 waiters serves the waiters that are not aborted', async () => {
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: Infinity });
  const permit = policy.tryAcquire();
  const controller = new AbortController();
  let served = 0;
  const calls = Array.from({ length: 100_000 }, (_, index) =>
    policy.execute(() => ++served, index % 2 === 0 ? { signal: controller.signal } : {}).catch(() => {}),
  );
  expect(policy.queued).toBe(100_000);
  controller.abort();
  expect(policy.queued).toBe(50_000);
  permit?.release();
  await Promise.all(calls);
  expect(served).toBe(50_000);
  expect(policy.active).toBe(0);
});
