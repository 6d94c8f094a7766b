import { hedge } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { expect, it } from 'vitest';
import { defer, settle, watch } from '../support/promises.js';
import { StallingClock } from '../support/stalling-clock.js';
import { fixture, manualOperation, timedOperation } from './setup.js';

/** Runs calls one after the other; each takes one of the times in turn. */
async function callsOf(clock: TestClock, policy: ReturnType<typeof hedge>, count: number, ...durationsMs: number[]) {
  const { operation, started } = timedOperation(clock, ...durationsMs);
  for (let i = 0; i < count; i++) {
    const call = watch(policy.execute(operation));
    await clock.advance(durationsMs[started.length - 1] ?? 0);
    while (call.state === 'pending') await clock.advance(1);
  }
}

it('without enough samples the fallback delay applies, and with them the quantile of the latencies', async () => {
  const { clock, policy } = fixture({ delay: 'p95', minSamples: 20, fallbackDelay: 5000 });
  const durations = Array.from({ length: 20 }, (_, index) => 10 * (index + 1)); // 10 to 200 ms
  await callsOf(clock, policy, 19, ...durations);
  expect(policy.stats.delayMs).toBe(5000);
  await callsOf(clock, policy, 1, 200);
  expect(policy.stats.delayMs).toBeGreaterThan(190 / 1.05);
  expect(policy.stats.delayMs).toBeLessThan(190 * 1.05);
});

it('the default is p95, with 100 samples and a fallback delay of one second', async () => {
  const clock = new TestClock();
  const policy = hedge({ clock });
  expect(policy.describe()).toMatchObject({
    kind: 'hedge',
    name: 'hedge',
    delay: 'p95',
    delayMs: undefined,
    maxHedges: 1,
    maxRatio: 0.05,
    floor: 10,
    minSamples: 100,
    fallbackDelayMs: 1000,
    mode: 'enforce',
  });
  await callsOf(clock, policy, 99, 20);
  expect(policy.stats.delayMs).toBe(1000);
  await callsOf(clock, policy, 1, 20);
  expect(policy.stats.delayMs).toBeCloseTo(20, -0.5);
});

it('a call whose hedge has won counts with the time until then, so that the quantile does not sink by hedging', async () => {
  const { clock, policy } = fixture({ delay: 'p90', minSamples: 50, fallbackDelay: 500, maxRatio: 1 });
  // One call in five hangs. Its hedge is answered 10 ms after its start.
  let calls = 0;
  for (let i = 0; i < 400; i++) {
    const isSlow = calls++ % 5 === 0;
    const call = watch(
      policy.execute(({ hedge: number }) =>
        isSlow && number === 0 ? new Promise(() => {}) : new Promise((done) => clock.setTimeout(() => done(1), 10)),
      ),
    );
    while (call.state === 'pending') await clock.advance(5);
  }
  // Without these samples, all latencies would be 10 ms, and the delay with them.
  expect(policy.stats.delayMs).toBeGreaterThan(100);
});

it('failures, hedges and calls that are not hedged are no samples', async () => {
  const { clock, policy } = fixture({ delay: 'p50', minSamples: 2, fallbackDelay: 100 });
  for (let i = 0; i < 5; i++) {
    await policy.execute(() => Promise.reject(new TypeError('a mistake'))).catch(() => {});
    await policy.execute(() => 1, { repeatable: false });
    await policy.execute(({ hedge: number }) => (number === 0 ? Promise.reject(new Error('down')) : 1));
  }
  expect(policy.stats.delayMs).toBe(100);
  await callsOf(clock, policy, 2, 30);
  expect(policy.stats.delayMs).toBeCloseTo(30, -0.5);
});

it('the quantile rises within the window when everything becomes slower, and sinks again afterwards', async () => {
  const { clock, policy } = fixture({ delay: 'p95', minSamples: 100, fallbackDelay: 1000, maxRatio: 0.001 });
  await callsOf(clock, policy, 500, 10);
  expect(policy.stats.delayMs).toBeCloseTo(10, -0.5);
  await callsOf(clock, policy, 200, 50);
  expect(policy.stats.delayMs).toBeCloseTo(50, -1);
  await callsOf(clock, policy, 6000, 10);
  expect(policy.stats.delayMs).toBeCloseTo(10, -0.5);
});

it('after a long time without calls the quantile is forgotten', async () => {
  const { clock, policy } = fixture({ delay: 'p95', minSamples: 10, fallbackDelay: 700 });
  await callsOf(clock, policy, 20, 10);
  expect(policy.stats.delayMs).toBeCloseTo(10, -0.5);
  await clock.advance(3_600_000);
  const { operation, started } = timedOperation(clock, 2000);
  watch(policy.execute(operation));
  await clock.advance(699);
  expect(started).toHaveLength(1);
  await clock.advance(1);
  expect(started).toHaveLength(2);
});

it('a client with one call per second has enough samples for a quantile after a while', async () => {
  const { clock, policy } = fixture({ delay: 'p95' });
  for (let i = 0; i < 300; i++) {
    await callsOf(clock, policy, 1, 20);
    await clock.advance(980);
    if (i >= 100) expect(policy.stats.delayMs).toBeCloseTo(20, -0.5);
  }
});

it('after a stall of the event loop no hedge starts at once, and the stalled latency is no sample', async () => {
  const clock = new StallingClock();
  const policy = hedge({ delay: 'p50', minSamples: 1, fallbackDelay: 100, clock });
  const { runs, operation } = manualOperation();
  const call = watch(policy.execute(operation));
  await clock.turn(50);
  await clock.turn(1000); // the process was blocked
  expect(runs).toHaveLength(1);
  runs[0]!.resolve('well');
  await settle();
  expect(call.value).toBe('well');
  expect(policy.stats).toMatchObject({ hedges: 0, skipped: 0, delayMs: 100 });
});

it('a delay function decides for each call, and again after each hedge', async () => {
  const seen: [string | undefined, number][] = [];
  const { clock, policy } = fixture({
    maxHedges: 3,
    delay: ({ key, hedge: number }) => {
      seen.push([key, number]);
      return number === 2 ? undefined : 50 * (number + 1);
    },
  });
  const { operation, started } = timedOperation(clock, 1000);
  const call = watch(policy.execute(operation, { key: 'users' }));
  await clock.advance(1000);
  expect(call.state).toBe('fulfilled');
  expect(started.map(({ at }) => at)).toEqual([0, 50, 150]);
  expect(seen).toEqual([
    ['users', 0],
    ['users', 1],
    ['users', 2],
  ]);
  expect(clock.pendingTimers).toBe(0);
  expect(policy.stats.delayMs).toBe(undefined);
  expect(policy.describe()).toMatchObject({ delay: 'function', delayMs: undefined });
});

it('a delay function may return a duration as text, and undefined for no hedge after a delay', async () => {
  const text = fixture({ delay: () => '30ms' });
  const one = timedOperation(text.clock, 100);
  watch(text.policy.execute(one.operation));
  await text.clock.advance(30);
  expect(one.started).toHaveLength(2);

  const none = fixture({ delay: () => undefined });
  const other = timedOperation(none.clock, -100, 10);
  const call = watch(none.policy.execute(other.operation));
  expect(none.clock.pendingTimers).toBe(1); // that of the operation
  await none.clock.advance(110);
  expect(call.value).toBe('run 1'); // after the failure
});

it.each([Number.NaN, 0, -1, Infinity, '5', null, {}])(
  'a call rejects if its delay function returns %s, before the operation starts',
  async (invalid) => {
    const { policy, clock } = fixture({ delay: () => invalid as never });
    const { runs, operation } = manualOperation();
    await expect(policy.execute(operation)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'delay' });
    expect(runs).toHaveLength(0);
    expect(clock.pendingTimers).toBe(0);
  },
);

it('an error of the delay function after a hedge ends the call and aborts its runs', async () => {
  const failed = new Error('no delay');
  const { clock, policy } = fixture({
    maxHedges: 2,
    delay: ({ hedge: number }) => {
      if (number > 0) throw failed;
      return 10;
    },
  });
  const { runs, operation } = manualOperation();
  const call = watch(policy.execute(operation));
  await clock.advance(10);
  expect(call.error).toBe(failed);
  expect(runs.map(({ context }) => context.signal.aborted)).toEqual([true, true]);
  expect(clock.pendingTimers).toBe(0);
});

it('calls with any number of different delays have timers of their own and leave none', async () => {
  let delay = 0;
  const { clock, policy } = fixture({ delay: () => ++delay });
  const gate = defer();
  const calls = Array.from({ length: 100 }, () => watch(policy.execute(() => gate.promise)));
  expect(clock.pendingTimers).toBe(100);
  gate.resolve(1);
  await settle();
  expect(calls.every(({ state }) => state === 'fulfilled')).toBe(true);
  expect(clock.pendingTimers).toBe(0);
});

it('1000 concurrent calls with one delay share one timer', async () => {
  const { clock, policy } = fixture({ delay: 'p95' });
  const gate = defer();
  for (let i = 0; i < 1000; i++) watch(policy.execute(() => gate.promise));
  expect(clock.pendingTimers).toBe(1);
  gate.resolve(1);
  await settle();
  expect(clock.pendingTimers).toBe(0);
});

it('with mode observe no hedge starts, and the events and counts show what would have', async () => {
  const { clock, policy, log } = fixture({ mode: 'observe', maxHedges: 2 });
  const { operation, started } = timedOperation(clock, 1000);
  const call = watch(policy.execute(operation));
  await clock.advance(1000);
  expect(call.value).toBe('run 0');
  expect(started).toHaveLength(1);
  expect(log).toEqual(['hedge 1.1 after 100 ms because of delay', 'hedge 1.2 after 200 ms because of delay']);
  expect(policy.stats).toMatchObject({ calls: 1, hedges: 2, wins: 0 });
  expect(policy.describe()).toMatchObject({ mode: 'observe' });
  const failing = timedOperation(clock, -10);
  const failed = watch(policy.execute(failing.operation));
  await clock.advance(10);
  expect(failed.state).toBe('rejected');
  expect(clock.pendingTimers).toBe(0);
});

it('with many samples a quarter of the calls is measured, and otherwise every call', async () => {
  let readings = 0;
  class CountingClock extends TestClock {
    override now(): number {
      readings++;
      return super.now();
    }
  }
  const policy = hedge({ clock: new CountingClock() });
  const readingsOf = async (calls: number) => {
    const before = readings;
    for (let i = 0; i < calls; i++) await policy.execute(() => 1);
    return readings - before;
  };
  expect(await readingsOf(1000)).toBe(2000);
  const more = await readingsOf(400);
  expect(more).toBeGreaterThan(490);
  expect(more).toBeLessThan(510);
});
