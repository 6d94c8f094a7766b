import { bulkhead, circuitBreaker, constantBackoff, pipeline, retry, sleep, timeout } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const HOUR = 3_600_000;
const down = new Error('down');

describe('An abort during a call', () => {
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

  it('a pending call that is aborted at any millisecond and microtask rejects with the reason and releases its slot, probe, listeners and timers', async () => {
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
    ['while its operation runs', 30, 1],
    ['during its backoff', 50, 1],
    ['during its second attempt', 70, 2],
  ])('a call that is aborted %s clears its timers and starts no further attempt', async (_where, ms, expected) => {
    const { clock, controller, slots, call, calls } = setUp();
    await clock.advance(ms);
    controller.abort('enough');
    expect(slots.queued).toBe(0);
    await microtasks(30);
    expect(call.error).toBe('enough');
    await clock.advance(HOUR);
    expect([calls(), slots.active, clock.pendingTimers]).toEqual([expected, 0, 0]);
  });

  it('an abort after the call has succeeded changes nothing', async () => {
    const { clock, controller, listeners, call } = setUp();
    await clock.advance(100);
    expect(call.value).toBe('done');
    controller.abort('too late');
    await settle();
    expect([call.state, listeners(), clock.pendingTimers]).toEqual(['fulfilled', 0, 0]);
  });
});
