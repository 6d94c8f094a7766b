/** The rows about circuit breakers of the 47 pitfalls in the policies research, each under its number. */
import {
  bulkhead,
  type CircuitBreakerOptions,
  CircuitOpenError,
  circuitBreaker,
  pipeline,
  RetryBudget,
  retry,
  timeout,
} from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, expect, it, vi } from 'vitest';
import { type Deferred, defer, settle, watch } from '../support/promises.js';

const down = new Error('down');
const never = () => new Promise<never>(() => {});

function setUp(options: CircuitBreakerOptions = {}) {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock, openFor: 1000, ...options });
  const changes: string[] = [];
  breaker.on('stateChange', ({ from, to, reason }) => changes.push(`${from} → ${to}: ${reason}`));
  const fail = async (times = 1) => {
    for (let i = 0; i < times; i++) await breaker.execute(() => Promise.reject(down)).catch(() => {});
  };
  const start = () => {
    const gate: Deferred<string> = defer();
    return { ...gate, result: watch(breaker.execute(() => gate.promise)) };
  };
  return { clock, breaker, changes, fail, start };
}

afterEach(() => {
  vi.restoreAllMocks();
});

it.each([30_000, 30_001, 45_000, 3_600_000, 30 * 86_400_000])(
  '1: after %i idle ms a window of 30 s is empty, whatever the wall clock does meanwhile',
  async (gapMs) => {
    const { clock, breaker, fail } = setUp({ window: { duration: '30s' } });
    await fail(15);
    const wallClock = vi.spyOn(Date, 'now').mockReturnValue(0);
    await clock.advance(gapMs);
    wallClock.mockReturnValue(8.64e15);
    expect(breaker.stats).toMatchObject({ calls: 0, failures: 0, failureRate: 0 });
    await fail();
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
    expect(breaker.state).toBe('closed');
  },
);

it('2: what was saved while open stays open for exactly as long as was left', async () => {
  const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  const justOpened = breaker.toJSON();
  await clock.advance(400);
  const later = breaker.toJSON();
  for (const [initialState, leftMs] of [
    [justOpened, 1000],
    [later, 600],
  ] as const) {
    const restored = circuitBreaker({ initialState, clock });
    expect([restored.state, restored.stats.retryAfterMs]).toEqual(['open', leftMs]);
  }
  const restored = circuitBreaker({ initialState: later, clock });
  await clock.advance(599);
  expect(restored.state).toBe('open');
  await clock.advance(1);
  expect(restored.state).toBe('half-open');
});

it.each(['resolve', 'reject'] as const)(
  '3: a call of the closed time that comes to its end while a probe runs changes nothing (%s)',
  async (how) => {
    const { clock, breaker, changes, fail, start } = setUp({ window: { calls: 1 }, halfOpen: { probes: 1 } });
    const early = start();
    await fail();
    await clock.advance(1000);
    const probe = start();
    if (how === 'resolve') early.resolve('late');
    else early.reject(new Error('late'));
    await settle();
    expect(breaker.state).toBe('half-open');
    probe.resolve('fine');
    await settle();
    expect(breaker.state).toBe('closed');
    expect(changes).toHaveLength(3);
  },
);

it('4: a probe that hangs keeps nobody waiting, and counts as failed when its lease runs out', async () => {
  const { clock, breaker, start } = setUp({ initialState: 'half-open', halfOpen: { probes: 1, probeTimeout: 5000 } });
  start();
  await expect(breaker.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN', retryAfterMs: 5000 });
  await clock.advance(5000);
  expect(breaker.state).toBe('open');
  await clock.advance(1000);
  expect(await breaker.execute(() => 'let in')).toBe('let in');
  expect(breaker.state).toBe('closed');
});

it('4: aborting the call of a probe that hangs settles it at once, and gives the probe back', async () => {
  const { breaker } = setUp({ initialState: 'half-open', halfOpen: { probes: 1 } });
  const controller = new AbortController();
  const hung = watch(breaker.execute(never, { signal: controller.signal }));
  controller.abort('enough');
  await settle();
  expect(hung.error).toBe('enough');
  expect(await breaker.execute(() => 'let in')).toBe('let in');
});

it('12: aborts by the caller never open a breaker, and give back what they held', async () => {
  for (const initialState of ['closed', 'half-open'] as const) {
    const { breaker } = setUp({ initialState, consecutiveFailures: 1, halfOpen: { probes: 1 } });
    for (let i = 0; i < 50; i++) {
      const controller = new AbortController();
      const call = watch(
        breaker.execute(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)), {
          signal: controller.signal,
        }),
      );
      controller.abort('enough');
      await call.done;
      expect(call.error).toBe('enough');
    }
    expect(breaker.state).toBe(initialState);
    expect(breaker.stats.calls).toBe(0);
    expect(breaker.tryAcquire()).toBeDefined();
  }
});

it('14: isolating an open breaker and letting go of it leaves it open for what was left', async () => {
  const { clock, breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  await clock.advance(300);
  const isolation = breaker.isolate();
  await clock.advance(60_000);
  isolation[Symbol.dispose]();
  expect([breaker.state, breaker.stats.retryAfterMs]).toEqual(['open', 700]);
  await clock.advance(700);
  expect(breaker.state).toBe('half-open');
});

it('15: a refusal says by whom, why and until when', async () => {
  const { breaker, fail } = setUp({ window: { calls: 1 }, name: 'users' });
  await fail();
  const refused = watch(breaker.execute(() => 1));
  await refused.done;
  expect(refused.error).toBeInstanceOf(CircuitOpenError);
  expect(refused.error).toMatchObject({
    name: 'CircuitOpenError',
    code: 'ERR_CIRCUIT_OPEN',
    policy: 'users',
    cause: down,
    retryAfterMs: 1000,
  });
});

it('18: by default the first failures do not open it: 20 calls are the least that count', async () => {
  const clock = new TestClock();
  const breaker = circuitBreaker({ clock });
  for (let i = 0; i < 19; i++) await breaker.execute(() => Promise.reject(down)).catch(() => {});
  expect(breaker.state).toBe('closed');
  await breaker.execute(() => Promise.reject(down)).catch(() => {});
  expect(breaker.state).toBe('open');
});

it('20: what our own policies refuse further inside says nothing about the health of the dependency', async () => {
  const { clock, breaker } = setUp({ consecutiveFailures: 1 });
  const full = bulkhead({ maxConcurrent: 1, clock });
  full.tryAcquire();
  const open = circuitBreaker({ initialState: 'isolated', clock });
  for (const inner of [full, open]) {
    for (let i = 0; i < 50; i++) {
      await expect(pipeline(breaker, inner).execute(() => 1)).rejects.toMatchObject({ code: /^ERR_/ });
    }
  }
  expect([breaker.state, breaker.stats.calls]).toEqual(['closed', 0]);
});

it('21: the rate is that of calls that came to an end: neither refusals nor calls that run dilute it', async () => {
  const { breaker, fail, start } = setUp({ window: { calls: 10 }, minimumCalls: 1 });
  start();
  start();
  await fail();
  expect(breaker.state).toBe('open');
  for (let i = 0; i < 9; i++) await expect(breaker.execute(() => 1)).rejects.toBeInstanceOf(CircuitOpenError);
  expect(breaker.stats).toMatchObject({ calls: 1, failures: 1, failureRate: 1 });
});

it('24: a failure costs no more with 200,000 calls in the window than with 4,000', () => {
  const millisecondsFor = (calls: number): number => {
    const { breaker } = setUp({ window: { calls }, failureRateThreshold: 1, minimumCalls: calls });
    const failure = { ok: false, error: down } as const;
    breaker.tryAcquire()?.release({ ok: true, value: 1 }); // and so it never opens
    for (let i = 1; i < calls; i++) breaker.tryAcquire()?.release(failure);
    const rounds = Array.from({ length: 7 }, () => {
      breaker.tryAcquire()?.release({ ok: true, value: 1 });
      const before = performance.now();
      for (let i = 0; i < 2000; i++) breaker.tryAcquire()?.release(failure);
      return performance.now() - before;
    });
    return Math.min(...rounds);
  };
  millisecondsFor(10_000); // for the compiler
  const [few, many] = [millisecondsFor(4000), millisecondsFor(200_000)];
  expect(many).toBeLessThan(few * 5 + 1);
  expect(few / 2000).toBeLessThan(0.05);
});

it('25: whether an answer means that the dependency is well, or says nothing, can be told apart', async () => {
  const options = { initialState: 'half-open', halfOpen: { probes: 1 } } as const;
  const notFound = Object.assign(new Error('not found'), { status: 404 });
  const { breaker: alive } = setUp({ ...options, classify: ({ ok }) => (ok ? 'failure' : 'success') });
  await expect(alive.execute(() => Promise.reject(notFound))).rejects.toBe(notFound);
  expect(alive.state).toBe('closed');
  const { breaker: unknown } = setUp({ ...options, classify: () => 'ignore' });
  await expect(unknown.execute(() => Promise.reject(notFound))).rejects.toBe(notFound);
  expect(unknown.state).toBe('half-open');
});

it('34: many failures at once open it once, and do not put off its recovery', async () => {
  const { clock, breaker, changes, start } = setUp({ window: { calls: 10 }, minimumCalls: 3 });
  const calls = Array.from({ length: 100 }, start);
  for (const call of calls.slice(0, 50)) call.reject(down);
  await settle();
  await clock.advance(600);
  for (const call of calls.slice(50)) call.reject(down);
  await settle();
  expect(breaker.stats.retryAfterMs).toBe(400);
  expect(changes).toEqual(['closed → open: failure-rate']);
  expect(breaker.toJSON().openings).toBe(1);
});

it('35: a probe whose outcome is ignored is given back each time', async () => {
  const { breaker, fail } = setUp({ initialState: 'half-open', classify: ({ ok }) => (ok ? 'success' : 'ignore') });
  await fail(1000);
  expect(breaker.state).toBe('half-open');
  for (let i = 0; i < 3; i++) await breaker.execute(() => i);
  expect(breaker.state).toBe('closed');
});

it('36: more minimum calls than the window holds are refused; probes decide without a minimum', async () => {
  expect(() => circuitBreaker({ window: { calls: 10 }, minimumCalls: 11 })).toThrow(/"minimumCalls" .* at most 10/);
  const { breaker } = setUp({ initialState: 'half-open', minimumCalls: 1000, halfOpen: { probes: 2 } });
  await breaker.execute(() => 1);
  await breaker.execute(() => 2);
  expect(breaker.state).toBe('closed');
});

it('42: a snapshot is a copy, is checked, and never locks a breaker up', async () => {
  const { breaker, fail } = setUp({ window: { calls: 1 } });
  await fail();
  const saved = breaker.toJSON();
  const before = { ...saved };
  const restored = circuitBreaker({ initialState: saved, clock: new TestClock() });
  Object.assign(saved, { state: 'closed', remainingOpenMs: 0 });
  expect(restored.toJSON()).toEqual(before);
  expect(breaker.toJSON()).toEqual(before);
  expect(() => circuitBreaker({ initialState: { ...before, remainingOpenMs: Number.NaN } })).toThrow(
    '"initialState.remainingOpenMs"',
  );
  expect(() => circuitBreaker({ initialState: { ...before, until: 5 } as never })).toThrow('"initialState.until"');
  breaker.isolate();
  expect(breaker.toJSON().state).toBe('open'); // what nobody could let go of is not saved
  const isolated = circuitBreaker({ initialState: 'isolated' });
  isolated.reset();
  expect(isolated.state).toBe('closed');
});

it('43: no policy looks at the wall clock', async () => {
  vi.spyOn(Date, 'now').mockImplementation(() => {
    throw new Error('the wall clock was read');
  });
  const breaker = circuitBreaker({ window: { calls: 1 }, openFor: 5, slowCallDuration: '1s' });
  const policy = pipeline(
    retry({ budget: new RetryBudget(), backoff: () => 1, maxElapsed: '1m', maxAttempts: 2 }),
    breaker,
    bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1s' }),
    timeout('1s'),
  );
  const error = await policy.execute(() => Promise.reject(down), { timeout: '5s' }).catch((reason) => reason);
  expect(error === down || error instanceof CircuitOpenError).toBe(true);
  await vi.waitUntil(() => breaker.state === 'half-open');
  expect(await policy.execute(() => 1)).toBe(1);
});
