import {
  type Bulkhead,
  bulkhead,
  type CallContext,
  type CircuitBreaker,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  fallback,
  keyed,
  type Policy,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

/**
 * Every policy alone and a pipeline of all of them. The abort happens at every step in the life of a call, one microtask
 * or one moment of time at a time, and the result must be the same at each step.
 */
interface Subject {
  readonly policy: Policy<unknown>;
  readonly bulkhead?: Bulkhead;
  readonly breaker?: CircuitBreaker;
  /** Releases what the test holds beside the call, such as the permit of the only slot. */
  finish?(): void;
}

const slotted = (clock: TestClock) => bulkhead({ maxConcurrent: 1, maxQueue: 2, queueTimeout: '10m', clock });

/** A bulkhead whose only slot is taken: the call waits in the queue until 200 ms. */
function occupied(clock: TestClock): { bulkhead: Bulkhead; finish(): void } {
  const full = slotted(clock);
  const permit = full.tryAcquire();
  const releaseTimer = clock.setTimeout(() => permit?.release(), 200);
  return {
    bulkhead: full,
    finish() {
      clock.clearTimeout(releaseTimer);
      permit?.release();
    },
  };
}

const attempts = (clock: TestClock) => retry({ maxAttempts: 3, backoff: constantBackoff(100), clock });
const halfOpen = (clock: TestClock) =>
  circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 1, maxFailures: 5 }, clock });

const subjects: Record<string, (clock: TestClock) => Subject> = {
  'a custom policy that waits': (clock) => ({
    policy: definePolicy({
      name: 'waits',
      clock,
      async run(next, context) {
        await context.sleep(50);
        await context.wait(Promise.resolve());
        return next(context.derive({}));
      },
    }),
  }),
  timeout: (clock) => ({ policy: timeout({ duration: '1m', clock }) }),
  retry: (clock) => ({ policy: attempts(clock) }),
  'circuitBreaker, closed': (clock) => {
    const breaker = circuitBreaker({ clock });
    return { policy: breaker, breaker };
  },
  'circuitBreaker, half-open': (clock) => {
    const breaker = halfOpen(clock);
    return { policy: breaker, breaker };
  },
  'bulkhead, free': (clock) => {
    const free = slotted(clock);
    return { policy: free, bulkhead: free };
  },
  'bulkhead, queued': (clock) => {
    const { bulkhead: full, finish } = occupied(clock);
    return { policy: full, bulkhead: full, finish };
  },
  fallback: () => ({ policy: fallback(async () => new Promise((resolve) => setImmediate(resolve))) }),
  keyed: (clock) => {
    const full = slotted(clock);
    return { policy: keyed(() => full, { clock }), bulkhead: full };
  },
  'pipeline of all': (clock) => {
    const { bulkhead: full, finish } = occupied(clock);
    const breaker = halfOpen(clock);
    const inner = pipeline(breaker, full, timeout({ duration: '5s', clock }));
    const policy = pipeline(
      fallback('an answer', { classify: () => 'ignore' }),
      timeout({ duration: '1m', clock }),
      attempts(clock),
      keyed(() => inner, { clock }),
    );
    return { policy, bulkhead: full, breaker, finish };
  },
};

/** Operations that fail twice and then succeed, 30 ms each. One reacts to its signal, and one ignores it. */
const operations: Record<string, (clock: TestClock) => (context: CallContext) => Promise<string>> = {
  'an operation that reacts to its signal': (clock) => (context) =>
    new Promise((resolve, reject) => {
      context.signal.addEventListener('abort', () => reject(new Error('the operation was aborted')));
      clock.setTimeout(() => (context.attempt < 3 ? reject(new Error('down')) : resolve('done')), 30);
    }),
  'an operation that ignores its signal': (clock) => (context) =>
    new Promise((resolve, reject) => {
      clock.setTimeout(() => (context.attempt < 3 ? reject(new Error('down')) : resolve('done')), 30);
    }),
};

const MICROTASKS_A_STEP = 12;
/** Long enough for the slowest subject: 200 ms in the queue, three attempts of 30 ms, two delays of 100 ms. */
const MOMENTS = 52;

for (const [name, make] of Object.entries(subjects)) {
  for (const [kind, makeOperation] of Object.entries(operations)) {
    it(`${name}: a call that is aborted at any step of ${kind} rejects with the reason and releases everything`, async () => {
      let aborted = 0;
      for (let moment = 0; moment < MOMENTS; moment++) {
        for (let microtask = 0; microtask < MICROTASKS_A_STEP; microtask++) {
          if (await abortAt(make, makeOperation, moment * 10, microtask)) aborted++;
        }
      }
      expect(aborted).toBeGreaterThan(MICROTASKS_A_STEP); // at least one whole moment of the call was tested
    });
  }
}

const isPending = ({ state }: { state: string }) => state === 'pending';

/** @returns whether the call was pending when the signal aborted. */
async function abortAt(
  make: (clock: TestClock) => Subject,
  makeOperation: (clock: TestClock) => (context: CallContext) => Promise<string>,
  atMs: number,
  atMicrotask: number,
): Promise<boolean> {
  const clock = new TestClock();
  const subject = make(clock);
  const operation = makeOperation(clock);
  const { controller, listeners } = countingController();
  const reason = { why: 'enough' };
  let calls = 0;
  let running: AbortSignal | undefined;
  let succeeded = false;
  const result = watch(
    subject.policy.execute(
      (context) => {
        calls++;
        running = context.signal;
        return operation(context)
          .then((value) => {
            succeeded = true;
            return value;
          })
          .finally(() => {
            running = undefined;
          });
      },
      { signal: controller.signal, key: 'key' },
    ),
  );
  if (atMs > 0) await clock.advance(atMs);
  await microtasks(atMicrotask);
  if (!isPending(result)) {
    subject.finish?.();
    await settle();
    expect(listeners()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    return false;
  }

  const callsBefore = calls;
  const [runningBefore, succeededBefore] = [running, succeeded];
  controller.abort(reason);
  if (subject.bulkhead !== undefined) expect(subject.bulkhead.queued).toBe(0); // a queued call leaves the queue at once
  if (runningBefore !== undefined) expect(runningBefore.reason).toBe(reason);
  await microtasks(40);
  if (result.state === 'fulfilled') {
    expect(succeededBefore).toBe(true); // the operation had fulfilled before the abort
    expect(result.value).toBe('done');
  } else expect(result).toMatchObject({ state: 'rejected', error: reason });
  const ours = clock.pendingTimers;
  await clock.advance(60_000);
  expect(calls).toBe(callsBefore); // no further call starts
  subject.finish?.();
  await settle();
  expect(ours).toBeLessThanOrEqual(2); // the operation's own timer and that of the slot's holder
  expect(listeners()).toBe(0);
  expect(clock.pendingTimers).toBe(0);
  if (subject.bulkhead !== undefined) expect(subject.bulkhead.active).toBe(0);
  if (subject.breaker?.state === 'half-open') {
    const permit = subject.breaker.tryAcquire(); // the probe is back
    expect(permit).toBeDefined();
    permit?.release();
  }
  return true;
}

describe('An abort', () => {
  const policies = Object.entries(subjects);

  it.each(policies)(
    '%s: a signal that is already aborted rejects the call, and the operation does not run',
    async (_name, make) => {
      const clock = new TestClock();
      const subject = make(clock);
      const { controller, listeners } = countingController();
      controller.abort('too late');
      let calls = 0;
      const result = subject.policy.execute(() => ++calls, { signal: controller.signal, key: 'key' });
      await expect(result).rejects.toBe('too late');
      expect(calls).toBe(0);
      expect(listeners()).toBe(0);
      subject.finish?.();
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('an abort loses against an operation whose promise is already fulfilled', async () => {
    for (const [, make] of policies) {
      const clock = new TestClock();
      const subject = make(clock);
      const controller = new AbortController();
      const result = subject.policy.execute(
        () => {
          const { promise, resolve } = defer<string>();
          resolve('won');
          controller.abort(new Error('lost'));
          return promise;
        },
        { signal: controller.signal, key: 'key' },
      );
      const watched = watch(result);
      await clock.advance(300);
      expect(watched).toMatchObject({ state: 'fulfilled', value: 'won' });
      subject.finish?.();
    }
  });

  it('an abort wins against an operation that settles because of the abort', async () => {
    const controller = new AbortController();
    const result = timeout('1m').execute(
      ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve('a consolation'));
        }),
      { signal: controller.signal },
    );
    controller.abort('the reason');
    await expect(result).rejects.toBe('the reason');
  });

  it('an abort of the caller aborts the signal of the operation with the same reason', async () => {
    const controller = new AbortController();
    let seen: AbortSignal | undefined;
    const result = watch(
      pipeline(timeout('1m'), retry(), timeout('10s')).execute(
        ({ signal }) => {
          seen = signal;
          return new Promise(() => {});
        },
        { signal: controller.signal },
      ),
    );
    const reason = new Error('stop');
    controller.abort(reason);
    expect(seen?.aborted).toBe(true);
    expect(seen?.reason).toBe(reason);
    await result.done;
    expect(result.error).toBe(reason);
  });

  it('an abort reason of any type is passed on unchanged', async () => {
    for (const reason of ['text', 0, null, Object.freeze({}), new Error('error')]) {
      const controller = new AbortController();
      const result = retry().execute(() => new Promise(() => {}), { signal: controller.signal });
      controller.abort(reason);
      await expect(result).rejects.toBe(reason);
    }
    const controller = new AbortController();
    const result = watch(retry().execute(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort();
    await result.done;
    expect(result.error).toBe(controller.signal.reason);
  });

  it('an aborted call does not run its operation again, even if a custom policy calls next again', async () => {
    const stubborn = definePolicy({
      name: 'stubborn',
      async run(next, context) {
        try {
          return await next(context);
        } catch {
          return next(context);
        }
      },
    });
    const controller = new AbortController();
    let calls = 0;
    const result = stubborn.execute(
      () => {
        calls++;
        return new Promise(() => {});
      },
      { signal: controller.signal },
    );
    controller.abort('stop');
    await expect(result).rejects.toBe('stop');
    expect(calls).toBe(1);
  });

  it('1,000 calls on one signal share one listener, which is removed when the signal aborts', async () => {
    const { controller, listeners } = countingController();
    const policy = retry();
    const results = Array.from({ length: 1000 }, () =>
      watch(policy.execute(() => new Promise(() => {}), { signal: controller.signal })),
    );
    expect(listeners()).toBe(1);
    controller.abort('all');
    await settle();
    expect(results.every(({ error }) => error === 'all')).toBe(true);
    expect(listeners()).toBe(0);
  });

  it('1,000 sequential calls leave no listener on their signal and no timer', async () => {
    const { controller, listeners } = countingController();
    const clock = new TestClock();
    const policy = pipeline(timeout({ duration: 100, clock }), retry({ clock }), bulkhead({ maxConcurrent: 9, clock }));
    for (let i = 0; i < 1000; i++) await policy.execute(() => i, { signal: controller.signal });
    expect(listeners()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an abort of a derived context ends only the calls of that context', async () => {
    const hedge = definePolicy({
      name: 'first of two',
      async run(next, context) {
        const [one, two] = [context.derive({ attempt: 1 }), context.derive({ attempt: 2 })];
        const winner = await Promise.race([next(one), next(two)]);
        one.abort('lost');
        two.abort('lost');
        return winner;
      },
    });
    const lost: unknown[] = [];
    const result = await hedge.execute(
      ({ attempt, signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => lost.push([attempt, signal.reason]));
          if (attempt === 2) resolve('second');
        }),
    );
    expect(result).toBe('second');
    expect(lost).toContainEqual([1, 'lost']);
  });
});
