/** What the pacing gate of resilientFetch leaves behind: nothing. */
import { resilientFetch } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { PacingGates } from '../../src/fetch/pacing/pacing-gates.js';
import { settle, watch } from '../support/promises.js';

/** A server that answers 429 with Retry-After 2 after 20 ms until `wellAt`. */
function setUp(wellAt = Infinity) {
  const clock = new TestClock();
  let sent = 0;
  const fetch = resilientFetch({
    clock,
    fetch: async (_url: string, init?: { signal?: AbortSignal | null }) => {
      sent++;
      await new Promise<void>((resolve, reject) => {
        const timer = clock.setTimeout(resolve, 20);
        init?.signal?.addEventListener('abort', () => {
          clock.clearTimeout(timer);
          reject(init.signal?.reason);
        });
      });
      if (clock.now() >= wellAt) return new Response('ok');
      return new Response('slow down', { status: 429, headers: { 'retry-after': '2' } });
    },
  });
  return { clock, fetch, count: () => sent };
}

describe('The pacing gate leaves nothing behind', () => {
  it('50 calls that are aborted while they wait reject with their reasons, and no timer is left (E10)', async () => {
    const { clock, fetch, count } = setUp();
    const controllers = Array.from({ length: 50 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => watch(fetch('http://a.example/', { signal })));
    await clock.advance(500);
    expect(calls.every(({ state }) => state === 'pending')).toBe(true);
    const reasons = controllers.map((_, index) => new Error(`reason ${index}`));
    for (const [index, controller] of controllers.entries()) controller.abort(reasons[index]);
    await settle();
    expect(calls.map(({ error }) => error)).toEqual(reasons);
    expect(clock.pendingTimers).toBe(0);
    await clock.advance(10_000);
    expect(count()).toBe(50);
  });

  it.each([
    ['the first request is in flight', 10],
    ['the gate is closed', 1000],
    ['the probe is in flight', 2215],
    ['the gate is closed again', 3000],
  ])('calls that are aborted while %s end at once, and the others are served', async (_when, ms) => {
    const { clock, fetch } = setUp(3000);
    const controllers = Array.from({ length: 10 }, () => new AbortController());
    const calls = controllers.map(({ signal }) => watch(fetch('http://a.example/', { signal })));
    await clock.advance(ms);
    const reason = new Error('mine');
    for (const controller of controllers.slice(0, 5)) controller.abort(reason);
    await settle();
    expect(calls.slice(0, 5).map(({ error }) => error)).toEqual([reason, reason, reason, reason, reason]);
    await clock.advance(25_000);
    expect(calls.slice(5).map(({ value }) => value?.status)).toEqual([200, 200, 200, 200, 200]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an abort at any time between two timers leaves no timer and lets the next call pass', async () => {
    for (let ms = 0; ms <= 5000; ms += 97) {
      const { clock, fetch } = setUp(4000);
      const controller = new AbortController();
      const aborted = watch(fetch('http://a.example/', { signal: controller.signal }));
      const other = watch(fetch('http://a.example/'));
      await clock.advance(ms);
      controller.abort(new Error('mine'));
      await clock.advance(20_000);
      expect(aborted.state).not.toBe('pending');
      expect(other.value?.status, `abort after ${ms} ms`).toBe(200);
      expect(clock.pendingTimers).toBe(0);
    }
  });

  it('a signal that outlives its calls has no listener of a call that waited', async () => {
    const { clock, fetch } = setUp(1000);
    const { signal } = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(signal, args);
    };
    const calls = Array.from({ length: 20 }, () => fetch('http://a.example/', { signal }).then((one) => one.text()));
    await clock.advance(25_000);
    await Promise.all(calls);
    expect(listeners).toBe(0);
  });

  it('the gates of at most 1000 keys are kept, and a key that delays calls is forgotten last', () => {
    const clock = new TestClock();
    const gates = new PacingGates({
      clock,
      random: () => 0,
      maxPauseMs: 60_000,
      maxRetryAfterMs: 30_000,
      announcedMs: () => 0,
      keep: (response) => response,
      onReject: () => {},
    });
    const call = (key: string) => ({ key }) as never;
    const run = () => Promise.resolve({ ok: true, value: 1 } as const);
    const context = { key: 'limited', repeatable: false, deadline: Infinity } as never;
    const throttled = { ok: false, error: Object.assign(new Error('busy'), { retryAfterMs: 9000 }) } as const;
    void gates.pass({ throttled, context, arrival: 0, latest: Infinity, run, judge: () => 'success' });
    for (let n = 0; n < 100_000; n++) gates.succeeded(call(`key ${n}`));
    expect(gates.size).toBe(1000);
    expect(gates.isOpen(call('limited'))).toBe(false);
    expect(clock.pendingTimers).toBe(0);
  });
});
