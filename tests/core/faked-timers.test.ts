/** Timers, `performance`, `Date` and `setImmediate` faked in every combination: every wait ends, and TTLs expire. */
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

/** All subsets of the given names. */
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

describe.each(faked.map((toFake) => ({ toFake, title: toFake.join(', ') })))('With $title faked', ({ toFake }) => {
  it.each(Object.entries(timedCalls))(
    '%s ends when the fake timers have fired and not before',
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

  it('cache entries expire and an open breaker becomes half-open', async () => {
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

describe('Fakes beside real timers', () => {
  it.each(subsets(['performance', 'Date', 'setImmediate', 'clearTimeout']).map((toFake) => ({ toFake })))(
    'a wait on real timers ends although other globals are faked: $toFake',
    async ({ toFake }) => {
      vi.useFakeTimers({ toFake: [...toFake, 'setInterval'] });
      await sleep(15);
      await expect(timeout(15).execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    },
  );

  it('a wait ends although a test replaces performance.now in place', async () => {
    const now = vi.spyOn(performance, 'now').mockReturnValue(0);
    try {
      await sleep(15);
      await expect(timeout(15).execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    } finally {
      now.mockRestore();
    }
  });
});

describe('systemClock with fake timers that are installed and removed', () => {
  it('systemClock follows a faked performance and does not go back when the fakes are removed', () => {
    vi.useFakeTimers();
    const faked = systemClock.now();
    expect(faked).toBe(performance.now());
    vi.advanceTimersByTime(3_600_000.25);
    expect(systemClock.now()).toBe(performance.now());
    const latest = performance.now();
    vi.useRealTimers();
    expect(systemClock.now()).toBeGreaterThanOrEqual(latest);
  });

  it('systemClock continues at the next whole second when only the timers and the date are faked', () => {
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

  it('systemClock never goes back while a test sets the date back and forth', () => {
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

  it('a wait that began under real timers ends in real time', async () => {
    const slept = sleep(30);
    const timedOut = timeout(30).execute(() => new Promise(() => {}));
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date'] });
    await slept;
    await expect(timedOut).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('a policy times out under real timers although a call under fake timers is still pending', async () => {
    const policy = timeout(20);
    vi.useFakeTimers();
    void policy.execute(() => new Promise(() => {})).catch(() => {});
    vi.useRealTimers();
    await expect(policy.execute(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
  });

  it('a jump of a faked date does not count as a stall', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date'] });
    const timedOut = timeout(1000).execute(() => new Promise(() => {}));
    const ended = expect(timedOut).rejects.toMatchObject({ code: 'ERR_TIMEOUT', stalledMs: 0 });
    vi.setSystemTime(Date.now() + 3_600_000);
    vi.advanceTimersByTime(1000);
    await ended;
  });

  it('wrapped timers, such as those of a tracer, count as real timers', async () => {
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

/** A new copy of the module, which detects the current platform. */
async function reloaded(): Promise<typeof import('../../src/core/system-clock.js')> {
  vi.resetModules();
  return import('../../src/core/system-clock.js');
}

describe('systemClock loaded on a changed platform', () => {
  it('a clock that is loaded under fake timers follows the fakes and then the platform', async () => {
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

  it('a clock that is loaded without performance does not go back when the wall clock does', async () => {
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

  it('a clock that is loaded without setImmediate polls with a timer', async () => {
    vi.stubGlobal('setImmediate', undefined);
    try {
      const { afterNextPoll, systemClock } = await reloaded();
      await new Promise<void>((resolve) => afterNextPoll(systemClock, resolve));
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

it.each([['setTimeout'], ['setTimeout,Date'], ['setTimeout,setInterval,setImmediate,Date']])(
  'every wait ends under the mock timers of node:test: %s',
  async (apis) => {
    const { lines, errors, code } = await runChild('node-test-timers', { args: [apis], flags: ['--no-warnings'] });
    expect([code, errors]).toEqual([0, '']);
    const expected = Object.entries(timedCalls).map(([name, { ends }]) => `${name}: ${ends}`);
    const date = apis.includes('Date') ? ['a ttl: undefined half-open'] : [];
    expect(lines).toEqual([...expected, ...date]);
  },
);
