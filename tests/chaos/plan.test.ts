import { type Clock, type FaultPlan, InvalidOptionError, type Policy, pipeline, retry, timeout } from 'breakwater';
import { chaosControl, down, drop, error, flush, hang, partition, slow, stall } from 'breakwater/chaos';
import { constant, constantRate, server, simulate } from 'breakwater/simulator';
import { seededRandom, TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { defer, type Watched, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

vi.spyOn(process, 'emitWarning').mockImplementation(() => {});

const SERVICE_MS = 20;

/** A control on a virtual clock, and an operation that takes 20 ms. */
function setup(plan: FaultPlan, target = 'api', seed = 1) {
  const clock = new TestClock();
  const control = chaosControl({ enabled: true, clock, random: seededRandom(seed) });
  const policy = control.plan(plan, { target });
  let runs = 0;
  const operation = () => {
    runs++;
    return new Promise<string>((resolve) => clock.setTimeout(() => resolve('answer'), SERVICE_MS));
  };
  const call = (options = {}) => watch(policy.execute(operation, options));
  return { clock, control, policy, call, runs: () => runs };
}

describe('A plan', () => {
  it('injects each fault from its beginning to its end, measured from the creation of the control', async () => {
    const { clock, call } = setup([down('api', { at: '10s', for: '5s' })]);
    const states: Record<number, string> = {};
    for (const at of [0, 9_999, 10_000, 14_999, 15_000]) {
      await clock.advance(at - clock.now());
      const result = call();
      await clock.advance(0);
      states[at] = result.state;
    }
    expect(states).toEqual({ 0: 'pending', 9999: 'pending', 10000: 'rejected', 14999: 'rejected', 15000: 'pending' });
  });

  it('with a function enabled counts from the first call for which it returns true', async () => {
    const clock = new TestClock();
    let enabled = false;
    const control = chaosControl({ enabled: () => enabled, clock });
    const policy = control.plan([down('api', { at: '1s', for: '1s' })], { target: 'api' });
    const isDown = async () => !(await policy.attempt(() => 'answer')).ok;
    await clock.advance(5000);
    enabled = true;
    expect(await isDown()).toBe(false); // the run begins
    await clock.advance(1000);
    expect(await isDown()).toBe(true);
    await clock.advance(1000);
    expect(await isDown()).toBe(false);
  });

  it('concerns its target, and all targets with a fault that names none', async () => {
    const plan: FaultPlan = [down('store', { at: 0, for: '1s' }), { kind: 'error', at: '2s', for: '1s' }];
    for (const [target, expected] of [
      ['api', ['fulfilled', 'rejected']],
      ['store', ['rejected', 'rejected']],
      ['unknown', ['fulfilled', 'rejected']],
    ] as const) {
      const { clock, call } = setup(plan, target);
      const first = call();
      await clock.advance(2000);
      const second = call();
      await clock.advance(SERVICE_MS);
      expect([first.state, second.state], target).toEqual(expected);
    }
  });

  it('with the fault slow makes a call take a multiple of its time, also one that fails', async () => {
    const { clock, control, call } = setup([slow('api', 4, { at: 0, for: '1s' })]);
    const result = call();
    await clock.advance(4 * SERVICE_MS - 1);
    expect(result.state).toBe('pending');
    await clock.advance(1);
    expect(result.value).toBe('answer');
    const policy = control.plan([slow('api', 4, { at: 0, for: '1s' })], { target: 'api' });
    const failure = watch(
      policy.execute(() => new Promise((_, reject) => clock.setTimeout(() => reject(new Error('x')), 10))),
    );
    await clock.advance(39);
    expect(failure.state).toBe('pending');
    await clock.advance(1);
    expect(failure.error).toEqual(new Error('x'));
    expect(clock.pendingTimers).toBe(0);
  });

  it('with the fault slow and a factor of at most 1 changes nothing', async () => {
    const { clock, control, call } = setup([slow('api', 0.5, { at: 0, for: '1s' })]);
    const result = call();
    await clock.advance(SERVICE_MS);
    expect(result.state).toBe('fulfilled');
    expect(control.stats.injected).toBe(0);
  });

  it('discards the answer of a slow call that is aborted, and leaves no timer and no listener', async () => {
    const { clock, policy } = setup([slow('api', 10, { at: 0, for: '1m' })]);
    const { controller, listeners } = countingController();
    const dump = vi.fn(async () => {});
    const operation = () => new Promise((resolve) => clock.setTimeout(() => resolve({ body: { dump } }), 10));
    const call = watch(policy.execute(operation, { signal: controller.signal }));
    await clock.advance(20);
    expect(dump).not.toHaveBeenCalled();
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(call.error).toEqual(new Error('left'));
    expect(dump).toHaveBeenCalledOnce();
    expect(clock.pendingTimers).toBe(0);
    expect(listeners()).toBe(0);
  });

  it('discards the answer of a slow call that is aborted at the moment of its answer', async () => {
    const { clock, policy } = setup([slow('api', 10, { at: 0, for: '1m' })]);
    const controller = new AbortController();
    const answered = defer<string>();
    const call = watch(policy.execute(() => answered.promise, { signal: controller.signal }));
    await clock.advance(10);
    answered.resolve('answer');
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(call.error).toEqual(new Error('left'));
    expect(clock.pendingTimers).toBe(0);
  });

  it('with the fault down refuses connections, as a real refused connection looks', async () => {
    const { call, runs } = setup([down('api', { at: 0, for: '1s' })]);
    const result = call();
    await result.done;
    expect(result.error).toMatchObject({
      code: 'ERR_CHAOS',
      cause: { code: 'ECONNREFUSED', syscall: 'connect', message: 'connect ECONNREFUSED api' },
    });
    expect(runs()).toBe(0);
  });

  it('with the fault error answers a share of the calls with status 500', async () => {
    const { clock, control, call, runs } = setup([error('api', 0.25, { at: 0, for: '1s' })]);
    const calls = Array.from({ length: 1000 }, () => call());
    await clock.advance(SERVICE_MS);
    const failed = calls.filter(({ state }) => state === 'rejected');
    expect(failed.length).toBeGreaterThan(200);
    expect(failed.length).toBeLessThan(300);
    expect(failed[0]?.error).toMatchObject({ code: 'ERR_CHAOS', cause: { status: 500 } });
    expect(runs()).toBe(1000 - failed.length);
    expect(control.stats.byKind).toEqual({ error: failed.length });
  });

  it('with the faults hang and error together affects different calls by each', async () => {
    const plan = [hang('api', 0.5, { at: 0, for: '1s' }), error('api', 0.5, { at: 0, for: '1s' })];
    const { clock, call } = setup(plan);
    const calls = Array.from({ length: 200 }, () => call());
    await clock.advance(SERVICE_MS);
    expect(calls.filter(({ state }) => state === 'fulfilled')).toHaveLength(0);
    expect(calls.filter(({ state }) => state === 'rejected').length).toBeGreaterThan(70);
  });

  it('with the fault hang never answers, until the abort of the caller', async () => {
    const { clock, call, runs } = setup([hang('api', 1, { at: 0, for: '1s' })]);
    const { controller, listeners } = countingController();
    const result = call({ signal: controller.signal });
    await clock.advance(60_000);
    expect(result.state).toBe('pending');
    controller.abort(new Error('left'));
    await clock.advance(0);
    expect(result.error).toEqual(new Error('left'));
    expect(runs()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
    expect(listeners()).toBe(0);
  });

  it('lets calls that hang continue with their operations when the control stops', async () => {
    const { clock, control, call, runs } = setup([hang('api', 1, { at: 0, for: '1s' })]);
    const result = call();
    await clock.advance(5000);
    control.stop();
    await clock.advance(SERVICE_MS);
    expect(result.value).toBe('answer');
    expect(runs()).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('with the fault drop loses requests before, and answers after the operation', async () => {
    const { clock, call, runs } = setup([drop('api', 0.5, { at: 0, for: '1s' })]);
    const calls = Array.from({ length: 400 }, () => call());
    await clock.advance(SERVICE_MS);
    const answered = calls.filter(({ state }) => state === 'fulfilled').length;
    expect(answered).toBeGreaterThan(70); // a quarter
    expect(answered).toBeLessThan(130);
    expect(runs()).toBeGreaterThan(160); // a half
    expect(runs()).toBeLessThan(240);
    expect(calls.filter(({ state }) => state === 'rejected')).toHaveLength(0);
  });

  it('returns a lost answer after all when the control stops', async () => {
    const control = chaosControl({ enabled: true, clock: new TestClock(), random: sequence(0.9, 0.1) });
    const policy = control.plan([drop('api', 0.5, { at: 0, for: '1s' })], { target: 'api' });
    const call = watch(policy.execute(() => 'answer'));
    await Promise.resolve();
    expect(call.state).toBe('pending');
    control.stop();
    await call.done;
    expect(call.value).toBe('answer');
  });

  it('with the fault partition cuts this process off from all its targets, or from none', async () => {
    const results = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const plan = [partition('api', 0.5, { at: 0, for: '1s' }), partition('store', 0.5, { at: 0, for: '1s' })];
      const { clock, control, call } = setup(plan, 'api', seed);
      const store = watch(control.plan(plan, { target: 'store' }).execute(() => 'answer'));
      const calls = [call(), call(), call()];
      await clock.advance(SERVICE_MS);
      results.add([store, ...calls].map(({ state }) => state).join());
    }
    expect([...results].sort()).toEqual(['fulfilled,fulfilled,fulfilled,fulfilled', 'pending,pending,pending,pending']);
  });

  it('leaves out flush and stall, which concern the process, and its description counts them', async () => {
    const { clock, control, policy, call } = setup([
      flush(undefined, { at: 0 }),
      stall({ at: 0, for: '1s' }),
      flush('store', { at: 0 }),
      slow('api', 2, { at: '1s', for: '1s' }),
    ]);
    const result = call();
    await clock.advance(SERVICE_MS);
    expect(result.state).toBe('fulfilled');
    expect(control.stats.injected).toBe(0);
    expect(policy.describe()).toMatchObject({
      ...{ kind: 'chaos', injects: 'plan', injectsFaults: true, target: 'api', faults: 1, ignoredFaults: 2 },
    });
  });

  it.each<[string, unknown, string]>([
    ['no array', { kind: 'down' }, '"plan" must be an array of faults'],
    ['an unknown kind', [{ kind: 'fire', at: 0, for: 1 }], '"plan[0].kind" must be one of'],
    ['no end', [slow('api', 2, { at: 0, for: undefined })], 'must have a "for" in each fault'],
    ['an end after maxDuration', [down('api', { at: '9m', for: '2m' })], 'must end within "maxDuration" (600000 ms)'],
    ['a flush at the end of maxDuration', [flush('api', { at: '10m' })], 'must end within "maxDuration" (600000 ms)'],
    ['a negative time', [down('api', { at: -1, for: 1 })], '"plan[0].at" must be milliseconds'],
    ['a share of 0', [error('api', 0, { at: 0, for: 1 })], '"plan[0].share" must be'],
    ['a share above 1', [hang('api', 1.1, { at: 0, for: 1 })], '"plan[0].share" must be'],
    ['a factor of NaN', [slow('api', Number.NaN, { at: 0, for: 1 })], '"plan[0].by" must be'],
    [
      'two overlapping faults of a kind',
      [slow('api', 2, { at: 0, for: '2s' }), slow('api', 3, { at: '1s', for: '2s' })],
      '"plan[1]" must not overlap with "plan[0]"',
    ],
    [
      'a fault while the target is down',
      [down('api', { at: 0, for: '2s' }), slow('api', 3, { at: '1s', for: '2s' })],
      '"plan[1]" must not overlap with "plan[0]"',
    ],
  ])('with %s is rejected', (_, plan, message) => {
    const control = chaosControl();
    expect(() => control.plan(plan as FaultPlan, { target: 'api' })).toThrow(InvalidOptionError);
    expect(() => control.plan(plan as FaultPlan, { target: 'api' })).toThrow(message);
  });

  it.each([undefined, '', 1, null])('with the target %o is rejected', (target) => {
    const control = chaosControl();
    expect(() => control.plan([], { target: target as never })).toThrow('"target" must be a string that is not empty');
    expect(() => control.plan([], { target: 'api', tarjet: 1 } as never)).toThrow(InvalidOptionError);
  });
});

/** A random source that returns these numbers. */
function sequence(...numbers: number[]): () => number {
  return () => numbers.shift() ?? 0.99;
}

/** One script of faults for a simulation, a test, and a real client. */
const script: FaultPlan = [
  error('api', 0.3, { at: '10s', for: '10s' }),
  hang('api', 0.4, { at: '30s', for: '10s' }),
  down('api', { at: '50s', for: '5s' }),
  slow('api', 8, { at: '60s', for: '10s' }),
  drop('api', 0.2, { at: '75s', for: '10s' }),
];
const phases: Record<string, [from: number, to: number]> = {
  'before the faults': [0, 10],
  error: [10, 20],
  hang: [30, 40],
  down: [50, 55],
  slow: [60, 70],
  drop: [75, 85],
  'after the faults': [85, 90],
};

/** A call is good if one of two attempts answers within 100 ms. The service takes 20 ms. */
const client = (clock: Clock, ...inner: Policy[]) =>
  pipeline(retry({ clock, maxAttempts: 2, backoff: () => 5 }), timeout({ duration: 100, clock }), ...inner);

/** Returns the share of good calls in each phase. */
function byPhase(good: (second: number) => { readonly good: number; readonly offered: number }) {
  return Object.entries(phases).map(([phase, [from, to]]) => {
    let [sum, offered] = [0, 0];
    for (let second = from; second < to; second++) {
      const row = good(second);
      sum += row.good;
      offered += row.offered;
    }
    return [phase, sum / offered] as const;
  });
}

const scenario = (faults: FaultPlan) => ({
  world: { api: server({ workers: Infinity, service: constant(SERVICE_MS) }) },
  load: constantRate({ perSecond: 50 }),
  duration: '90s' as const,
  faults,
});

describe('One script of faults', () => {
  it('gives the same goodput by phase in a simulated world, through a policy in a simulation, and in a test', async () => {
    const world = await simulate({
      ...scenario(script),
      seed: 1,
      candidate: ({ clock }) => client(clock),
    });
    const injected = await simulate({
      ...scenario([]),
      seed: 2,
      candidate: ({ clock, random }) => {
        const control = chaosControl({ enabled: true, clock, random });
        return client(clock, control.plan(script, { target: 'api' }));
      },
    });
    const results = [world, injected].map(({ series }) =>
      byPhase((second) => series[second] as { good: number; offered: number }),
    );
    results.push(byPhase(await runOnTestClock(3)));
    const [first, ...others] = results as [(typeof results)[0], ...typeof results];
    for (const other of others) {
      for (const [index, [phase, share]] of other.entries()) {
        const expected = (first[index] as readonly [string, number])[1];
        expect(Math.abs(share - expected), `${phase}: ${share} instead of ${expected}`).toBeLessThan(0.06);
      }
    }
    const shares = Object.fromEntries(first);
    expect(shares).toMatchObject({ 'before the faults': 1, 'after the faults': 1, down: 0 });
    expect(shares.error).toBeCloseTo(1 - 0.3 ** 2, 1);
    expect(shares.hang).toBeCloseTo(1 - 0.4 ** 2, 1);
    expect(shares.slow).toBeLessThan(0.05);
  });

  it('makes the same decisions with the same seed', async () => {
    const counts = async (seed: number) => {
      const row = await runOnTestClock(seed);
      return Array.from({ length: 90 }, (_, second) => row(second).good);
    };
    expect(await counts(5)).toEqual(await counts(5));
    expect(await counts(5)).not.toEqual(await counts(6));
  });
});

async function runOnTestClock(seed: number) {
  const { clock, policy } = setup(script, 'api', seed);
  const calls = client(clock, policy);
  const started: Watched<unknown>[][] = [];
  for (let second = 0; second < 90; second++) {
    const row: Watched<unknown>[] = [];
    for (let i = 0; i < 50; i++) {
      row.push(watch(calls.execute(() => new Promise((resolve) => clock.setTimeout(() => resolve('x'), SERVICE_MS)))));
      await clock.advance(20);
    }
    started.push(row);
  }
  await clock.advance(1000);
  return (second: number) => {
    const row = started[second] as Watched<unknown>[];
    return { offered: row.length, good: row.filter(({ state }) => state === 'fulfilled').length };
  };
}
