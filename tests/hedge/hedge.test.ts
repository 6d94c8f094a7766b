import {
  bulkhead,
  circuitBreaker,
  fallback,
  hedge,
  LoadBalancer,
  pipeline,
  retry,
  roundRobin,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { fixture, manualOperation, timedOperation } from './setup.js';

const down = new Error('down');

describe('A hedge', () => {
  it('a call that is answered before the delay runs once', async () => {
    const { clock, policy, log } = fixture();
    const { operation, started } = timedOperation(clock, 99);
    const call = watch(policy.execute(operation));
    await clock.advance(200);
    expect(call.value).toBe('run 0');
    expect(started).toEqual([{ at: 0, attempt: 1, hedge: 0 }]);
    expect(log).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a call that is not answered within the delay runs a second time, and the first success wins', async () => {
    const { clock, policy, log } = fixture();
    const { operation, started, aborted } = timedOperation(clock, 500, 50);
    const call = watch(policy.execute(operation));
    await clock.advance(150);
    expect(call.value).toBe('run 1');
    expect(started).toEqual([
      { at: 0, attempt: 1, hedge: 0 },
      { at: 100, attempt: 1, hedge: 1 },
    ]);
    expect(aborted).toEqual([0]);
    expect(log).toEqual(['hedge 1.1 after 100 ms because of delay', 'win 1.1']);
    expect(policy.stats).toEqual({ calls: 1, hedges: 1, wins: 1, skipped: 0, delayMs: 100 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('the first run wins if it is faster than its hedge, which is aborted', async () => {
    const { clock, policy, log } = fixture();
    const { operation, aborted } = timedOperation(clock, 120, 50);
    const call = watch(policy.execute(operation));
    await clock.advance(120);
    expect(call.value).toBe('run 0');
    expect(aborted).toEqual([1]);
    expect(log).toEqual(['hedge 1.1 after 100 ms because of delay']);
    expect(policy.stats).toMatchObject({ hedges: 1, wins: 0 });
  });

  it('further hedges start one delay after the previous one, up to maxHedges', async () => {
    const { clock, policy } = fixture({ maxHedges: 3 });
    const { operation, started, aborted } = timedOperation(clock, 1000);
    const call = watch(policy.execute(operation));
    await clock.advance(999);
    expect(started.map(({ at, hedge: number }) => [at, number])).toEqual([
      [0, 0],
      [100, 1],
      [200, 2],
      [300, 3],
    ]);
    await clock.advance(1);
    expect(call.value).toBe('run 0');
    expect(aborted).toEqual([1, 2, 3]);
  });

  it('a failure starts the next hedge immediately', async () => {
    const { clock, policy, log } = fixture();
    const { operation, started } = timedOperation(clock, -20, 30);
    const call = watch(policy.execute(operation));
    await clock.advance(50);
    expect(call.value).toBe('run 1');
    expect(started.map(({ at }) => at)).toEqual([0, 20]);
    expect(log).toEqual(['hedge 1.1 after 20 ms because of failure', 'win 1.1']);
    await clock.advance(1000);
    expect(started).toHaveLength(2);
  });

  it('a failure while another hedge may start postpones the delay of that one', async () => {
    const { clock, policy } = fixture({ maxHedges: 2 });
    const { operation, started } = timedOperation(clock, -20, 500, 10);
    const call = watch(policy.execute(operation));
    await clock.advance(130);
    expect(started.map(({ at }) => at)).toEqual([0, 20, 120]);
    expect(call.value).toBe('run 2');
  });

  it('O2: a failed attempt never ends one that may still succeed, whichever of them it is', async () => {
    for (const failing of [0, 1]) {
      const { clock, policy } = fixture();
      const { runs, operation } = manualOperation();
      const call = watch(policy.execute(operation));
      await clock.advance(100);
      runs[failing]!.reject(down);
      await settle();
      expect(call.state).toBe('pending');
      runs[1 - failing]!.resolve('well');
      await settle();
      expect(call.value).toBe('well');
    }
  });

  it('if all runs fail, the call ends with the first failure', async () => {
    const { clock, policy } = fixture({ maxHedges: 2 });
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation));
    await clock.advance(200);
    runs[1]!.reject(down);
    runs[0]!.reject(new Error('a later failure'));
    runs[2]!.reject(new Error('the last failure'));
    await settle();
    expect(call.error).toBe(down);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each(['throttled', 'permanent', 'ignore'] as const)(
    'an outcome that is judged %s starts no hedge, and ends the call if nothing else runs',
    async (verdict) => {
      const { clock, policy } = fixture({ classify: () => verdict });
      const { operation, started } = timedOperation(clock, -20, 10);
      const call = watch(policy.execute(operation));
      await clock.advance(1000);
      expect(call.error).toMatchObject({ message: 'run 0 has failed' });
      expect(started).toHaveLength(1);
    },
  );

  it('a throttled run starts no further hedge, and the others continue', async () => {
    const classify = ({ ok }: { ok: boolean }) => (ok ? ('success' as const) : ('throttled' as const));
    const { clock, policy } = fixture({ maxHedges: 5, classify });
    const { operation, started } = timedOperation(clock, -120, 400);
    const call = watch(policy.execute(operation));
    await clock.advance(499);
    expect(started).toHaveLength(2);
    expect(call.state).toBe('pending');
    await clock.advance(1);
    expect(call.value).toBe('run 1');
  });

  it('a value that is judged a failure is returned unchanged if no run succeeds', async () => {
    const { policy } = fixture({ classify: () => 'failure' });
    const values = [{ first: true }, { first: false }];
    const all = [...values];
    expect(await policy.execute(() => all.shift())).toBe(values[0]);
  });

  it('O1: if the cap is reached, no hedge starts, and everything that runs continues', async () => {
    const { clock, policy, log } = fixture({ maxHedges: 10 });
    const { operation, started } = timedOperation(clock, 2000);
    const calls = Array.from({ length: 5 }, () => watch(policy.execute(operation)));
    await clock.advance(1999);
    expect(started).toHaveLength(5 + 10); // 10 hedges in ten seconds are the floor
    expect(log.filter((line) => line === 'skip 1 because of budget').length).toBeGreaterThan(0);
    expect(calls.every(({ state }) => state === 'pending')).toBe(true);
    await clock.advance(1);
    expect(calls.map(({ value }) => value)).toEqual(['run 0', 'run 1', 'run 2', 'run 3', 'run 4']);
  });

  it('O3: losers are aborted with one shared reason, their permits are back, and nothing is counted for them', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 10, clock });
    const breaker = circuitBreaker({ consecutiveFailures: 1, clock });
    const balancer = new LoadBalancer(['a', 'b', 'c'], {
      pick: roundRobin(),
      outlier: { consecutiveFailures: 1 },
      clock,
    });
    const policy = pipeline(
      hedge({ delay: 10, maxHedges: 2, clock }),
      breaker,
      slots,
      timeout({ duration: '1s', clock }),
    );
    const { runs, operation } = manualOperation();
    const nodes: string[] = [];
    const call = balancer.execute(
      (context) => {
        nodes.push(context.node);
        return operation(context);
      },
      { policy },
    );
    await clock.advance(20);
    expect(slots.active).toBe(3);
    expect(new Set(nodes).size).toBe(3);
    runs[2]!.resolve('well');
    expect(await call).toBe('well');
    expect(slots.active).toBe(0);
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 0 });
    expect(balancer.nodes.map(({ active, failures, successes }) => [active, failures, successes])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 1],
    ]);
    const [first, second] = runs.map(({ context }) => context.signal);
    expect(first!.reason).toMatchObject({ name: 'AbortError' });
    expect(first!.reason).toBe(second!.reason);
    expect(runs[2]!.context.signal.aborted).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });

  it('O4: a call that must not be repeated is never hedged, neither after the delay nor after a failure', async () => {
    const { clock, policy, log } = fixture();
    const slow = timedOperation(clock, 500);
    const failing = timedOperation(clock, -50);
    const calls = [slow, failing].map(({ operation }) => watch(policy.execute(operation, { repeatable: false })));
    await clock.advance(500);
    expect([slow.started.length, failing.started.length]).toEqual([1, 1]);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'rejected']);
    expect(log).toEqual(['skip 1 because of not-safe', 'skip 1 because of not-safe']);
  });

  it('no hedge starts when the deadline has passed, and none with less time than half of the calls take', async () => {
    const { clock, policy, log } = fixture({ delay: 'p99', minSamples: 100 });
    const usual = timedOperation(clock, 40);
    for (let i = 0; i < 100; i++) {
      const call = policy.execute(usual.operation);
      await clock.advance(40);
      await call;
    }
    const limited = pipeline(timeout({ duration: 75, clock }), policy);
    const { operation, started } = timedOperation(clock, 500);
    const call = watch(limited.execute(operation));
    await clock.advance(500);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(started).toHaveLength(1); // due at about 40 ms, with 35 ms left
    expect(log).toEqual(['skip 1 because of deadline']);
  });
});

describe('A hedged call', () => {
  it('rejects with the abort reason of its caller within microtasks, and nothing is left running', async () => {
    const { clock, policy } = fixture({ maxHedges: 2 });
    const { controller, listeners } = countingController();
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation, { signal: controller.signal }));
    await clock.advance(100);
    expect(runs).toHaveLength(2);
    controller.abort(down);
    for (let i = 0; i < 20; i++) await null;
    expect(call.error).toBe(down);
    expect(runs.map(({ context }) => context.signal.reason)).toEqual([down, down]);
    await clock.advance(1000);
    expect(runs).toHaveLength(2);
    expect([listeners(), clock.pendingTimers]).toEqual([0, 0]);
  });

  it('rejects with the abort reason although a run has returned a value that was no success', async () => {
    const { clock, policy } = fixture({ classify: ({ ok }) => (ok ? 'failure' : 'ignore') });
    const { runs, operation } = manualOperation();
    const controller = new AbortController();
    const call = watch(policy.execute(operation, { signal: controller.signal }));
    runs[0]!.resolve('bad');
    await settle();
    expect(runs).toHaveLength(2);
    controller.abort(down);
    await settle();
    expect(call.error).toBe(down);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an aborted signal starts no run', async () => {
    const { policy } = fixture();
    const { runs, operation } = manualOperation();
    await expect(policy.execute(operation, { signal: AbortSignal.abort(down) })).rejects.toBe(down);
    expect(runs).toHaveLength(0);
  });

  it('late results and errors of losers change nothing and are never unhandled', async () => {
    using uncaught = catchUncaught();
    const { clock, policy } = fixture({ maxHedges: 2 });
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation));
    await clock.advance(200);
    runs[1]!.resolve('well');
    await settle();
    expect(call.value).toBe('well');
    runs[0]!.reject(down);
    runs[2]!.resolve('late');
    await settle();
    expect(uncaught.rejections).toEqual([]);
    expect(policy.stats.wins).toBe(1);
  });

  it('an operation that throws synchronously, or returns a thenable, settles like one that returns a promise', async () => {
    const { policy } = fixture();
    let runs = 0;
    const thrown = policy.execute(() => {
      runs++;
      throw down;
    });
    await expect(thrown).rejects.toBe(down);
    expect(runs).toBe(2); // the failure has started a hedge
    expect(await policy.execute(() => 'at once')).toBe('at once');
    const thenable = { then: (done: (value: string) => void) => done('thenable') } as PromiseLike<string>;
    expect(await policy.execute(() => thenable)).toBe('thenable');
  });

  it('two runs that succeed in the same turn have one winner, and the other value is discarded', async () => {
    const { clock, policy } = fixture();
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation));
    await clock.advance(100);
    const cancelled: number[] = [];
    const response = (number: number) => ({ body: { locked: false, cancel: () => cancelled.push(number) } });
    runs[1]!.resolve(response(1));
    runs[0]!.resolve(response(0));
    await settle();
    expect(call.state).toBe('fulfilled');
    expect(cancelled).toEqual([0]);
  });

  it('one response that both runs return is not discarded', async () => {
    const { clock, policy } = fixture();
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation));
    await clock.advance(100);
    const cancelled: string[] = [];
    const shared = { body: { locked: false, cancel: () => cancelled.push('shared') } };
    for (const run of runs) run.resolve(shared);
    await settle();
    expect(call.value).toBe(shared);
    expect(cancelled).toEqual([]);
  });

  it('the body of a bad value is discarded when another run has succeeded', async () => {
    const classify = (outcome: { ok: boolean; value?: unknown }) =>
      (outcome.value as { bad?: boolean }).bad ? ('failure' as const) : ('success' as const);
    const { policy } = fixture({ classify });
    let dumped = 0;
    const values = [{ bad: true, body: { dump: async () => void dumped++ } }, { bad: false }];
    expect(await policy.execute(() => values.shift())).toEqual({ bad: false });
    expect(dumped).toBe(1);
  });

  it('an error of classify ends the call with that error and aborts the other runs', async () => {
    const { clock, policy } = fixture({
      classify: () => {
        throw down;
      },
    });
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation));
    await clock.advance(100);
    runs[0]!.resolve(1);
    await settle();
    expect(call.error).toBe(down);
    expect(runs[1]!.context.signal.aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the hedges of a second attempt have its number and numbers of their own', async () => {
    const clock = new TestClock();
    const policy = pipeline(
      retry({ clock, maxAttempts: 2, backoff: () => 0 }),
      hedge({ delay: 100, clock }),
      timeout({ duration: 300, clock }),
    );
    const seen: [number, number][] = [];
    const call = watch(
      policy.execute(({ attempt, hedge: number }) => {
        seen.push([attempt, number]);
        return new Promise(() => {});
      }),
    );
    await clock.advance(5000);
    expect(call.error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(seen).toEqual([
      [1, 0],
      [1, 1],
      [2, 0],
      [2, 1],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('a hedge has an attempt timeout and a place in the bulkhead of its own', async () => {
    const clock = new TestClock();
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 5, clock });
    const policy = pipeline(hedge({ delay: 100, clock }), slots, timeout({ duration: 150, clock }));
    const { operation, started } = timedOperation(clock, 1000, 20);
    const call = watch(policy.execute(operation));
    await clock.advance(149);
    expect([slots.active, slots.queued, started.length]).toEqual([1, 1, 1]);
    await clock.advance(21);
    expect(call.value).toBe('run 1');
    expect([slots.active, slots.queued]).toEqual([0, 0]);
  });

  it('a hedge that a bulkhead or a breaker rejects does not end the first run', async () => {
    const clock = new TestClock();
    const policy = pipeline(hedge({ delay: 100, clock }), bulkhead({ maxConcurrent: 1, clock }));
    const { operation } = timedOperation(clock, 400);
    const call = watch(policy.execute(operation));
    await clock.advance(400);
    expect(call.value).toBe('run 0');
  });

  it('a fallback inside or outside keeps its meaning', async () => {
    const clock = new TestClock();
    const outside = pipeline(fallback('instead'), hedge({ delay: 100, clock }));
    expect(await outside.execute(() => Promise.reject(down))).toBe('instead');
    const inside = pipeline(hedge({ delay: 100, clock }), fallback('instead'));
    expect(await inside.execute(() => Promise.reject(down))).toBe('instead');
  });

  it('a hedge inside another hedge has a number above that of the outer one', async () => {
    const clock = new TestClock();
    const policy = pipeline(hedge({ delay: 100, clock }), hedge({ delay: 30, clock }));
    const numbers: number[] = [];
    const call = watch(
      policy.execute(({ hedge: number }) => {
        numbers.push(number);
        return numbers.length === 4 ? 'well' : new Promise(() => {});
      }),
    );
    await clock.advance(130);
    expect(numbers).toEqual([0, 1, 1, 2]);
    expect(call.value).toBe('well');
    expect(clock.pendingTimers).toBe(0);
  });

  it('a listener and an operation may call the same policy again', async () => {
    const { clock, policy } = fixture();
    const inner: unknown[] = [];
    policy.on('hedge', () => void policy.execute(() => 'from the listener').then((value) => inner.push(value)));
    const first = defer();
    const call = watch(
      policy.execute(({ hedge: number }) =>
        number === 0 ? first.promise : policy.execute(() => 'from the operation'),
      ),
    );
    await clock.advance(100);
    expect(call.value).toBe('from the operation');
    expect(inner).toEqual(['from the listener']);
  });

  it('a listener that aborts the call when a hedge starts ends it', async () => {
    const { clock, policy } = fixture();
    const controller = new AbortController();
    policy.on('hedge', () => controller.abort(down));
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation, { signal: controller.signal }));
    await clock.advance(100);
    expect(call.error).toBe(down);
    expect(runs).toHaveLength(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an error of a listener is reported and does not change the call', async () => {
    using uncaught = catchUncaught();
    const { clock, policy } = fixture();
    policy.on('hedge', () => {
      throw down;
    });
    const { operation } = timedOperation(clock, 500, 10);
    const call = watch(policy.execute(operation));
    await clock.advance(110);
    expect(call.value).toBe('run 1');
    await settle();
    expect(uncaught.errors).toEqual([down]);
  });

  it('the deadline and the key of a hedge are those of its call', async () => {
    const clock = new TestClock();
    const policy = pipeline(timeout({ duration: 1000, clock }), hedge({ delay: 100, clock }));
    const { runs, operation } = manualOperation();
    const call = watch(policy.execute(operation, { key: 'users', priority: 2 }));
    await clock.advance(100);
    for (const { context } of runs) expect(context).toMatchObject({ deadline: 1000, key: 'users', priority: 2 });
    runs[1]!.resolve(1);
    await settle();
    expect(call.value).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });
});
