/** Faults F33 to F47 of section 4 of the reliability research, as far as they need neither a server nor a process. */
import { bulkhead, circuitBreaker, constantBackoff, keyed, pipeline, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defer, microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';

const HOUR = 3_600_000;
const down = new Error('down');
const never = () => new Promise<never>(() => {});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it('F33: a listener that throws or rejects is reported, and nothing else comes of it', async () => {
  for (const listener of [
    () => {
      throw down;
    },
    async () => {
      throw down;
    },
  ]) {
    using uncaught = catchUncaught();
    const clock = new TestClock();
    const breaker = circuitBreaker({ consecutiveFailures: 1, halfOpen: { probes: 1 }, openFor: 100, clock });
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 50, clock });
    for (const type of ['open', 'halfOpen', 'close', 'stateChange', 'reject'] as const) breaker.on(type, listener);
    for (const type of ['queued', 'reject', 'idle'] as const) slots.on(type, listener);
    const policy = pipeline(breaker, slots);
    policy.on('success', listener);
    policy.on('failure', listener);
    const error = new Error('its own');
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    await expect(policy.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CIRCUIT_OPEN' });
    await clock.advance(100);
    const held = slots.tryAcquire();
    const queued = watch(policy.execute(() => 'fine'));
    held?.release();
    await queued.done;
    expect([queued.value, breaker.state, slots.active, slots.queued]).toEqual(['fine', 'closed', 0, 0]);
    await settle();
    const reported = [...uncaught.errors, ...uncaught.rejections];
    expect(reported.length).toBeGreaterThanOrEqual(8);
    expect(reported.every((one) => one === down)).toBe(true);
  }
});

describe('F39, F40: an abort wherever a call stands', () => {
  /** A call that waits in a queue until 20 ms, fails at 40, backs off until 60, and succeeds at 80. */
  function setUp() {
    const clock = new TestClock();
    const { controller, listeners } = countingController();
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: '1m', clock });
    const breaker = circuitBreaker({ initialState: 'half-open', halfOpen: { probes: 2, maxFailures: 1 }, clock });
    const held = slots.tryAcquire();
    clock.setTimeout(() => held?.release(), 20);
    let calls = 0;
    const call = watch(
      pipeline(
        timeout({ duration: '1h', clock }),
        retry({ backoff: constantBackoff(20), clock }),
        breaker,
        slots,
        timeout({ duration: '1m', clock }),
      ).execute(
        ({ attempt }) => {
          calls++;
          return sleep(20, { clock }).then(() => (attempt === 1 ? Promise.reject(down) : 'done'));
        },
        { signal: controller.signal },
      ),
    );
    return { clock, controller, listeners, slots, breaker, call, calls: () => calls };
  }

  it('F39: at every millisecond and every microtask after it: the reason at once, and everything is given back', async () => {
    let aborted = 0;
    for (let ms = 0; ms <= 90; ms += 5) {
      for (let microtask = 0; microtask <= 15; microtask += 3) {
        const { clock, controller, listeners, slots, breaker, call, calls } = setUp();
        await clock.advance(ms);
        await microtasks(microtask);
        const [callsBefore, wasPending] = [calls(), call.state === 'pending'];
        controller.abort('enough');
        await microtasks(30);
        if (wasPending && call.state === 'rejected') {
          aborted++;
          expect(call.error).toBe('enough');
          await clock.advance(HOUR);
          expect(calls()).toBe(callsBefore);
        } else expect(call).toMatchObject({ state: 'fulfilled', value: 'done' });
        await clock.advance(HOUR);
        expect([slots.active, slots.queued, listeners(), clock.pendingTimers]).toEqual([0, 0, 0, 0]);
        if (breaker.state === 'half-open') {
          const probes = [breaker.tryAcquire(), breaker.tryAcquire(), breaker.tryAcquire()];
          expect(probes.filter(Boolean).length).toBeGreaterThanOrEqual(1);
        }
      }
    }
    expect(aborted).toBeGreaterThan(50);
  });

  it.each([
    ['in the queue', 10, 0],
    ['while it runs', 30, 1],
    ['in its backoff', 50, 1],
    ['in its second try', 70, 2],
  ])('F40: %s: it is taken out, its timers are cleared, and nothing is called', async (_where, ms, expected) => {
    const { clock, controller, slots, call, calls } = setUp();
    await clock.advance(ms);
    controller.abort('enough');
    expect(slots.queued).toBe(0);
    await microtasks(30);
    expect(call.error).toBe('enough');
    await clock.advance(HOUR);
    expect([calls(), slots.active, clock.pendingTimers]).toEqual([expected, 0, 0]);
  });

  it('F40: after it succeeded: nothing', async () => {
    const { clock, controller, listeners, call } = setUp();
    await clock.advance(100);
    expect(call.value).toBe('done');
    controller.abort('too late');
    await settle();
    expect([call.state, listeners(), clock.pendingTimers]).toEqual(['fulfilled', 0, 0]);
  });
});

it('F41: an operation that throws at once is one that failed, and its slot is free', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, clock });
  const breaker = circuitBreaker({ consecutiveFailures: 3, clock });
  const policy = pipeline(timeout({ duration: '1s', clock }), breaker, slots);
  const calls = Array.from({ length: 3 }, () =>
    watch(
      policy.execute(() => {
        throw down;
      }),
    ),
  );
  await settle();
  expect(calls.every(({ error }) => error === down)).toBe(true);
  expect([slots.active, slots.queued, breaker.state, clock.pendingTimers]).toEqual([0, 0, 'open', 0]);
});

it('F42: an operation that calls into its own full bulkhead is told so by the queue timeout, or at once', async () => {
  const clock = new TestClock();
  const patient = bulkhead({ maxConcurrent: 1, maxQueue: 1, queueTimeout: 100, clock });
  const waiting = watch(patient.execute(() => patient.execute(() => 1)));
  await clock.advance(100);
  expect(waiting.error).toMatchObject({ code: 'ERR_QUEUE_TIMEOUT' });
  const impatient = bulkhead({ maxConcurrent: 1, clock });
  await expect(impatient.execute(() => impatient.execute(() => 1))).rejects.toMatchObject({
    code: 'ERR_BULKHEAD_FULL',
  });
  expect([patient.active, impatient.active]).toEqual([0, 0]);
});

it('F43: what overflows a queue is refused at once, with an error that says so', async () => {
  const policy = bulkhead({ maxConcurrent: 1, maxQueue: 1, name: 'reports' });
  watch(policy.execute(never));
  watch(policy.execute(never));
  const refused = Array.from({ length: 1000 }, () => watch(policy.execute(() => expect.unreachable())));
  await microtasks(5);
  for (const { error } of refused) expect(error).toMatchObject({ code: 'ERR_BULKHEAD_FULL', policy: 'reports' });
  expect([policy.active, policy.queued]).toEqual([1, 1]);
});

it('F44: who is still in the queue when its time is up never runs', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 1, maxQueue: 9, queueTimeout: 300, clock });
  const ran: string[] = [];
  const held = slots.tryAcquire();
  const outer = pipeline(timeout({ duration: 100, clock }), slots);
  const calls = [
    watch(outer.execute(() => ran.push('a timeout outside'))),
    watch(slots.execute(() => ran.push('a total timeout'), { timeout: 200 })),
    watch(slots.execute(() => ran.push('the queue timeout'))),
  ];
  await clock.advance(300);
  const last = watch(slots.execute(() => ran.push('none of these')));
  held?.release();
  await last.done;
  expect(ran).toEqual(['none of these']);
  expect(calls.map(({ error }) => (error as { code: string }).code)).toEqual([
    'ERR_TIMEOUT',
    'ERR_TIMEOUT',
    'ERR_QUEUE_TIMEOUT',
  ]);
});

it('F45: close takes in no more, and lets all finish; dispose then refuses those who still wait', async () => {
  const clock = new TestClock();
  const slots = bulkhead({ maxConcurrent: 10, maxQueue: 90, clock });
  const calls = Array.from({ length: 100 }, () => watch(slots.execute(() => sleep(100, { clock }))));
  const closed = watch(slots.close());
  await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  await clock.advance(550); // five rounds of ten are over, and the sixth runs
  expect(closed.state).toBe('pending');
  slots[Symbol.dispose]();
  await settle();
  const count = (state: string) => calls.filter((call) => call.state === state).length;
  expect([count('fulfilled'), count('pending'), count('rejected')]).toEqual([50, 10, 40]);
  for (const { error, state } of calls) if (state === 'rejected') expect(error).toMatchObject({ code: 'ERR_CLOSED' });
  await clock.advance(50);
  expect([count('fulfilled'), closed.state, slots.active, clock.pendingTimers]).toEqual([60, 'fulfilled', 0, 0]);
});

describe('F47: the end, twice', () => {
  it('F47: closing and disposing again changes nothing; later use is refused by type', async () => {
    const slots = bulkhead({ maxConcurrent: 1, maxQueue: 1 });
    const gate = defer<string>();
    const running = watch(slots.execute(() => gate.promise));
    const ends = [slots.close(), slots.close()];
    slots[Symbol.dispose]();
    slots[Symbol.dispose]();
    ends.push(slots.close());
    gate.resolve('done');
    await Promise.all([...ends, slots.onIdle()]);
    expect(running.value).toBe('done');
    await expect(slots.execute(() => 1)).rejects.toMatchObject({ code: 'ERR_CLOSED', name: 'ClosedError' });
    await expect(slots.acquire()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    expect(slots.tryAcquire()).toBe(undefined);
  });

  it('F47: permits and overrides count once, however often they are given back', () => {
    const slots = bulkhead({ maxConcurrent: 2 });
    const [one] = [slots.tryAcquire(), slots.tryAcquire()];
    for (let i = 0; i < 3; i++) one?.release();
    one?.[Symbol.dispose]();
    expect(slots.active).toBe(1);

    const breaker = circuitBreaker({ clock: new TestClock() });
    const permit = breaker.tryAcquire();
    permit?.release({ ok: false, error: down });
    permit?.release({ ok: false, error: down });
    permit?.[Symbol.dispose]();
    expect(breaker.stats).toMatchObject({ calls: 1, failures: 1 });
    const [isolation, another] = [breaker.isolate(), breaker.isolate()];
    isolation[Symbol.dispose]();
    isolation[Symbol.dispose]();
    expect(breaker.state).toBe('isolated');
    another[Symbol.dispose]();
    expect(breaker.state).toBe('closed');
  });

  it('F47: forgetting a key twice is harmless', () => {
    const family = keyed(() => retry());
    family.for('a');
    expect([family.delete('a'), family.delete('a'), family.size]).toEqual([true, false, 0]);
  });
});
