import { TestClock } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';

describe('TestClock', () => {
  it('a new clock is at 0 and has no timers', () => {
    const clock = new TestClock();
    expect(clock.now()).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });

  it('advance fires each timer at its own time and in order, including timers that are set by timers', async () => {
    const clock = new TestClock();
    const log: string[] = [];
    const note = (name: string) => () => log.push(`${name}@${clock.now()}`);
    clock.setTimeout(note('c'), 30);
    clock.setTimeout(note('a'), 10);
    clock.setTimeout(note('a2'), 10);
    clock.setTimeout(() => {
      note('b')();
      clock.setTimeout(note('b+5'), 5);
      clock.setTimeout(note('b+0'), 0);
      clock.setTimeout(note('too late'), 100);
    }, 20);
    await clock.advance(50);
    expect(log).toEqual(['a@10', 'a2@10', 'b@20', 'b+0@20', 'b+5@25', 'c@30']);
    expect(clock.now()).toBe(50);
    expect(clock.pendingTimers).toBe(1);
  });

  it('promises settle before the first timer and after each timer', async () => {
    const clock = new TestClock();
    const log: string[] = [];
    const chain = async (name: string) => {
      for (let i = 0; i < 20; i++) await null;
      log.push(name);
    };
    chain('before');
    clock.setTimeout(() => chain('after the first'), 10);
    clock.setTimeout(() => log.push('the second'), 10);
    await clock.advance(10);
    expect(log).toEqual(['before', 'after the first', 'the second']);
  });

  it('a cleared timer does not fire, and clearing it again has no effect', async () => {
    const clock = new TestClock();
    const callback = vi.fn();
    const handles = [30, 10, 20].map((ms) => clock.setTimeout(callback, ms));
    clock.clearTimeout(handles[1]);
    clock.clearTimeout(handles[1]);
    clock.clearTimeout(handles[2]);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(callback).toHaveBeenCalledTimes(1);
    clock.clearTimeout(handles[0]);
  });

  it('a negative delay and NaN count as 0, and a delay of Infinity never fires', async () => {
    const clock = new TestClock();
    const callback = vi.fn();
    for (const ms of [-5, Number.NaN]) clock.setTimeout(callback, ms);
    clock.setTimeout(callback, Infinity);
    await clock.advance(1e9);
    expect(callback).toHaveBeenCalledTimes(2);
    expect(clock.pendingTimers).toBe(1);
  });

  it('overlapping calls of advance run one after the other', async () => {
    const clock = new TestClock();
    const first = clock.advance(10);
    const second = clock.advance(10);
    await Promise.all([first, second]);
    expect(clock.now()).toBe(20);
  });

  it('advance rejects with the error of a timer, and the clock continues to work', async () => {
    const clock = new TestClock();
    clock.setTimeout(() => {
      throw new Error('in the timer');
    }, 5);
    await expect(clock.advance(10)).rejects.toThrow('in the timer');
    await clock.advance(10);
    expect(clock.now()).toBe(15);
  });

  it('the clock works while the global timers are faked', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate'] });
    try {
      const clock = new TestClock();
      await clock.advance(10);
      expect(clock.now()).toBe(10);
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([-1, Number.NaN, Infinity])('advance rejects a duration of %s', (ms) => {
    expect(() => new TestClock().advance(ms)).toThrow('TestClock.advance: "ms" must be a finite number ≥ 0');
  });

  it('the clock fires the 200 timers that remain of 20,000', async () => {
    const clock = new TestClock();
    let fired = 0;
    const handles = Array.from({ length: 20_000 }, (_, i) => clock.setTimeout(() => fired++, (i * 7919) % 1000));
    for (const handle of handles)
      if (Number((handle as { order: number }).order) % 100 !== 0) clock.clearTimeout(handle);
    expect(clock.pendingTimers).toBe(200);
    await clock.advance(1000);
    expect(fired).toBe(200);
  });
});
