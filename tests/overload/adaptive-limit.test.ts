import {
  BulkheadFullError,
  bulkhead,
  defaultClassify,
  type Outcome,
  pipeline,
  retry,
  TimeoutError,
  timeout,
} from 'breakwater';
import { adaptiveLimit, aimdLimit, type LimitAlgorithm } from 'breakwater/overload';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { BlockedLoopClock } from '../support/blocked-loop-clock.js';
import { ManualClock } from '../support/manual-clock.js';
import { defer, settle, watch } from '../support/promises.js';
import { makeRounds } from './load.js';

/** An algorithm that records its samples and returns the limit that the test sets. */
function recorder() {
  const samples: (readonly [latencyMs: number, inFlight: number, isOverload: boolean])[] = [];
  const settings = { limit: 4, discarded: 0 };
  const algorithm: LimitAlgorithm = {
    name: 'recorder',
    start: () => ({
      reason: 'latency',
      baselineMs: 7,
      sample(latencyMs, inFlight, isOverload) {
        samples.push([latencyMs, inFlight, isOverload]);
        return settings.limit;
      },
      discard: () => settings.discarded++,
    }),
  };
  return { samples, settings, algorithm };
}

const failed = (error: unknown): Outcome => ({ ok: false, error });
const answer = (value: unknown): Outcome => ({ ok: true, value });
const timedOut = new TimeoutError({ policy: 'timeout', timeoutMs: 500 });

describe('An adaptive limit', () => {
  it('admits as many calls as its limit, and rejects the others with BulkheadFullError', async () => {
    const limit = adaptiveLimit({ initialLimit: 2, name: 'users' });
    const calls = [1, 2, 3].map(() => watch(limit.execute(() => new Promise<never>(() => {}))));
    await settle();
    expect(calls.map(({ state }) => state)).toEqual(['pending', 'pending', 'rejected']);
    expect(calls[2]?.error).toBeInstanceOf(BulkheadFullError);
    expect(calls[2]?.error).toMatchObject({ policy: 'users' });
    expect([limit.limit, limit.active, limit.queued]).toEqual([2, 2, 0]);
  });

  it('measures each call from the admission, with the number of calls in flight', async () => {
    const clock = new TestClock();
    const { samples, algorithm } = recorder();
    const limit = adaptiveLimit({ initialLimit: 2, maxQueue: 5, algorithm, clock });
    const ends = [defer(), defer(), defer()];
    const calls = ends.map(({ promise }) => limit.execute(() => promise));
    await clock.advance(100);
    ends[0]?.resolve(0);
    await clock.advance(30);
    ends[1]?.resolve(0);
    ends[2]?.resolve(0);
    await Promise.all(calls);
    expect(samples).toEqual([
      [100, 1, false],
      [130, 2, false],
      [30, 2, false],
    ]);
  });

  it('a change of the limit admits waiters, and is emitted with its reason', async () => {
    const { settings, algorithm } = recorder();
    const clock = new TestClock();
    const limit = adaptiveLimit({ initialLimit: 1, maxQueue: 5, algorithm, clock });
    const changes: unknown[] = [];
    limit.on('limit', (change) => changes.push(change));
    const first = defer();
    const calls = [first, defer(), defer(), defer()].map(({ promise }) => watch(limit.execute(() => promise)));
    settings.limit = 3.9;
    first.resolve('done');
    await settle();
    expect([limit.limit, limit.active, limit.queued]).toEqual([3, 3, 0]);
    expect(changes).toEqual([{ from: 1, to: 3, reason: 'latency' }]);
    expect(calls.map(({ state }) => state)).toEqual(['fulfilled', 'pending', 'pending', 'pending']);
  });

  it('a limit that shrinks rejects no running call, and admits none until enough have ended', async () => {
    const { settings, algorithm } = recorder();
    const limit = adaptiveLimit({ initialLimit: 3, algorithm, clock: new TestClock() });
    const permits = [limit.tryAcquire(), limit.tryAcquire(), limit.tryAcquire()];
    settings.limit = 1;
    permits[0]?.release(answer(1));
    expect([limit.limit, limit.active, limit.tryAcquire()]).toEqual([1, 2, undefined]);
    permits[1]?.release(answer(1));
    expect(limit.tryAcquire()).toBeUndefined();
    permits[2]?.release(answer(1));
    expect(limit.tryAcquire()).toBeDefined();
  });

  it('the limit stays within its bounds, whatever the algorithm returns', () => {
    const { settings, algorithm } = recorder();
    const limit = adaptiveLimit({ minLimit: 2, maxLimit: 50, algorithm, clock: new TestClock() });
    for (const [returned, expected] of [
      [1e9, 50],
      [-5, 2],
      [Number.NaN, 2],
      [Infinity, 50],
      [7.99, 7],
    ] as const) {
      settings.limit = returned;
      limit.tryAcquire()?.release(answer(1));
      expect(limit.limit).toBe(expected);
    }
  });

  it('timeouts, throttled calls and status 503 show an overload; other failures are no samples', () => {
    const clock = new TestClock();
    const loadOf = (outcome: Outcome) => {
      const { samples, algorithm } = recorder();
      adaptiveLimit({ algorithm, clock }).tryAcquire()?.release(outcome);
      const [sample] = samples;
      return sample === undefined ? 'none' : sample[2] ? 'overload' : 'normal';
    };
    const status = (code: number) => Object.assign(new Error(String(code)), { status: code });
    expect(loadOf(answer('value'))).toBe('normal');
    expect(loadOf(answer({ status: 'done' }))).toBe('normal');
    expect(loadOf(answer({ statusCode: 200 }))).toBe('normal');
    expect(loadOf(failed(status(404)))).toBe('normal');
    expect(loadOf(failed(timedOut))).toBe('overload');
    expect(loadOf(failed(status(429)))).toBe('overload');
    expect(loadOf(failed(status(503)))).toBe('overload');
    expect(loadOf(answer(new Response(null, { status: 503 })))).toBe('overload');
    expect(loadOf(answer({ statusCode: 503 }))).toBe('overload');
    expect(loadOf(answer(new Response(null, { status: 429 })))).toBe('overload');
    expect(loadOf(answer(new Response(null, { status: 500 })))).toBe('none');
    expect(loadOf(answer(new Response(null, { status: 404 })))).toBe('normal');
    expect(loadOf(failed(status(500)))).toBe('none');
    expect(loadOf(failed(new Error('down')))).toBe('none');
    expect(loadOf(failed(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))).toBe('none');
    expect(loadOf(failed(new TypeError('x is not a function')))).toBe('none');
    expect(loadOf(failed(new BulkheadFullError({ policy: 'inner' })))).toBe('none');
    expect(loadOf(failed(Object.assign(new TimeoutError({ policy: 't', timeoutMs: 1 }), { stalledMs: 80 })))).toBe(
      'none',
    );
    const hostile = Object.defineProperty({}, 'status', {
      get() {
        throw new Error('no');
      },
    });
    expect(loadOf(answer(hostile))).toBe('normal');
  });

  it('a permit that is released without an outcome is not counted', () => {
    const { samples, algorithm } = recorder();
    const limit = adaptiveLimit({ algorithm, clock: new TestClock() });
    limit.tryAcquire()?.release();
    limit.tryAcquire()?.[Symbol.dispose]();
    expect([samples, limit.active]).toEqual([[], 0]);
  });

  it('an abort by the caller is no sample; a timeout outside is an overload unless the call has waited', async () => {
    const clock = new TestClock();
    const { samples, settings, algorithm } = recorder();
    settings.limit = 1;
    const limit = adaptiveLimit({ initialLimit: 1, maxQueue: 5, algorithm, clock });
    const hangs = () => new Promise<never>(() => {});
    const controller = new AbortController();
    const left = watch(limit.execute(hangs, { signal: controller.signal }));
    controller.abort();
    await settle();
    expect([left.state, samples]).toEqual(['rejected', []]);

    const outer = pipeline(timeout({ duration: 100, clock }), limit);
    const late = watch(outer.execute(hangs));
    const waiting = watch(outer.execute(hangs));
    await clock.advance(100);
    expect([late.state, waiting.state, samples]).toEqual(['rejected', 'rejected', [[100, 1, true]]]);

    const held = limit.tryAcquire();
    const waited = watch(outer.execute(hangs));
    await clock.advance(60);
    held?.release();
    await clock.advance(40);
    expect([waited.state, samples.length, limit.active]).toEqual(['rejected', 1, 0]);
  });

  it('the classify option decides, and a slot is released even if it throws', async () => {
    const { samples, algorithm } = recorder();
    const broken = new Error('classify');
    const limit = adaptiveLimit({
      algorithm,
      clock: new TestClock(),
      classify(outcome, context) {
        if (outcome.ok && outcome.value === 'throw') throw broken;
        return outcome.ok && outcome.value === 'busy' ? 'throttled' : defaultClassify(outcome, context);
      },
    });
    await limit.execute(() => 'busy');
    expect(samples).toEqual([[0, 1, true]]);
    await expect(limit.execute(() => 'throw')).rejects.toBe(broken);
    expect(limit.active).toBe(0);
  });

  it('a clock that throws takes no slot', async () => {
    const clock = new TestClock();
    const limit = adaptiveLimit({ clock });
    clock.now = () => {
      throw new Error('no time');
    };
    await expect(limit.execute(() => 1)).rejects.toThrow('no time');
    expect(() => limit.tryAcquire()).toThrow('no time');
    expect(limit.active).toBe(0);
  });

  it('observes without rejecting in mode observe, and still emits what it would reject', async () => {
    const limit = adaptiveLimit({ initialLimit: 1, mode: 'observe', clock: new TestClock() });
    let rejections = 0;
    limit.on('reject', () => rejections++);
    const held = [limit.tryAcquire(), limit.tryAcquire(), await limit.acquire()];
    await expect(limit.execute(() => 'admitted')).resolves.toBe('admitted');
    expect([limit.active, rejections]).toEqual([3, 3]);
    for (const permit of held) permit?.release(answer(1));
    expect(limit.active).toBe(0);
    await limit.close();
    expect(limit.tryAcquire()).toBeUndefined();
  });

  it('waiters leave by priority, abort and queue timeout, as those of a bulkhead do', async () => {
    const clock = new TestClock();
    const limit = adaptiveLimit({ initialLimit: 1, maxQueue: 3, queueTimeout: 50, onFull: 'evict-lowest', clock });
    const held = limit.tryAcquire();
    const order: number[] = [];
    const call = (priority: number) => watch(limit.execute(() => order.push(priority), { priority }));
    const [low, , evicted] = [call(7), call(1), call(9)];
    call(3);
    await settle();
    expect(evicted?.error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'adaptiveLimit' });
    held?.release(answer(1));
    await settle();
    expect([order, low?.state]).toEqual([[1, 3, 7], 'fulfilled']);
    limit.tryAcquire();
    const late = call(5);
    await clock.advance(50);
    expect(late.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  });

  it('closes when all accepted calls have ended', async () => {
    const limit = adaptiveLimit({ initialLimit: 1, maxQueue: 1, clock: new TestClock() });
    const held = limit.tryAcquire();
    const waiting = watch(limit.execute(() => 'accepted'));
    const closed = watch(limit.close());
    await expect(limit.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    held?.release();
    await settle();
    expect([waiting.value, closed.state]).toEqual(['accepted', 'fulfilled']);
  });

  it('describes itself, and shows its statistics', () => {
    const { algorithm } = recorder();
    const limit = adaptiveLimit({ algorithm, minLimit: 2, clock: new TestClock(), name: 'db' });
    limit.tryAcquire()?.release(failed(timedOut));
    limit.tryAcquire();
    expect(limit.describe()).toEqual({
      kind: 'adaptiveLimit',
      name: 'db',
      limit: 4,
      minLimit: 2,
      maxLimit: 1000,
      maxQueue: 0,
      queueTimeoutMs: Infinity,
      queue: 'fifo',
      onFull: 'reject',
      algorithm: 'recorder',
      mode: 'enforce',
    });
    expect(limit.stats).toEqual({
      limit: 4,
      active: 1,
      queued: 0,
      baselineMs: 7,
      samples: 1,
      overloads: 1,
      stalled: 0,
    });
    expect(adaptiveLimit().describe()).toMatchObject({ algorithm: 'probing', limit: 20 });
    expect(adaptiveLimit().stats.baselineMs).toBeUndefined();
    expect(adaptiveLimit({ maxLimit: 5 }).limit).toBe(5);
    expect(adaptiveLimit({ minLimit: 50 }).limit).toBe(50);
  });

  it.each([
    ['initialLimit', { initialLimit: 0 }],
    ['initialLimit', { initialLimit: 2.5 }],
    ['initialLimit', { initialLimit: 10, minLimit: 11 }],
    ['initialLimit', { initialLimit: 10, maxLimit: 9 }],
    ['initialLimit', { initialLimit: Infinity }],
    ['minLimit', { minLimit: Number.NaN }],
    ['minLimit', { minLimit: 0 }],
    ['maxLimit', { maxLimit: 5, minLimit: 6 }],
    ['maxLimit', { maxLimit: Infinity }],
    ['maxQueue', { maxQueue: -1 }],
    ['queueTimeout', { queueTimeout: 0 }],
    ['holdUntil', { holdUntil: 'end' as never }],
    ['mode', { mode: 'off' as never }],
    ['classify', { classify: 'all' as never }],
    ['algorithm', { algorithm: {} as never }],
    ['algorithm.name', { algorithm: { start() {} } as never }],
    ['name', { name: '' }],
    ['clock', { clock: {} as never }],
    ['limit', { limit: 5 } as never],
  ])('an invalid option %s is reported', (option, options) => {
    expect(() => adaptiveLimit(options)).toThrow(expect.objectContaining({ owner: 'adaptiveLimit', option }));
  });
});

describe('The default algorithm', () => {
  const setUp = (options?: Parameters<typeof adaptiveLimit>[0]) => {
    const clock = new ManualClock();
    return { clock, limit: adaptiveLimit({ clock, ...options }) };
  };
  /** A dependency that works on `size` calls at a time and takes 10 ms for each. */
  const dependency = (size: number) => (inFlight: number) => 10 * Math.max(1, inFlight / size);

  it('grows while calls are rejected and the latency shows no queue', () => {
    const { clock, limit } = setUp();
    makeRounds(limit, clock, { rounds: 3000, latencyMs: 10 });
    expect(limit.limit).toBe(1000);
  });

  it('converges to about twice what the dependency can work on, from below and from above', () => {
    for (const initialLimit of [1, 20, 500]) {
      const { clock, limit } = setUp({ initialLimit });
      makeRounds(limit, clock, { rounds: 3000, latencyMs: dependency(10) });
      expect(limit.limit).toBeGreaterThan(15);
      expect(limit.limit).toBeLessThan(40);
    }
  });

  it('fast failures never change the limit (O10)', () => {
    const { clock, limit } = setUp();
    makeRounds(limit, clock, { rounds: 1000, latencyMs: 1, outcome: failed(new Error('down')) });
    expect([limit.limit, limit.stats.samples]).toEqual([20, 0]);
  });

  it('an idle limit does not drift, and one call an hour is never rejected (O12)', () => {
    const { clock, limit } = setUp();
    for (let hour = 0; hour < 1000; hour++) {
      clock.time += 3_600_000;
      const permit = limit.tryAcquire();
      expect(permit).toBeDefined();
      clock.time += 1 + (hour % 7) * 100;
      permit?.release(answer(1));
    }
    expect(limit.limit).toBe(20);
  });

  it('calls that take no time cause no division by zero (O12)', () => {
    const { clock, limit } = setUp();
    for (let i = 0; i < 100; i++) {
      makeRounds(limit, clock, { rounds: 1, latencyMs: 0 });
      clock.time += 1000;
    }
    expect(limit.limit).toBeGreaterThanOrEqual(20);
    expect(Number.isInteger(limit.limit)).toBe(true);
    makeRounds(limit, clock, { rounds: 500, latencyMs: 10 });
    expect(limit.limit).toBeGreaterThan(0);
  });

  it('timeouts shrink the limit to its minimum, and the limit recovers within 15 s (O8)', () => {
    const { clock, limit } = setUp({ minLimit: 2 });
    makeRounds(limit, clock, { rounds: 100, latencyMs: 500, outcome: failed(timedOut) });
    expect(limit.limit).toBe(2);
    const recoveredBy = clock.time + 15_000;
    while (limit.limit < 15) makeRounds(limit, clock, { rounds: 1, latencyMs: dependency(10) });
    expect(clock.time).toBeLessThan(recoveredBy);
  });

  it('a share of 2 % of timeouts that has nothing to do with load leaves a limit of at least 50', () => {
    const { clock, limit } = setUp();
    for (let round = 0; round < 5000; round++) {
      makeRounds(limit, clock, { rounds: 1, latencyMs: 10 });
      if (round % 50 === 0) makeRounds(limit, clock, { rounds: 1, latencyMs: 10, outcome: failed(timedOut) });
    }
    expect(limit.limit).toBeGreaterThanOrEqual(50);
  });

  it('probes with a quarter of the limit, only while calls are limited, and returns to the limit', () => {
    const { clock, limit } = setUp({ maxLimit: 40 });
    const probes: number[] = [];
    limit.on('limit', ({ from, to, reason }) => reason === 'probe' && probes.push(to / from));
    makeRounds(limit, clock, { rounds: 8000, latencyMs: 10, wanted: 39 });
    probes.length = 0;
    makeRounds(limit, clock, { rounds: 8000, latencyMs: 10, wanted: 39 });
    expect([limit.limit, probes]).toEqual([40, []]); // a limit that is not reached is never lowered to measure
    makeRounds(limit, clock, { rounds: 10_000, latencyMs: 10 });
    expect(probes.length).toBeGreaterThan(1);
    expect(new Set(probes)).toEqual(new Set([0.25]));
    expect([limit.limit, limit.stats.baselineMs]).toEqual([40, expect.closeTo(10, 5)]);
  });

  it('a probe ends after a minute if calls have become rare', () => {
    const { clock, limit } = setUp();
    let isProbing = false;
    limit.on('limit', ({ reason }) => {
      isProbing = reason === 'probe';
    });
    while (!isProbing) makeRounds(limit, clock, { rounds: 1, latencyMs: 10 });
    const during = limit.limit;
    clock.time += 61_000;
    limit.tryAcquire()?.release(answer(1));
    expect(isProbing).toBe(false);
    expect(limit.limit).toBeGreaterThan(3 * during);
  });

  it('a dependency that has become slower permanently gets a new baseline within a minute (O11)', () => {
    const { clock, limit } = setUp({ maxLimit: 40 });
    makeRounds(limit, clock, { rounds: 5000, latencyMs: 10 });
    makeRounds(limit, clock, { rounds: 600, latencyMs: 100 });
    expect([limit.limit, limit.stats.baselineMs]).toEqual([40, expect.closeTo(100, 3)]);
  });

  it('a baseline follows the latency of windows that use at most a quarter of the limit', () => {
    const { clock, limit } = setUp();
    makeRounds(limit, clock, { rounds: 1000, latencyMs: 10, wanted: 5 });
    expect(limit.stats.baselineMs).toBeCloseTo(10, 5);
    makeRounds(limit, clock, { rounds: 1000, latencyMs: 50, wanted: 5 });
    expect(limit.stats.baselineMs).toBeCloseTo(50, 0);
    makeRounds(limit, clock, { rounds: 200, latencyMs: 8, wanted: 5 });
    expect([limit.limit, limit.stats.baselineMs]).toEqual([20, expect.closeTo(8, 0)]);
  });

  it('each limit has a state of its own, even if limits share an algorithm', () => {
    const algorithm = aimdLimit();
    const [a, b] = [1, 2].map(() => adaptiveLimit({ algorithm, clock: new ManualClock() }));
    for (let i = 0; i < 10; i++) a?.tryAcquire()?.release(failed(timedOut));
    expect([a?.limit, b?.limit]).toEqual([6, 20]);
  });
});

describe('A blocked event loop', () => {
  const setUp = () => {
    const clock = new BlockedLoopClock();
    const { samples, settings, algorithm } = recorder();
    return { clock, samples, settings, limit: adaptiveLimit({ initialLimit: 9, algorithm, clock }) };
  };

  it('calls in flight while the event loop was late by more than 50 ms are no samples (O13)', async () => {
    const { clock, samples, settings, limit } = setUp();
    const before = limit.tryAcquire();
    await clock.advance(100);
    await clock.stall(100);
    const after = limit.tryAcquire();
    before?.release(answer(1));
    expect([samples, settings.discarded, limit.stats.stalled]).toEqual([[], 1, 1]);
    await clock.advance(10);
    after?.release(answer(1));
    expect(samples).toEqual([[10, 2, false]]);
  });

  it('results that are handled before the late timer are no samples either (O13)', async () => {
    const { clock, samples, limit } = setUp();
    const permit = limit.tryAcquire();
    await clock.advance(100);
    const stalling = clock.stall(200); // the time has passed, and no timer has fired yet
    const other = limit.tryAcquire();
    permit?.release(answer(1));
    other?.release(answer(1));
    await stalling;
    expect(samples.every(([latencyMs]) => latencyMs === 0)).toBe(true);
  });

  it('a delay of up to 50 ms is no stall', async () => {
    const { clock, samples, limit } = setUp();
    const permit = limit.tryAcquire();
    await clock.advance(100);
    await clock.stall(45);
    permit?.release(answer(1));
    expect(samples).toEqual([[145, 1, false]]);
  });

  it('no timer is armed while no call is in flight, and all limits with one clock share one', async () => {
    const clock = new TestClock();
    const limits = [adaptiveLimit({ clock }), adaptiveLimit({ clock })];
    expect(clock.pendingTimers).toBe(0);
    const permits = limits.map((limit) => limit.tryAcquire());
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(1);
    permits[0]?.release(answer(1));
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(1);
    permits[1]?.release(answer(1));
    expect(clock.pendingTimers).toBe(0);
  });

  it('the default algorithm forgets the window in which the event loop was blocked', async () => {
    const clock = new BlockedLoopClock();
    const limit = adaptiveLimit({ clock });
    const round = async (ms: number) => {
      const permits = Array.from({ length: 20 }, () => limit.tryAcquire());
      await clock.advance(ms);
      for (const permit of permits) permit?.release(answer(1));
    };
    for (let i = 0; i < 10; i++) await round(50);
    const held = limit.tryAcquire();
    await clock.stall(5000);
    held?.release(answer(1));
    await round(50);
    expect([limit.limit, limit.stats.stalled]).toEqual([20, 1]);
  });
});

describe('The order of policies', () => {
  it('an adaptive limit inside a retry and outside a timeout works as a bulkhead does', async () => {
    const clock = new TestClock();
    const limit = adaptiveLimit({ clock });
    const policy = pipeline(
      retry({ clock, maxAttempts: 2 }),
      bulkhead({ maxConcurrent: 5, clock }),
      limit,
      timeout({ duration: 100, clock }),
    );
    const call = watch(policy.execute(() => new Promise<never>(() => {})));
    await clock.advance(60_000);
    expect([call.state, limit.stats.overloads, limit.active]).toEqual(['rejected', 2, 0]);
  });
});
