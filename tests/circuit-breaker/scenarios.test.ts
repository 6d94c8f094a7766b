/** Behaviour of the breakers of resilience4j, Polly v8, opossum and cockatiel, each as a list of steps for this breaker. */
import {
  BulkheadFullError,
  type CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitBreakerStats,
  CircuitOpenError,
  type CircuitState,
  circuitBreaker,
  type Permit,
  TimeoutError,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, type Watched, watch } from '../support/promises.js';

interface Running {
  readonly end: Deferred<unknown>;
  readonly call: Watched<unknown>;
  readonly controller: AbortController;
}

interface Stage {
  readonly clock: TestClock;
  readonly options: CircuitBreakerOptions;
  breaker: CircuitBreaker;
  readonly running: Map<string, Running>;
  readonly handles: Map<string, Disposable>;
  readonly permits: Map<string, Permit>;
}

type Step = (stage: Stage) => Promise<void> | void;

interface Scenario {
  /** A sentence. */
  readonly name: string;
  readonly options?: CircuitBreakerOptions;
  readonly steps: readonly Step[];
}

const down = new Error('down');
const mistake = new TypeError('a mistake in the program');

/** A call that must be admitted and runs until `ends`. */
function started(stage: Stage): Running {
  const end = defer();
  const controller = new AbortController();
  let wasCalled = false;
  const operation = () => {
    wasCalled = true;
    return end.promise;
  };
  const call = watch(stage.breaker.execute(operation, { signal: controller.signal }));
  expect(wasCalled).toBe(true);
  return { end, call, controller };
}

const fails =
  (error: unknown, afterMs: number): Step =>
  async (stage) => {
    const { end, call } = started(stage);
    await stage.clock.advance(afterMs);
    end.reject(error);
    await settle();
    expect(call).toMatchObject({ state: 'rejected' });
    expect(call.error).toBe(error);
  };
const succeeds =
  (value: unknown, afterMs: number): Step =>
  async (stage) => {
    const { end, call } = started(stage);
    await stage.clock.advance(afterMs);
    end.resolve(value);
    await settle();
    expect(call).toMatchObject({ state: 'fulfilled', value });
  };

const ok = succeeds('value', 0);
const fail = fails(down, 0);
const ignored = fails(mistake, 0);
const failWith = (error: unknown): Step => fails(error, 0);
const answer = (value: unknown): Step => succeeds(value, 0);
const slow = (ms: number): Step => succeeds('late', ms);
const slowFail = (ms: number): Step => fails(down, ms);
const throwAtOnce: Step = async ({ breaker }) => {
  const operation = () => {
    throw down;
  };
  await expect(breaker.execute(operation)).rejects.toBe(down);
};
const times = (count: number, step: Step): Step[] => Array.from({ length: count }, () => step);

const start =
  (id: string): Step =>
  (stage) => {
    stage.running.set(id, started(stage));
  };
/** The caller receives its own result in every state of the breaker. */
const ends =
  (id: string, how: 'ok' | 'fail' | 'ignored' | 'aborted'): Step =>
  async ({ running }) => {
    const { end, call, controller } = running.get(id) as Running;
    if (how === 'ok') end.resolve(id);
    else if (how === 'aborted') controller.abort(down);
    else end.reject(how === 'fail' ? down : mistake);
    await settle();
    expect(call.state).toBe(how === 'ok' ? 'fulfilled' : 'rejected');
    expect(call.value ?? call.error).toBe(how === 'ok' ? id : how === 'ignored' ? mistake : down);
  };

const rejected =
  (retryAfterMs: number, cause: unknown = expect.anything()): Step =>
  async ({ breaker }) => {
    let wasCalled = false;
    const call = watch(
      breaker.execute(() => {
        wasCalled = true;
      }),
    );
    await settle();
    expect(wasCalled).toBe(false);
    expect(call.error).toBeInstanceOf(CircuitOpenError);
    const { retryAfterMs: actual, cause: actualCause } = call.error as CircuitOpenError;
    expect([actual, actualCause ?? 'no cause']).toEqual([retryAfterMs, cause]);
  };
const state =
  (expected: CircuitState): Step =>
  ({ breaker }) =>
    expect(breaker.state).toBe(expected);
const counts =
  (expected: Partial<CircuitBreakerStats>): Step =>
  ({ breaker }) =>
    expect(breaker.stats).toMatchObject(expected);
const wait =
  (ms: number): Step =>
  ({ clock }) =>
    clock.advance(ms);

const trip: Step = ({ breaker }) => breaker.trip();
const reset: Step = ({ breaker }) => breaker.reset();
const isolate =
  (id: string): Step =>
  ({ breaker, handles }) => {
    handles.set(id, breaker.isolate());
  };
const disable =
  (id: string): Step =>
  ({ breaker, handles }) => {
    handles.set(id, breaker.disable());
  };
const release =
  (id: string): Step =>
  ({ handles }) =>
    handles.get(id)?.[Symbol.dispose]();
const acquire =
  (id: string): Step =>
  ({ breaker, permits }) => {
    const permit = breaker.tryAcquire();
    expect(permit).toBeDefined();
    permits.set(id, permit as Permit);
  };
const acquiresNothing: Step = ({ breaker }) => expect(breaker.tryAcquire()).toBeUndefined();
const giveBack =
  (id: string, ...outcome: Parameters<Permit['release']>): Step =>
  ({ permits }) =>
    permits.get(id)?.release(...outcome);
/** Another process continues with the state that this process has saved. */
const restart: Step = (stage) => {
  const initialState = JSON.parse(JSON.stringify(stage.breaker));
  stage.breaker = circuitBreaker({ ...stage.options, initialState });
};

const opened = times(4, fail);
const halfOpened = [...opened, wait(1000)];
const growing: CircuitBreakerOptions = { openFor: ({ attempt }) => attempt * 1000 };

const scenarios: Readonly<Record<string, readonly Scenario[]>> = {
  resilience4j: [
    {
      name: 'A new breaker is closed, admits calls and counts them',
      steps: [state('closed'), ok, fail, state('closed'), counts({ calls: 2, failures: 1, failureRate: 0.5 })],
    },
    {
      name: 'The failure rate counts only from minimumCalls on',
      options: { window: { calls: 10 }, minimumCalls: 5 },
      steps: [...times(4, fail), state('closed'), fail, state('open')],
    },
    {
      name: 'A failure rate exactly at the threshold opens the breaker',
      steps: [ok, ok, fail, state('closed'), fail, state('open')],
    },
    {
      name: 'A failure rate below the threshold leaves the breaker closed',
      steps: [ok, ok, ok, fail, state('closed'), counts({ failureRate: 0.25 })],
    },
    {
      name: 'The success that reaches minimumCalls opens the breaker if the failure rate is too high',
      steps: [fail, fail, fail, state('closed'), ok, state('open')],
    },
    {
      name: 'A count window drops the oldest call when a new call completes',
      options: { failureRateThreshold: 0.75 },
      steps: [fail, fail, ok, ok, fail, counts({ calls: 4, failures: 2 }), fail, state('closed'), fail, state('open')],
    },
    {
      name: 'A time window drops failures that are older than its duration',
      options: { window: { duration: 1000 }, minimumCalls: 2 },
      steps: [fail, wait(1200), fail, state('closed'), counts({ calls: 1 })],
    },
    {
      name: 'A time window adds up the failures within its duration',
      options: { window: { duration: 1000 }, minimumCalls: 2 },
      steps: [fail, wait(500), fail, state('open')],
    },
    {
      name: 'A slow call rate at its threshold opens the breaker although no call failed',
      options: { slowCallDuration: 100, slowCallRateThreshold: 0.5 },
      steps: [ok, ok, slow(100), state('closed'), slow(100), state('open')],
    },
    {
      name: 'A call that takes less than the slow duration is not slow',
      options: { slowCallDuration: 100, slowCallRateThreshold: 0.25 },
      steps: [...times(4, slow(99)), state('closed'), counts({ slow: 0 })],
    },
    {
      name: 'A slow failure counts as slow and as failed',
      options: { slowCallDuration: 100 },
      steps: [slowFail(100), counts({ calls: 1, failures: 1, slow: 1, slowCallRate: 1 })],
    },
    {
      name: 'The duration of calls does not matter while no slow duration is set',
      steps: [...times(4, slow(3_600_000)), state('closed'), counts({ slow: 0 })],
    },
    {
      name: 'An open breaker rejects each call with the remaining time',
      steps: [...opened, rejected(1000), wait(400), rejected(600), wait(599), rejected(1)],
    },
    {
      name: 'The state reads half-open as soon as the open time has passed, without a call',
      steps: [...opened, wait(999), state('open'), wait(1), state('half-open')],
    },
    {
      name: 'A half-open breaker admits as many concurrent calls as it has probes',
      steps: [...halfOpened, start('a'), start('b'), start('c'), rejected(30_000), state('half-open')],
    },
    {
      name: 'The last probe that succeeds closes the breaker with an empty window',
      steps: [...halfOpened, ok, ok, state('half-open'), ok, state('closed'), counts({ calls: 0 })],
    },
    {
      name: 'Failures among the probes up to the tolerated number do not reopen the breaker',
      options: { halfOpen: { probes: 2, maxFailures: 1 } },
      steps: [...halfOpened, fail, state('half-open'), ok, ok, state('closed')],
    },
    {
      name: 'One failure above the tolerated number reopens the breaker',
      options: { halfOpen: { probes: 2, maxFailures: 1 } },
      steps: [...halfOpened, fail, ok, fail, state('open')],
    },
    {
      name: 'A probe that never ends cannot keep the breaker half-open',
      options: { halfOpen: { probes: 1, probeTimeout: 500 } },
      steps: [
        ...halfOpened,
        start('lost'),
        wait(499),
        rejected(1),
        wait(1),
        state('open'),
        wait(1000),
        ok,
        state('closed'),
      ],
    },
    {
      name: 'A probe that ends after probeTimeout has already counted as failed and is not counted again',
      options: { halfOpen: { probes: 2, maxFailures: 1, probeTimeout: 500 } },
      steps: [
        ...halfOpened,
        start('a'),
        wait(500),
        state('half-open'),
        ends('a', 'fail'),
        state('half-open'),
        ok,
        ok,
        state('closed'),
      ],
    },
    {
      name: 'A probe whose result is ignored releases its slot',
      options: { halfOpen: { probes: 1 } },
      steps: [
        ...halfOpened,
        start('a'),
        rejected(30_000),
        ends('a', 'ignored'),
        state('half-open'),
        ok,
        state('closed'),
      ],
    },
    {
      name: 'A probe that its caller aborts releases its slot',
      options: { halfOpen: { probes: 1 } },
      steps: [...halfOpened, start('a'), ends('a', 'aborted'), state('half-open'), ok, state('closed')],
    },
    {
      name: 'A slow probe counts as a failed one',
      options: { slowCallDuration: 100 },
      steps: [...halfOpened, slow(99), state('half-open'), slow(100), state('open')],
    },
    {
      name: 'Ignored errors are never counted',
      steps: [...times(8, ignored), state('closed'), counts({ calls: 0 }), ...opened, state('open')],
    },
    {
      name: 'A value that classify judges as a failure is counted and reaches the caller',
      options: { classify: ({ ok, ...rest }) => (ok && 'value' in rest && rest.value !== 503 ? 'success' : 'failure') },
      steps: [...times(4, answer(503)), state('open'), rejected(1000, 'no cause')],
    },
    {
      name: 'A disabled breaker admits every call and counts none',
      steps: [disable('a'), ...times(8, fail), state('disabled'), release('a'), state('closed'), counts({ calls: 0 })],
    },
    {
      name: 'A breaker in observe mode changes its state and rejects no call',
      options: { mode: 'observe' },
      steps: [...opened, state('open'), ok, fail, wait(1000), ok, ok, ok, state('closed')],
    },
    {
      name: 'An open time that grows with consecutive openings starts over after a recovery',
      options: growing,
      steps: [
        ...opened,
        rejected(1000),
        ...[wait(1000), fail, rejected(2000)],
        ...[wait(2000), fail, rejected(3000)],
        ...[wait(3000), ok, ok, ok, state('closed')],
        ...opened,
        rejected(1000),
      ],
    },
    {
      name: 'A permit that is released without an outcome is not counted',
      steps: [
        acquire('a'),
        giveBack('a'),
        counts({ calls: 0 }),
        acquire('b'),
        giveBack('b', { ok: false, error: down }),
        counts({ calls: 1, failures: 1 }),
      ],
    },
    {
      name: 'Permits and calls share the probe slots of a half-open breaker',
      options: { halfOpen: { probes: 2 } },
      steps: [
        ...[...opened, acquiresNothing, wait(1000), acquire('a'), start('b'), acquiresNothing],
        ...[giveBack('a', { ok: true, value: 1 }), ends('b', 'ok'), state('closed')],
      ],
    },
  ],
  'Polly v8': [
    {
      name: 'Rejected calls do not prolong the open time',
      steps: [...opened, wait(500), rejected(500), rejected(500), wait(500), state('half-open')],
    },
    {
      name: 'A failure that arrives late while the breaker is open does not prolong the open time',
      steps: [start('a'), ...opened, wait(500), ends('a', 'fail'), rejected(500), wait(500), state('half-open')],
    },
    {
      name: 'A success that arrives late does not close an open breaker',
      steps: [start('a'), ...opened, ends('a', 'ok'), state('open'), rejected(1000)],
    },
    {
      name: 'A failure of a call that started before the opening is not a failed probe',
      steps: [
        start('a'),
        ...halfOpened,
        state('half-open'),
        ends('a', 'fail'),
        state('half-open'),
        ok,
        ok,
        ok,
        state('closed'),
      ],
    },
    {
      name: 'A success of a call that started before the opening is not a successful probe',
      options: { halfOpen: { probes: 1 } },
      steps: [start('a'), ...halfOpened, state('half-open'), ends('a', 'ok'), state('half-open'), ok, state('closed')],
    },
    {
      name: 'A probe of an earlier half-open period does not affect a later one',
      options: { halfOpen: { probes: 2 } },
      steps: [
        ...[...halfOpened, start('a'), start('b'), ends('b', 'fail'), state('open')],
        ...[wait(1000), state('half-open'), ends('a', 'ok'), ok, state('half-open'), ok, state('closed')],
      ],
    },
    {
      name: 'A failure of a call that started before a reset is not counted',
      steps: [start('a'), reset, ends('a', 'fail'), counts({ calls: 0 })],
    },
    {
      name: 'A breaker with one probe closes after one success and rejects concurrent calls',
      options: { halfOpen: { probes: 1 } },
      steps: [...halfOpened, start('a'), rejected(30_000), ends('a', 'ok'), state('closed'), ok],
    },
    {
      name: 'A failed probe opens the breaker for the whole open time',
      steps: [...halfOpened, wait(700), fail, state('open'), rejected(1000)],
    },
    {
      name: 'A rejection has the failure that opened the breaker as its cause',
      steps: [...opened, rejected(1000, down)],
    },
    {
      name: 'A Retry-After of the failure that opens the breaker is a lower bound of the open time',
      options: growing,
      steps: [fail, fail, fail, failWith(Object.assign(new Error('busy'), { retryAfterMs: 5000 })), rejected(5000)],
    },
    {
      name: 'An isolated breaker rejects calls until it is released, after any time',
      steps: [
        isolate('a'),
        rejected(Infinity, 'no cause'),
        wait(86_400_000),
        state('isolated'),
        rejected(Infinity, 'no cause'),
        release('a'),
        state('closed'),
        ok,
      ],
    },
    {
      name: 'A result that arrives during an isolation is not counted',
      steps: [start('a'), isolate('a'), ends('a', 'fail'), state('isolated'), release('a'), counts({ calls: 0 })],
    },
    {
      name: 'A reset during an isolation closes the breaker that the release restores',
      steps: [...opened, isolate('a'), reset, state('isolated'), release('a'), state('closed')],
    },
    {
      name: 'A timeout counts as a failure, and a rejection by another policy does not',
      steps: [
        ...times(4, failWith(new CircuitOpenError({ policy: 'other', retryAfterMs: 1 }))),
        ...times(4, failWith(new BulkheadFullError({ policy: 'other' }))),
        counts({ calls: 0 }),
        ...times(4, failWith(new TimeoutError({ policy: 'other', timeoutMs: 1, stalledMs: 0 }))),
        state('open'),
      ],
    },
    {
      name: 'Calls that their callers abort are not counted',
      steps: [start('a'), start('b'), ends('a', 'aborted'), ends('b', 'aborted'), counts({ calls: 0 })],
    },
  ],
  opossum: [
    {
      name: 'The first failure opens a breaker with a minimum of one call',
      options: { minimumCalls: 1 },
      steps: [fail, state('open')],
    },
    {
      name: 'An operation that throws before it returns a promise counts as failed',
      steps: [...times(4, throwAtOnce), state('open')],
    },
    {
      name: 'A rejection with a value that is not an error counts as a failure',
      steps: [failWith(undefined), failWith(null), failWith('down'), failWith(0), state('open')],
    },
    {
      name: 'A tripped breaker admits probes after its open time',
      steps: [trip, rejected(1000, 'no cause'), wait(1000), ok, ok, ok, state('closed')],
    },
    {
      name: 'Tripping an open breaker does not prolong its open time',
      steps: [...opened, wait(600), trip, rejected(400)],
    },
    {
      name: 'A reset breaker has an empty window',
      steps: [...opened, reset, state('closed'), counts({ calls: 0, failures: 0 }), fail, fail, fail, state('closed')],
    },
    {
      name: 'A reset of a closed breaker clears its window',
      steps: [fail, fail, fail, reset, fail, state('closed'), counts({ calls: 1 })],
    },
    {
      name: 'A breaker that is restored in another process stays open for the remaining time',
      steps: [...opened, wait(400), restart, state('open'), rejected(600, 'no cause'), wait(600), state('half-open')],
    },
    {
      name: 'A breaker that is restored in another process keeps its number of consecutive openings',
      options: growing,
      steps: [...halfOpened, fail, rejected(2000), wait(2000), restart, state('half-open'), fail, rejected(3000)],
    },
    {
      name: 'A restart in the half-open state releases the slots of lost probes',
      options: { halfOpen: { probes: 1 } },
      steps: [...halfOpened, start('lost'), restart, ok, state('closed')],
    },
  ],
  cockatiel: [
    {
      name: 'Consecutive failures open the breaker before minimumCalls',
      options: { window: { calls: 100 }, minimumCalls: 50, consecutiveFailures: 3 },
      steps: [fail, fail, state('closed'), fail, state('open')],
    },
    {
      name: 'A success resets the count of consecutive failures',
      options: { window: { calls: 100 }, consecutiveFailures: 3 },
      steps: [fail, fail, ok, fail, fail, state('closed'), fail, state('open')],
    },
    {
      name: 'An ignored result does not reset the count of consecutive failures',
      options: { window: { calls: 100 }, consecutiveFailures: 2 },
      steps: [fail, ignored, fail, state('open')],
    },
    {
      name: 'The count of consecutive failures starts again after a recovery',
      options: { window: { calls: 100 }, consecutiveFailures: 2 },
      steps: [fail, fail, wait(1000), ok, ok, ok, fail, state('closed'), fail, state('open')],
    },
    {
      name: 'A breaker that is isolated twice stays isolated until both isolations are released',
      steps: [isolate('a'), isolate('b'), release('a'), release('a'), state('isolated'), release('b'), state('closed')],
    },
    {
      name: 'An isolation pauses the open time',
      steps: [
        ...opened,
        wait(400),
        isolate('a'),
        wait(5000),
        state('isolated'),
        release('a'),
        state('open'),
        rejected(600),
      ],
    },
    {
      name: 'An isolation takes precedence over a disabling, which applies again afterwards',
      steps: [
        disable('a'),
        isolate('b'),
        state('isolated'),
        release('b'),
        state('disabled'),
        release('a'),
        state('closed'),
      ],
    },
    {
      name: 'A half-open breaker has all of its probe slots after an isolation',
      options: { halfOpen: { probes: 1 } },
      steps: [
        ...halfOpened,
        start('a'),
        isolate('b'),
        release('b'),
        state('half-open'),
        start('c'),
        ends('a', 'fail'),
        state('half-open'),
        ends('c', 'ok'),
        state('closed'),
      ],
    },
    {
      name: 'A breaker that starts isolated is closed by a reset',
      options: { initialState: 'isolated' },
      steps: [state('isolated'), rejected(Infinity, 'no cause'), reset, state('closed'), ok],
    },
    {
      name: 'A breaker that starts open rejects calls for its open time',
      options: { initialState: 'open' },
      steps: [rejected(1000, 'no cause'), wait(1000), state('half-open'), ok],
    },
    {
      name: 'A breaker admits one probe at a time after a series of ignored probes',
      options: { halfOpen: { probes: 2 } },
      steps: [...halfOpened, ignored, ignored, start('a'), rejected(30_000), ends('a', 'ok'), ok, state('closed')],
    },
  ],
};

for (const [library, rows] of Object.entries(scenarios)) {
  describe(`The circuit breaker as the users of ${library} know it`, () => {
    it.each(rows)('$name', async ({ options: own, steps }) => {
      const clock = new TestClock();
      const options: CircuitBreakerOptions = { window: { calls: 4 }, openFor: 1000, ...own, clock };
      const breaker = circuitBreaker(options);
      const stage: Stage = { clock, options, breaker, running: new Map(), handles: new Map(), permits: new Map() };
      for (const step of steps) await step(stage);
      expect(clock.pendingTimers).toBe(0);
    });
  });
}
