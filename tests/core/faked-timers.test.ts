/** Timers, `performance`, `Date` and `setImmediate` faked in every combination: nothing hangs, and ttls pass. */
import { circuitBreaker, sleep, systemClock, TtlCache, timeout } from 'breakwater';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { showsStalls } from '../../src/core/system-clock.js';
import { runChild } from '../support/child.js';
import { timedCalls } from '../support/timed-calls.js';

type Faked = 'setTimeout' | 'clearTimeout' | 'performance' | 'Date' | 'setImmediate';

const { setImmediate: realTurn } = globalThis;
const settle = () => new Promise<void>((resolve) => realTurn(resolve));

afterEach(() => {
  vi.useRealTimers();
});

/** All subsets of these. */
function subsets(all: readonly Faked[]): Faked[][] {
  const [first, ...rest] = all;
  if (first === undefined) return [[]];
  return subsets(rest).flatMap((subset) => [subset, [first, ...subset]]);
}

const beside = subsets(['performance', 'Date', 'setImmediate']);
const faked = beside.flatMap((more): Faked[][] => [
  ['setTimeout', 'clearTimeout', ...more],
  ['setTimeout', ...more],
]);

describe.each(faked.map((toFake) => ({ toFake, title: toFake.join(', ') })))('with $title faked', ({ toFake }) => {
  it.each(Object.entries(timedCalls))(
    '%s ends when the fake timers have fired, not before',
    async (_, { start, ms, ends }) => {
      vi.useFakeTimers({ toFake });
      let result: unknown;
      void start().then((value) => {
        result = value;
      });
      const steps = ms / 500;
      for (let step = 0; step < Math.min(steps, 10); step++) {
        await settle();
        await settle();
        expect(result).toBe(undefined);
        vi.advanceTimersByTime(steps > 10 ? ms / 10 : 500);
      }
      await settle();
      await settle();
      expect(result).toBe(ends);
    },
  );

  it('entries of caches expire', async () => {
    vi.useFakeTimers({ toFake });
    const cache = new TtlCache<string, number>({ capacity: 5, ttl: '1h' });
    cache.set('a', 1);
    const breaker = circuitBreaker({ consecutiveFailures: 1, openFor: '1h' });
    await breaker.execute(() => Promise.reject(new Error('down'))).catch(() => {});
    vi.advanceTimersByTime(3_500_000);
    expect([cache.get('a'), breaker.state]).toEqual([1, 'open']);
    vi.advanceTimersByTime(200_000);
    expect([cache.get('a'), breaker.state]).toEqual([undefined, 'half-open']);
  });
});

describe('fakes beside real timers', () => {
  it.each(subsets(['performance', 'Date', 'setImmediate', 'clearTimeout']).map((toFake) => ({ toFake })))(
    'do not keep a wait from ending: $toFake',
    async ({ toFake }) => {
      vi.useFakeTimers({ toFake: [...toFake, 'setInterval'] });
      await sleep(15);
      await expect(timeout(15).execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    },
  );

  it('do not, if a test replaces the method of performance in place', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    try {
      await sleep(15);
      await expect(timeout(15).execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    } finally {
      now.mockRestore();
    }
  });
});

describe('systemClock, when fake timers come and go', () => {
  it('is that of a performance that is faked, and does not go back when the fakes are removed', () => {
    vi.useFakeTimers();
    const faked = systemClock.now();
    expect(faked).toBe(performance.now());
    vi.advanceTimersByTime(3_600_000.25);
    expect(systemClock.now()).toBe(performance.now());
    const latest = performance.now();
    vi.useRealTimers();
    expect(systemClock.now()).toBeGreaterThanOrEqual(latest);
  });

  it('goes on at the next whole second when only the timers and the date are faked', () => {
    const before = systemClock.now();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const faked = systemClock.now();
    expect(faked).toBe(Math.ceil(before / 1000) * 1000);
    vi.advanceTimersByTime(3_600_000);
    expect(systemClock.now()).toBe(faked + 3_600_000);
    vi.useRealTimers();
    expect(systemClock.now()).toBeGreaterThanOrEqual(faked + 3_600_000);
    expect(systemClock.now()).toBeLessThan(faked + 3_610_000);
  });

  it('never goes back while a test sets the date back and forth', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] });
    let latest = systemClock.now();
    for (const offsetMs of [3_600_000, -3_600_000, 0, 5000, -5000]) {
      vi.setSystemTime(Date.now() + offsetMs);
      vi.advanceTimersByTime(10);
      const now = systemClock.now();
      expect(now).toBeGreaterThanOrEqual(latest);
      latest = now;
    }
  });

  it('lets a wait that began under real timers end in real time', async () => {
    const slept = sleep(30);
    const timedOut = timeout(30).execute(() => new Promise(() => {}));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date'] });
    await slept;
    await expect(timedOut).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('lets a policy time out under real timers though a call under fake ones was left waiting', async () => {
    const policy = timeout(20);
    vi.useFakeTimers();
    void policy.execute(() => new Promise(() => {})).catch(() => {});
    vi.useRealTimers();
    await expect(policy.execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('takes no jump of a faked date for a stall', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date'] });
    const timedOut = timeout(1000).execute(() => new Promise(() => {}));
    const ended = expect(timedOut).rejects.toMatchObject({ code: 'ERR_TIMEOUT', stalledMs: 0 });
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1000);
    await ended;
  });

  it('takes timers that are wrapped, by a tracer for instance, for real ones', async () => {
    const { setTimeout } = globalThis;
    const wrapped = (callback: () => void, ms: number) => setTimeout(() => callback(), ms);
    Object.assign(globalThis, { setTimeout: wrapped });
    try {
      const before = systemClock.now();
      await sleep(20);
      expect(systemClock.now() - before).toBeGreaterThanOrEqual(20);
      expect(showsStalls(systemClock)).toBe(true);
    } finally {
      Object.assign(globalThis, { setTimeout });
    }
  });
});

/** A new copy of the module, which finds the platform as it is now. */
async function reloaded(): Promise<typeof import('../../src/core/system-clock.js')> {
  vi.resetModules();
  return import('../../src/core/system-clock.js');
}

describe('systemClock, loaded while', () => {
  it('timers are faked, goes by the fakes and then by the platform', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    const { systemClock: clock } = await reloaded();
    const fired: number[] = [];
    const before = clock.now();
    clock.setTimeout(() => fired.push(clock.now() - before), 5000);
    clock.clearTimeout(clock.setTimeout(() => fired.push(-1), 1000));
    vi.advanceTimersByTime(5000);
    expect(fired).toEqual([5000]);
    vi.useRealTimers();
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 20));
    expect(clock.now() - before).toBeGreaterThanOrEqual(5019);
  });

  it('there is no performance, does not go back when the wall clock does', async () => {
    const wallClock = vi.spyOn(Date, 'now').mockReturnValue(1_000_000);
    vi.stubGlobal('performance', undefined);
    try {
      const { systemClock: clock } = await reloaded();
      const before = clock.now();
      wallClock.mockReturnValue(1_000_500);
      expect(clock.now() - before).toBe(500);
      wallClock.mockReturnValue(500_000);
      expect(clock.now() - before).toBe(500);
      wallClock.mockReturnValue(500_100);
      expect(clock.now() - before).toBe(600);
    } finally {
      vi.unstubAllGlobals();
      wallClock.mockRestore();
    }
  });

  it('there is no setImmediate, polls by a timer', async () => {
    vi.stubGlobal('setImmediate', undefined);
    try {
      const { afterNextPoll } = await reloaded();
      await new Promise<void>((resolve) => afterNextPoll(resolve));
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

it.each([['setTimeout'], ['setTimeout,Date'], ['setTimeout,setInterval,setImmediate,Date']])(
  'no wait hangs under the mock timers of node:test: %s',
  async (apis) => {
    const { lines, errors, code } = await runChild('node-test-timers', { args: [apis], flags: ['--no-warnings'] });
    expect([code, errors]).toEqual([0, '']);
    const expected = Object.entries(timedCalls).map(([name, { ends }]) => `${name}: ${ends}`);
    const date = apis.includes('Date') ? ['a ttl: undefined half-open'] : [];
    expect(lines).toEqual([...expected, ...date]);
  },
);
