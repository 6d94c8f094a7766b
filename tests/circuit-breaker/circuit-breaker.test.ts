import {
  type Backoff,
  bulkhead,
  type CircuitBreakerEvents,
  type CircuitBreakerOptions,
  CircuitOpenError,
  circuitBreaker,
  constantBackoff,
  definePolicy,
  type Outcome,
  pipeline,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';

const down = new Error('down');

/** A breaker on its own clock, with a log of its state transitions. */
function setUp(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock, openFor: 1000, ...options });
  const log: string[] = [];
  breaker.on('stateChange', ({ from, to, reason }) => log.push(`${from} → ${to}: ${reason}`));
  const succeed = async (times = 1) => {
    for (let i = 0; i < times; i++) await breaker.execute(() => 'fine');
  };
  const fail = async (times = 1) => {
    for (let i = 0; i < times; i++) await breaker.execute(() => Promise.reject(down)).catch(() => {});
  };
  const start = () => {
    const gate: Deferred<string> = defer();
    return { ...gate, result: watch(breaker.execute(() => gate.promise)) };
  };
  return { clock, breaker, log, succeed, fail, start };
}

const rejectionOf = (breaker: { execute(operation: () => unknown): Promise<unknown> }) =>
  breaker
    .execute(() => expect.unreachable())
    .then(
      () => undefined,
      (error) => error as CircuitOpenError,
    );

describe('A closed breaker', () => {
  it('the breaker opens at the failure rate threshold and not below it', async () => {
    const { breaker, log, succeed, fail } = setUp({ window: { calls: 10 }, minimumCalls: 10 });
    await succeed(6);
    await fail(4);
    expect(breaker.state).toBe('closed');
    expect(breaker.stats).toMatchObject({ calls: 10, failures: 4, failureRate: 0.4 });
    await fail();
    expect(breaker.state).toBe('open');
    expect(log).toEqual(['closed → open: failure-rate']);
  });

  it('the breaker stays closed below minimumCalls', async () => {
    const { breaker, fail } = setUp();
    await fail(19);
    expect(breaker.state).toBe('closed');
    await fail();
    expect(breaker.state).toBe('open');
  });

  it('minimumCalls is limited to the size of a count window', async () => {
    const { breaker, fail } = setUp({ window: { calls: 3 } });
    await fail(3);
    expect(breaker.state).toBe('open');
  });

  it('a count window drops the oldest call', async () => {
    const { breaker, succeed, fail } = setUp({ window: { calls: 4 }, failureRateThreshold: 0.75 });
    await fail(2);
    await succeed(4);
    await fail(2);
    expect(breaker.stats).toMatchObject({ calls: 4, failures: 2 });
    expect(breaker.state).toBe('closed');
    await fail();
    expect(breaker.state).toBe('open');
  });

  it('a time window drops calls that are older than its duration, after any gap', async () => {
    const { clock, breaker, fail } = setUp({ window: { duration: '10s' } });
    await fail(15);
    await clock.advance(5000);
    expect(breaker.stats.calls).toBe(15);
    await clock.advance(5000);
    expect(breaker.stats.calls).toBe(0);
    await fail(15);
    await clock.advance(3_600_000);
    expect(breaker.stats).toMatchObject({ calls: 0, failures: 0, slow: 0, failureRate: 0, slowCallRate: 0 });
    await fail();
    expect(breaker.stats.calls).toBe(1);
    expect(breaker.state).toBe('closed');
  });

  it('the breaker opens after consecutiveFailures at any failure rate', async () => {
    const { breaker, log, succeed, fail } = setUp({ consecutiveFailures: 3 });
    await succeed(50);
    await fail(2);
    await succeed();
    await fail(2);
    expect(breaker.state).toBe('closed');
    await fail();
    expect(log).toEqual(['closed → open: consecutive-failures']);
  });

  it('the breaker opens at the slow call rate threshold, also after a success', async () => {
    const { clock, breaker, log, start } = setUp({
      window: { calls: 4 },
      slowCallDuration: 100,
      slowCallRateThreshold: 0.5,
    });
    for (const ms of [99, 100, 10, 200]) {
      const call = start();
      await clock.advance(ms);
      call.resolve('fine');
      await settle();
      expect(call.result.value).toBe('fine');
    }
    expect(log).toEqual(['closed → open: slow-call-rate']);
    expect(breaker.stats).toMatchObject({ calls: 4, failures: 0, slow: 2, slowCallRate: 0.5 });
  });

  it('a count window drops slow calls too', async () => {
    const { clock, breaker, succeed, start } = setUp({ window: { calls: 2 }, slowCallDuration: 100 });
    const slow = start();
    await clock.advance(100);
    slow.resolve('at last');
    await settle();
    expect(breaker.stats.slow).toBe(1);
    await succeed(2);
    expect(breaker.stats).toMatchObject({ calls: 2, slow: 0, slowCallRate: 0 });
  });

  it('a success can be the call that reaches minimumCalls and opens the breaker', async () => {
    const outcomes: Outcome[] = [];
    const openFor: Backoff = ({ outcome }) => {
      outcomes.push(outcome);
      return 1000;
    };
    const { log, fail, succeed } = setUp({ window: { calls: 4 }, openFor });
    await fail(3);
    await succeed();
    expect(log).toEqual(['closed → open: failure-rate']);
    expect(outcomes).toMatchObject([{ ok: true }]);
  });

  it('the duration of calls does not matter without slowCallDuration', async () => {
    const { clock, breaker, start } = setUp({ window: { calls: 1 }, slowCallRateThreshold: 0.01 });
    const call = start();
    await clock.advance(3_600_000);
    call.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
  });

  it('aborts by the caller, rejections and programming errors are not counted, and permanent failures are', async () => {
    const { clock, breaker } = setUp({ consecutiveFailures: 1 });
    const full = bulkhead({ maxConcurrent: 1, clock });
    full.tryAcquire();
    await pipeline(breaker, full)
      .execute(() => 1)
      .catch(() => {});
    await breaker.execute(() => (undefined as unknown as () => void)()).catch(() => {});
    const controller = new AbortController();
    const aborted = watch(breaker.execute(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort();
    await aborted.done;
    expect(breaker.stats.calls).toBe(0);
    await breaker.execute(() => 1, { classify: () => 'permanent' });
    expect(breaker.state).toBe('open');
  });

  it('a throttled outcome counts as a success, and closes a half-open breaker', async () => {
    const { breaker, clock } = setUp({ consecutiveFailures: 2, openFor: 1000, halfOpen: { probes: 1 } });
    const throttled = () => breaker.execute(() => Promise.reject(new Error('busy')), { classify: () => 'throttled' });
    const fail = () => breaker.execute(() => Promise.reject(new Error('down')));
    for (const call of [fail, throttled, fail]) await call().catch(() => {});
    expect(breaker.state).toBe('closed');
    expect(breaker.stats).toMatchObject({ calls: 3, failures: 2 });
    await fail().catch(() => {});
    expect(breaker.state).toBe('open');
    await clock.advance(1000);
    await throttled().catch(() => {});
    expect(breaker.state).toBe('closed');
  });

  it('a failure of an operation during an abort by the caller is not counted', async () => {
    const { breaker } = setUp({ consecutiveFailures: 1 });
    const controller = new AbortController();
    const result = watch(
      breaker.execute(
        async () => {
          controller.abort('enough');
          throw down;
        },
        { signal: controller.signal },
      ),
    );
    await result.done;
    expect(result.error).toBe('enough');
    expect(breaker.state).toBe('closed');
  });

  it('an inner timeout counts as a failure, and an outer timeout does not', async () => {
    const { clock, breaker } = setUp({ window: { calls: 2 } });
    const never = () => new Promise(() => {});
    const outside = watch(pipeline(timeout({ duration: 10, clock }), breaker).execute(never));
    await clock.advance(10);
    expect(outside.state).toBe('rejected');
    expect(breaker.stats.calls).toBe(0);
    const inside = watch(pipeline(breaker, timeout({ duration: 10, clock })).execute(never));
    await clock.advance(10);
    expect(inside.state).toBe('rejected');
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
  });

  it('an error of the classify function rejects the call and changes no state', async () => {
    const { breaker } = setUp({
      consecutiveFailures: 1,
      classify: () => {
        throw new Error('the classify function failed');
      },
    });
    await expect(breaker.execute(() => 1)).rejects.toThrow('the classify function failed');
    expect(breaker.state).toBe('closed');
  });
});

describe('An open breaker', () => {
  it('an open breaker rejects at once with the cause and the remaining time', async () => {
    const { clock, breaker, fail } = setUp({ window: { calls: 1 }, name: 'users' });
    const rejects: unknown[] = [];
    breaker.on('reject', (event) => rejects.push(event));
    await fail();
    await clock.advance(400);
    const error = await rejectionOf(breaker);
    expect(error).toBeInstanceOf(CircuitOpenError);
    expect(error).toMatchObject({ policy: 'users', retryAfterMs: 600, cause: down });
    expect(breaker.stats.retryAfterMs).toBe(600);
    expect(rejects).toEqual([{ state: 'open', retryAfterMs: 600 }]);
  });

  it('a rejection has no cause if the breaker opened without an error', async () => {
    const { breaker } = setUp();
    breaker.trip();
    const error = await rejectionOf(breaker);
    expect(error).toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    expect(error).not.toHaveProperty('cause');
  });

  it('a call that was aborted before it reached the breaker is neither rejected by it nor a probe', async () => {
    const { clock, breaker, fail } = setUp({ window: { calls: 1 }, halfOpen: { probes: 1 } });
    const rejects: unknown[] = [];
    breaker.on('reject', (event) => rejects.push(event));
    const tooLate = definePolicy({
      name: 'too late',
      run(next, context) {
        const child = context.derive({});
        child.abort('by a policy outside');
        return next(child);
      },
    });
    const call = () => pipeline(tooLate, breaker).execute(() => expect.unreachable());
    await fail();
    await expect(call()).rejects.toBe('by a policy outside');
    expect(rejects).toEqual([]);
    await clock.advance(1000);
    const probe = breaker.tryAcquire();
    await expect(call()).rejects.toBe('by a policy outside');
    expect(rejects).toEqual([]);
    probe?.release();
  });

  it('an open breaker has no timer and becomes half-open as soon as its open time has passed', async () => {
    const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
    await fail();
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(999);
    expect(breaker.state).toBe('open');
    await clock.advance(1);
    expect(breaker.state).toBe('half-open');
  });

  it('the open time grows with consecutive openings and starts over after the breaker has closed', async () => {
    const opened: number[] = [];
    const { clock, breaker, fail, succeed } = setUp({
      window: { calls: 1 },
      openFor: undefined,
      random: () => 1,
      halfOpen: { probes: 1 },
    });
    breaker.on('open', ({ openForMs }) => opened.push(openForMs));
    for (let i = 0; i < 6; i++) {
      await fail();
      await clock.advance(60_000);
    }
    await succeed();
    expect(breaker.state).toBe('closed');
    await fail();
    expect(opened).toEqual([5000, 10_000, 20_000, 40_000, 60_000, 60_000, 5000]);
  });

  it('jitter shortens the default open time by at most half', async () => {
    const { breaker, fail } = setUp({ window: { calls: 1 }, openFor: undefined, random: () => 0 });
    await fail();
    expect(breaker.stats.retryAfterMs).toBe(2500);
  });

  it('the openFor backoff receives the number of consecutive openings', async () => {
    const seen: unknown[] = [];
    const { clock, breaker, fail, succeed } = setUp({
      window: { calls: 1 },
      halfOpen: { probes: 1 },
      openFor: ({ attempt, previousDelayMs, outcome }) => {
        seen.push([attempt, previousDelayMs, outcome]);
        return attempt * 100;
      },
    });
    for (let i = 0; i < 3; i++) {
      await fail();
      await clock.advance(1000);
    }
    await succeed();
    breaker.trip();
    expect(seen).toEqual([
      [1, undefined, { ok: false, error: down }],
      [2, 100, { ok: false, error: down }],
      [3, 200, { ok: false, error: down }],
      [1, undefined, { ok: false, error: undefined }], // closed in the meantime, then tripped
    ]);
  });

  it.each([undefined, Number.NaN, -1, '5', null])(
    'the breaker opens for the default time if its backoff returns %s',
    async (answer) => {
      const { breaker, fail } = setUp({ window: { calls: 1 }, openFor: (() => answer) as never, random: () => 1 });
      const others = process.listeners('uncaughtException');
      process.removeAllListeners('uncaughtException');
      const uncaught: unknown[] = [];
      process.on('uncaughtException', (error) => uncaught.push(error));
      try {
        await expect(breaker.execute(() => Promise.reject(down))).rejects.toBe(down);
        await settle();
      } finally {
        process.removeAllListeners('uncaughtException');
        for (const other of others) process.on('uncaughtException', other);
      }
      expect(breaker.stats.retryAfterMs).toBe(5000);
      expect(uncaught).toMatchObject([{ code: 'ERR_INVALID_OPTION', option: 'openFor' }]);
      await fail();
    },
  );

  it('a Retry-After is a lower bound of the open time, up to a minute', async () => {
    for (const [asked, openForMs] of [
      [5000, 5000],
      [10, 1000],
      [3_600_000, 60_000],
    ]) {
      const { breaker } = setUp({ window: { calls: 1 }, openFor: () => 1000 });
      await breaker
        .execute(() => Promise.reject(Object.assign(new Error('busy'), { retryAfterMs: asked })))
        .catch(() => {});
      expect(breaker.stats.retryAfterMs).toBe(openForMs);
    }
  });

  it('an openFor duration is used exactly, even with a Retry-After', async () => {
    const { breaker } = setUp({ window: { calls: 1 }, openFor: 1000 });
    const busy = Object.assign(new Error('busy'), { retryAfterMs: 5000 });
    await breaker.execute(() => Promise.reject(busy)).catch(() => {});
    expect(breaker.stats.retryAfterMs).toBe(1000);
  });

  it('results of calls that started before the breaker opened change nothing', async () => {
    const { clock, breaker, log, fail, start } = setUp({ window: { calls: 2 }, halfOpen: { probes: 1 } });
    const [early, late, later] = [start(), start(), start()];
    await fail(2);
    early.reject(down);
    await settle();
    expect(breaker.stats.retryAfterMs).toBe(1000); // not extended
    await clock.advance(1000);
    const probe = start();
    late.reject(down); // does not reopen the breaker
    await settle();
    expect(breaker.state).toBe('half-open');
    later.resolve('fine'); // does not close the breaker
    await settle();
    expect(breaker.state).toBe('half-open');
    probe.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
    expect(log).toEqual([
      'closed → open: failure-rate',
      'open → half-open: open-time-passed',
      'half-open → closed: probes-succeeded',
    ]);
    expect(late.result.error).toBe(down); // the caller still receives the result of its own call
  });
});

describe('A half-open breaker', () => {
  const halfOpen = (options: CircuitBreakerOptions = {}) => setUp({ initialState: 'half-open', ...options });

  it('the breaker admits as many concurrent calls as it has probes, rejects others and closes when all probes succeed', async () => {
    const { breaker, start } = halfOpen();
    const probes = [start(), start(), start()];
    expect(await rejectionOf(breaker)).toBeInstanceOf(CircuitOpenError);
    for (const [index, probe] of probes.entries()) {
      expect(breaker.state).toBe('half-open');
      probe.resolve(`${index}`);
      await probe.result.done;
    }
    expect(breaker.state).toBe('closed');
    expect(breaker.stats.calls).toBe(0); // the window starts empty
  });

  it('the first failed probe opens the breaker, and later results of probes change nothing', async () => {
    const { breaker, start, log } = halfOpen();
    const [one, two, three] = [start(), start(), start()];
    one.resolve('fine');
    two.reject(down);
    await settle();
    expect(breaker.state).toBe('open');
    three.resolve('fine');
    await settle();
    expect(log).toEqual(['half-open → open: probe-failed']);
  });

  it('the breaker tolerates maxFailures failed probes', async () => {
    const { breaker, succeed, fail } = halfOpen({ halfOpen: { probes: 2, maxFailures: 1 } });
    await fail();
    await succeed();
    expect(breaker.state).toBe('half-open');
    await fail();
    expect(breaker.state).toBe('open');
  });

  it('a slow probe counts as failed if slowCallDuration is set', async () => {
    const { clock, breaker, start } = halfOpen({ slowCallDuration: 100 });
    const probe = start();
    await clock.advance(100);
    probe.resolve('at last');
    await settle();
    expect(breaker.state).toBe('open');
  });

  it('a probe without a result counts as failed when probeTimeout has passed', async () => {
    const { clock, breaker, log, start } = halfOpen({ halfOpen: { probes: 1, probeTimeout: 5000 } });
    const hung = start();
    await clock.advance(4999);
    expect((await rejectionOf(breaker))?.retryAfterMs).toBe(1);
    await clock.advance(1);
    expect(breaker.state).toBe('open');
    expect(breaker.stats.retryAfterMs).toBe(1000);
    await clock.advance(1000);
    const probe = start();
    hung.resolve('too late');
    await settle();
    expect(breaker.state).toBe('half-open');
    probe.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
    expect(log).toEqual([
      'half-open → open: probe-timeout',
      'open → half-open: open-time-passed',
      'half-open → closed: probes-succeeded',
    ]);
  });

  it('a probe that ends after probeTimeout has failed, even if no call or getter used the breaker in between', async () => {
    const { clock, breaker, log, start } = halfOpen({ halfOpen: { probes: 1, probeTimeout: 5000 } });
    const late = start();
    await clock.advance(5500);
    late.resolve('too late');
    await settle();
    expect(log).toEqual(['half-open → open: probe-timeout']);
    expect(breaker.stats.retryAfterMs).toBe(500); // open since the probe timed out
  });

  it('the breaker catches up on a probe timeout and an open time that have both passed', async () => {
    const { clock, breaker, log, start } = halfOpen({ halfOpen: { probes: 1, probeTimeout: 5000 } });
    start();
    await clock.advance(6000);
    expect(breaker.state).toBe('half-open');
    expect(log).toEqual(['half-open → open: probe-timeout', 'open → half-open: open-time-passed']);
  });

  it('an ignored probe releases its slot and changes no state', async () => {
    const { breaker } = halfOpen({ halfOpen: { probes: 1 } });
    for (let i = 0; i < 10; i++) await breaker.execute(() => i, { classify: () => 'ignore' });
    expect(breaker.state).toBe('half-open');
    await breaker.execute(() => 1);
    expect(breaker.state).toBe('closed');
  });

  it('the breaker admits one probe at a time after as many consecutive ignored probes as it has slots', async () => {
    const { breaker, start } = halfOpen();
    for (let i = 0; i < 3; i++) await breaker.execute(() => i, { classify: () => 'ignore' });
    const one = start();
    expect(await rejectionOf(breaker)).toBeInstanceOf(CircuitOpenError);
    one.resolve('fine');
    await settle();
    start();
    start();
    start();
    expect(await rejectionOf(breaker)).toBeInstanceOf(CircuitOpenError);
  });

  it('a probe that is aborted by its caller or rejected by an inner policy releases its slot', async () => {
    const { clock, breaker } = halfOpen({ halfOpen: { probes: 1 } });
    const controller = new AbortController();
    const aborted = watch(breaker.execute(() => new Promise(() => {}), { signal: controller.signal }));
    controller.abort();
    await aborted.done;
    const full = bulkhead({ maxConcurrent: 1, clock });
    full.tryAcquire();
    await pipeline(breaker, full)
      .execute(() => 1)
      .catch(() => {});
    expect(breaker.state).toBe('half-open');
    expect(await breaker.execute(() => 'admitted')).toBe('admitted');
  });
});

describe('Manual control', () => {
  it('isolate rejects all calls until it is disposed, which restores the state with its remaining time', async () => {
    const { clock, breaker, log, fail } = setUp({ window: { calls: 1 } });
    await fail();
    await clock.advance(300);
    const one = breaker.isolate();
    const two = breaker.isolate();
    expect(breaker.state).toBe('isolated');
    await clock.advance(3_600_000);
    expect(await rejectionOf(breaker)).toMatchObject({ retryAfterMs: Infinity });
    one[Symbol.dispose]();
    one[Symbol.dispose]();
    expect(breaker.state).toBe('isolated');
    two[Symbol.dispose]();
    expect(breaker.state).toBe('open');
    expect(breaker.stats.retryAfterMs).toBe(700);
    expect(log).toEqual(['closed → open: failure-rate', 'open → isolated: isolated', 'isolated → open: released']);
  });

  it('disable admits all calls without counting them, and isolate takes precedence', async () => {
    const { breaker, log, fail, succeed } = setUp({ consecutiveFailures: 1 });
    const disabled = breaker.disable();
    await fail(100);
    expect(breaker.state).toBe('disabled');
    expect(breaker.stats.calls).toBe(0);
    const isolated = breaker.isolate();
    expect(await rejectionOf(breaker)).toBeInstanceOf(CircuitOpenError);
    isolated[Symbol.dispose]();
    expect(breaker.state).toBe('disabled');
    await succeed();
    disabled[Symbol.dispose]();
    expect(breaker.state).toBe('closed');
    expect(log).toEqual([
      'closed → disabled: disabled',
      'disabled → isolated: isolated',
      'isolated → disabled: disabled',
      'disabled → closed: released',
    ]);
  });

  it('a half-open breaker has fresh probes after an isolation', async () => {
    const { breaker, start } = setUp({ initialState: 'half-open', halfOpen: { probes: 1 } });
    const lost = start();
    breaker.isolate()[Symbol.dispose]();
    expect(breaker.state).toBe('half-open');
    const probe = start();
    lost.reject(down);
    await settle();
    expect(breaker.state).toBe('half-open');
    probe.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
  });

  it('trip opens the breaker, and reset closes it with an empty window', async () => {
    const { breaker, log, fail } = setUp({ window: { calls: 10 } });
    await fail(3);
    breaker.trip();
    expect(await rejectionOf(breaker)).toMatchObject({ retryAfterMs: 1000 });
    breaker.reset();
    expect(breaker.state).toBe('closed');
    expect(breaker.stats.calls).toBe(0);
    expect(log.slice(0, 2)).toEqual(['closed → open: tripped', 'open → closed: reset']);
  });

  it('reset ends no isolation but clears the window of the closed breaker below it', async () => {
    const { breaker, log, fail } = setUp();
    await fail(3);
    const isolated = breaker.isolate();
    breaker.reset();
    expect(breaker.state).toBe('isolated');
    isolated[Symbol.dispose]();
    expect(breaker.state).toBe('closed');
    expect(breaker.stats.calls).toBe(0);
    expect(log).toEqual(['closed → isolated: isolated', 'isolated → closed: released']);
  });

  it('the effect of trip and reset during an isolation shows when the isolation ends', async () => {
    const { clock, breaker, log } = setUp();
    const isolated = breaker.isolate();
    breaker.trip();
    expect(breaker.state).toBe('isolated');
    await clock.advance(5000);
    isolated[Symbol.dispose]();
    expect(breaker.state).toBe('open');
    expect(breaker.stats.retryAfterMs).toBe(1000);
    const again = breaker.isolate();
    breaker.reset();
    again[Symbol.dispose]();
    expect(breaker.state).toBe('closed');
    expect(log).toEqual([
      'closed → isolated: isolated',
      'isolated → open: released',
      'open → isolated: isolated',
      'isolated → closed: released',
    ]);
  });
});

describe('A breaker in observe mode', () => {
  it('the breaker counts calls and emits events but never rejects', async () => {
    const { clock, breaker, log, fail, succeed } = setUp({
      mode: 'observe',
      window: { calls: 2 },
      halfOpen: { probes: 1 },
    });
    const rejects: CircuitBreakerEvents['reject'][] = [];
    breaker.on('reject', (event) => rejects.push(event));
    await fail(2);
    expect(breaker.state).toBe('open');
    await succeed(3);
    expect(rejects).toHaveLength(3);
    await clock.advance(1000);
    await succeed();
    expect(breaker.state).toBe('closed');
    expect(log).toHaveLength(3);
  });
});

describe('Permits', () => {
  it('a permit reports its outcome once', async () => {
    const { breaker } = setUp({ window: { calls: 10 }, minimumCalls: 10 });
    const permit = breaker.tryAcquire();
    permit?.release({ ok: false, error: down });
    permit?.release({ ok: false, error: down });
    permit?.[Symbol.dispose]();
    breaker.tryAcquire()?.release({ ok: true, value: 1 });
    expect(breaker.stats).toMatchObject({ calls: 2, failures: 1 });
  });

  it('a permit without an outcome is not counted, and an open breaker returns no permit', async () => {
    const { breaker } = setUp({ initialState: 'half-open', halfOpen: { probes: 1 } });
    const probe = breaker.tryAcquire();
    expect(breaker.tryAcquire()).toBe(undefined);
    probe?.release();
    const second = breaker.tryAcquire();
    expect(second).toBeDefined();
    second?.release({ ok: false, error: down });
    expect(breaker.state).toBe('open');
    expect(breaker.tryAcquire()).toBe(undefined);
  });

  it('the duration of a permit counts as the duration of the call', async () => {
    const { clock, breaker } = setUp({ slowCallDuration: 100 });
    const permit = breaker.tryAcquire();
    await clock.advance(150);
    permit?.release({ ok: true, value: 1 });
    expect(breaker.stats.slow).toBe(1);
  });
});

describe('A breaker that is restored from its saved state', () => {
  it('the restored breaker stays open for exactly the remaining time', async () => {
    const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
    await fail();
    await clock.advance(400);
    const saved = JSON.parse(JSON.stringify(breaker));
    expect(saved).toEqual({ state: 'open', openings: 1, remainingOpenMs: 600 });

    const laterClock = new TestClock();
    await laterClock.advance(12_345);
    const restored = circuitBreaker({ initialState: saved, openFor: constantBackoff(1000), clock: laterClock });
    expect(restored.stats.retryAfterMs).toBe(600);
    await laterClock.advance(599);
    expect(restored.state).toBe('open');
    await laterClock.advance(1);
    expect(restored.state).toBe('half-open');
    expect(restored.toJSON()).toEqual({ state: 'half-open', openings: 1, remainingOpenMs: 0 });
  });

  it('the restored breaker continues to count openings', async () => {
    const seen: number[] = [];
    const clock = new TestClock();
    const breaker = circuitBreaker({
      clock,
      initialState: { state: 'half-open', openings: 4, remainingOpenMs: 0 },
      openFor: ({ attempt }) => seen.push(attempt),
    });
    await breaker.execute(() => Promise.reject(down)).catch(() => {});
    expect(seen).toEqual([5]);
  });

  it('the saved state does not contain an isolation', async () => {
    const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
    await fail();
    breaker.isolate();
    await clock.advance(5000);
    expect(breaker.toJSON()).toEqual({ state: 'open', openings: 1, remainingOpenMs: 1000 });
  });

  it('the saved state object is neither kept nor changed', () => {
    const initialState = Object.freeze({ state: 'open', openings: 1, remainingOpenMs: 500 } as const);
    const breaker = circuitBreaker({ initialState, clock: new TestClock() });
    breaker.reset();
    expect(breaker.toJSON()).toEqual({ state: 'closed', openings: 0, remainingOpenMs: 0 });
    expect(initialState.openings).toBe(1);
  });

  it.each(['open', 'half-open', 'isolated', 'disabled', 'closed'] as const)(
    'a breaker can start %s, and reset closes it',
    (initialState) => {
      const breaker = circuitBreaker({ initialState, clock: new TestClock() });
      expect(breaker.state).toBe(initialState);
      breaker.reset();
      expect(breaker.state).toBe('closed');
    },
  );
});

describe('Listeners', () => {
  it('each state transition emits its own event', async () => {
    const { clock, breaker, fail, succeed } = setUp({ window: { calls: 1 }, halfOpen: { probes: 1 } });
    const log: unknown[] = [];
    breaker.on('open', (event) => log.push(['open', event]));
    breaker.on('halfOpen', (event) => log.push(['halfOpen', event]));
    breaker.on('close', (event) => log.push(['close', event]));
    await fail();
    await clock.advance(1000);
    await succeed();
    expect(log).toEqual([
      ['open', { reason: 'failure-rate', openForMs: 1000 }],
      ['halfOpen', { reason: 'open-time-passed' }],
      ['close', { reason: 'probes-succeeded' }],
    ]);
  });

  it('a listener can change the breaker, and the last event shows the current state', async () => {
    const { breaker, log, fail } = setUp({ window: { calls: 1 } });
    breaker.on('open', () => breaker.reset());
    await fail();
    expect(breaker.state).toBe('closed');
    expect(log).toEqual(['closed → open: failure-rate', 'open → closed: reset']);
  });

  it('a trip of an open breaker and a reset of a closed breaker emit no event', async () => {
    const { clock, breaker, log, fail } = setUp({ window: { calls: 10 } });
    await fail(3);
    breaker.reset();
    expect(breaker.stats.calls).toBe(0);
    breaker.trip();
    await clock.advance(400);
    breaker.trip();
    expect(breaker.stats.retryAfterMs).toBe(600);
    expect(log).toEqual(['closed → open: tripped']);
  });
});

it('retry does not retry the rejection of an open breaker and works again after the breaker has closed', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ window: { calls: 2 }, halfOpen: { probes: 1 }, openFor: 500, clock });
  const policy = pipeline(retry({ maxAttempts: 5, backoff: constantBackoff(100), clock }), breaker);
  let calls = 0;
  const result = watch(
    policy.execute(() => {
      calls++;
      throw down;
    }),
  );
  await clock.advance(5000);
  expect(calls).toBe(2);
  expect(result.error).toBeInstanceOf(CircuitOpenError);
  expect(await policy.execute(() => 'recovered')).toBe('recovered');
});

it('A breaker does not open on failures that have left the window before the clock was read again', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock, window: { duration: '1s' }, minimumCalls: 65, failureRateThreshold: 0.4 });
  for (let i = 0; i < 64; i++)
    await breaker.execute(() => (i % 2 === 0 ? Promise.reject(down) : 'fine')).catch(() => {});
  expect(breaker.stats.calls).toBe(64); // from here on, one success may be counted without reading the clock
  await clock.advance(5000);
  await breaker.execute(() => 'fine');
  expect([breaker.state, breaker.stats.failures]).toEqual(['closed', 0]);
});
