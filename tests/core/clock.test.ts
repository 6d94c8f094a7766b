import { pipeline, timeout } from 'breakwater';
import { type Clock, sleep, systemClock } from 'breakwater/core';
import { TestClock } from 'breakwater/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';

const DAY = 86_400_000;

describe('systemClock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 0.5, 60 * DAY])(
    'a timer of systemClock fires after %s ms and not before',
    (ms) => {
      const callback = vi.fn();
      systemClock.setTimeout(callback, ms);
      if (ms > 0) vi.advanceTimersByTime(Math.floor(ms) - 1);
      expect(callback).toHaveBeenCalledTimes(0);
      vi.advanceTimersByTime(2);
      expect(callback).toHaveBeenCalledTimes(1);
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it('clearTimeout clears a long timer that was armed a second time', () => {
    const callback = vi.fn();
    const handle = systemClock.setTimeout(callback, 60 * DAY);
    vi.advanceTimersByTime(30 * DAY);
    systemClock.clearTimeout(handle);
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(60 * DAY);
    expect(callback).not.toHaveBeenCalled();
  });

  it('systemClock is monotonic when the wall clock jumps', () => {
    const before = systemClock.now();
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(systemClock.now()).toBeGreaterThanOrEqual(before);
  });
});

it("a long timer of systemClock stays unref'd when it is armed again", () => {
  const handle = systemClock.setTimeout(() => {}, 60 * DAY) as { ref(): unknown; unref(): unknown };
  expect(process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length).toBeGreaterThan(0);
  expect(handle.unref()).toBe(handle);
  expect(handle.ref()).toBe(handle);
  systemClock.clearTimeout(handle);
});

describe('A clock that the caller derives from systemClock', () => {
  const now = () => 5;
  const derived = {
    'is a spread copy': () => ({ ...systemClock, now }),
    'inherits from it': () => Object.assign(Object.create(systemClock) as Clock, { now }),
  };

  it.each(Object.entries(derived))('the clock is another clock if it %s', (_name, make) => {
    const clock = make();
    expect(timeout({ duration: 1, clock }).clock).toBe(clock);
    expect(timeout({ duration: 1, clock }).clock.now()).toBe(5);
    const members = [timeout({ duration: 1, clock }), timeout({ duration: 1, clock: make() })];
    expect(() => pipeline(...members)).toThrow('must all use the same clock');
    expect(() => pipeline(members[0]!, timeout(1))).toThrow('must all use the same clock');
  });
});

it('a clock whose afterPoll is not a function is rejected', () => {
  const clock = { ...systemClock, afterPoll: 'soon' } as unknown as Clock;
  expect(() => timeout({ duration: 1, clock })).toThrow('"clock.afterPoll" must be a function');
});

describe('sleep', () => {
  it('sleep resolves after its duration', async () => {
    const clock = new TestClock();
    const slept = watch(sleep(1000, { clock }));
    await clock.advance(999);
    expect(slept.state).toBe('pending');
    await clock.advance(1);
    expect(slept.state).toBe('fulfilled');
  });

  it('sleep never ends early, even if the timer fires early', async () => {
    const clock = new TestClock();
    const hasty = {
      now: () => clock.now(),
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms * 0.9),
      clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
    };
    const slept = watch(sleep(1000, { clock: hasty }));
    await clock.advance(999);
    expect(slept.state).toBe('pending');
    await clock.advance(1);
    await clock.advance(1);
    expect(slept.state).toBe('fulfilled');
  });

  it('an aborted sleep rejects with the reason and leaves no timer and no listener', async () => {
    const clock = new TestClock();
    const { controller, listeners } = countingController();
    const slept = watch(sleep(1000, { clock, signal: controller.signal }));
    expect(listeners()).toBe(1);
    controller.abort('awake');
    await settle();
    expect(slept.error).toBe('awake');
    expect([listeners(), clock.pendingTimers]).toEqual([0, 0]);
    await expect(sleep(1, { clock, signal: controller.signal })).rejects.toBe('awake');
    expect(clock.pendingTimers).toBe(0);
  });

  it('a finished sleep removes its listener', async () => {
    const clock = new TestClock();
    const { controller, listeners } = countingController();
    const slept = sleep(10, { clock, signal: controller.signal });
    await clock.advance(10);
    await slept;
    expect(listeners()).toBe(0);
  });

  it('a sleep of Infinity arms no timer and ends on abort', async () => {
    const clock = new TestClock();
    const controller = new AbortController();
    const slept = watch(sleep(Infinity, { clock, signal: controller.signal }));
    expect(clock.pendingTimers).toBe(0);
    controller.abort('at last');
    await slept.done;
    expect(slept.error).toBe('at last');
  });

  it.each([{}, 1, 'abc'])('sleep rejects the signal %s and arms no timer', async (signal) => {
    const clock = new TestClock();
    await expect(sleep(10, { clock, signal: signal as never })).rejects.toThrow(
      'sleep: "signal" must be an AbortSignal',
    );
    await expect(sleep(10, null as never)).rejects.toThrow('sleep: "options" must be an object');
    expect(clock.pendingTimers).toBe(0);
  });

  it('sleep works on the real clock', async () => {
    const before = systemClock.now();
    await sleep(2);
    expect(systemClock.now() - before).toBeGreaterThanOrEqual(2);
  });
});
