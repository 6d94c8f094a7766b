import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { Deadline, DeadlineList } from '../../src/core/deadline-list.js';
import { TestClock } from '../../src/testing/index.js';
import { BlockedLoopClock } from '../support/blocked-loop-clock.js';

class Named extends Deadline {
  constructor(
    readonly name: string,
    readonly onDue: (durationMs: number, stalledMs: number) => void,
  ) {
    super();
  }
}

/** A list of 100 ms whose deadlines write their names into `log`. */
function listOf(clock: Clock, ms = 100) {
  const list = new DeadlineList(clock, ms);
  const log: string[] = [];
  const add = (name: string, then?: () => void) => {
    const deadline = new Named(name, () => {
      log.push(`${name}@${clock.now()}`);
      then?.();
    });
    list.add(deadline);
    return deadline;
  };
  return { list, log, add };
}

describe('DeadlineList', () => {
  it('the list notifies each deadline at its own time with one timer', async () => {
    const clock = new TestClock();
    const { log, add } = listOf(clock);
    add('a');
    await clock.advance(30);
    add('b');
    add('c');
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(1000);
    expect(log).toEqual(['a@100', 'b@130', 'c@130']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('an empty list has no timer', () => {
    const clock = new TestClock();
    const { list, add } = listOf(clock);
    const [a, b] = [add('a'), add('b')];
    list.remove(a);
    expect(clock.pendingTimers).toBe(1);
    list.remove(b);
    expect(clock.pendingTimers).toBe(0);
    list.remove(b);
    expect(clock.pendingTimers).toBe(0);
  });

  it('deadlines can be removed from the front, the middle and the end', async () => {
    const clock = new TestClock();
    const { list, log, add } = listOf(clock);
    const deadlines = ['a', 'b', 'c', 'd', 'e'].map((name) => add(name));
    for (const index of [0, 2, 4]) list.remove(deadlines[index] as Deadline);
    await clock.advance(100);
    expect(log).toEqual(['b@100', 'd@100']);
  });

  it('a due deadline can add and remove other deadlines', async () => {
    const clock = new TestClock();
    const { list, log, add } = listOf(clock);
    let b: Deadline | undefined;
    add('a', () => {
      list.remove(b as Deadline);
      add('again');
    });
    b = add('b');
    add('c');
    await clock.advance(250);
    expect(log).toEqual(['a@100', 'c@100', 'again@200']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('the list arms its timer again if the timer fires early', async () => {
    const clock = new TestClock();
    const hasty: Clock = {
      now: () => clock.now(),
      setTimeout: (callback, ms) => clock.setTimeout(callback, ms * 0.9),
      clearTimeout: (handle) => clock.clearTimeout(handle),
    };
    const { log, add } = listOf(hasty);
    add('a');
    await clock.advance(99);
    expect(log).toEqual([]);
    await clock.advance(5);
    expect(log).toHaveLength(1);
  });

  it('a list in constant use keeps its timer armed for no deadline, without keeping the process alive', async () => {
    const clock = new TestClock();
    const log: string[] = [];
    const handles = new Map<object, unknown>();
    const nodeLike: Clock = {
      now: () => clock.now(),
      setTimeout(callback, ms) {
        log.push(`set ${ms}`);
        const handle = { ref: () => log.push('ref'), unref: () => log.push('unref') };
        handles.set(handle, clock.setTimeout(callback, ms));
        return handle;
      },
      clearTimeout(handle) {
        log.push('clear');
        clock.clearTimeout(handles.get(handle as object));
      },
    };
    const { list, log: due, add } = listOf(nodeLike);
    list.remove(add('a'));
    expect(log.splice(0)).toEqual(['set 100', 'clear']); // a list that was used once has no timer
    list.remove(add('b'));
    await clock.advance(60);
    const c = add('c');
    expect(log.splice(0)).toEqual(['set 100', 'unref', 'ref']);
    await clock.advance(99);
    expect(log.splice(0)).toEqual(['set 60']); // the timer of b fired, and c has 60 ms left
    expect(due).toEqual([]);
    list.remove(c);
    expect(log.splice(0)).toEqual(['unref']);
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
    add('d');
    await clock.advance(100);
    expect(due).toEqual(['d@1259']);
    expect(log).toEqual(['set 100']);
  });

  describe('With keepsAlive: false', () => {
    /** A list of 100 ms on a clock whose handles record whether they are ref'd. */
    function quietList() {
      const clock = new TestClock();
      const timers: { ref: boolean }[] = [];
      const nodeLike: Clock = {
        now: () => clock.now(),
        setTimeout(callback, ms) {
          const timer = { ref: true };
          timers.push(timer);
          const handle = {
            inner: clock.setTimeout(callback, ms),
            ref: () => (timer.ref = true),
            unref: () => (timer.ref = false),
          };
          return handle;
        },
        clearTimeout: (handle) => clock.clearTimeout((handle as { inner: unknown }).inner),
      };
      const list = new DeadlineList(nodeLike, 100, { keepsAlive: false });
      const log: string[] = [];
      const add = (name: string) => {
        const deadline = new Named(name, () => log.push(name));
        list.add(deadline);
        return deadline;
      };
      return { clock, list, log, add, isRefd: () => timers.at(-1)?.ref };
    }

    it("the timer is ref'd while at least one deadline is held", () => {
      const { list, add, isRefd } = quietList();
      const [a, b] = [add('a'), add('b')];
      expect(isRefd()).toBe(false);
      list.hold(a);
      list.hold(a);
      list.hold(b);
      expect(isRefd()).toBe(true);
      list.release(a);
      list.release(a);
      expect(isRefd()).toBe(true);
      list.release(b);
      expect(isRefd()).toBe(false);
    });

    it('a hold ends when its deadline is removed or due', async () => {
      const { clock, list, log, add, isRefd } = quietList();
      const [a, b] = [add('a'), add('b')];
      list.hold(a);
      list.remove(a);
      expect(isRefd()).toBe(false);
      list.hold(a); // no longer in the list, so the hold has no effect
      expect(isRefd()).toBe(false);
      list.hold(b);
      await clock.advance(50);
      add('c');
      await clock.advance(50);
      expect(log).toEqual(['b']);
      expect(isRefd()).toBe(false); // the timer that was armed for c
      list.hold(add('d'));
      expect(isRefd()).toBe(true);
      await clock.advance(50);
      expect([log, isRefd()]).toEqual([['b', 'c'], true]); // armed again while d is held
      await clock.advance(50);
      expect(log).toEqual(['b', 'c', 'd']);
      expect(clock.pendingTimers).toBe(0);
    });
  });

  it('100,000 deadlines share one timer', () => {
    const clock = new TestClock();
    const { add } = listOf(clock);
    for (let i = 0; i < 100_000; i++) add('one of many');
    expect(clock.pendingTimers).toBe(1);
  });

  it('deadlines end when the timer fires on a frozen clock', async () => {
    const timers = new TestClock();
    const frozen: Clock = {
      now: () => 0,
      setTimeout: (callback, ms) => timers.setTimeout(callback, ms),
      clearTimeout: (handle) => timers.clearTimeout(handle),
    };
    const { log, add } = listOf(frozen);
    add('a');
    await timers.advance(100);
    add('b');
    await timers.advance(100);
    expect(log).toEqual(['a@0', 'b@0']);
    expect(timers.pendingTimers).toBe(0);
  });

  describe('When the event loop was blocked', () => {
    it('a response that has already arrived has one poll of the event loop to remove its deadline', async () => {
      const clock = new BlockedLoopClock();
      const { list, log, add } = listOf(clock, 1000);
      const answered = add('answered');
      add('not answered');
      await clock.advance(990);
      const stalled = clock.stall(30);
      expect(log).toEqual([]);
      list.remove(answered);
      await stalled;
      expect(log).toEqual(['not answered@1020']);
    });

    it('a timer that is up to 2 ms late counts as on time, because the platform rounds', () => {
      let now = 0;
      const callbacks: (() => void)[] = [];
      const clock: Clock = {
        now: () => now,
        setTimeout: (callback) => callbacks.push(callback),
        clearTimeout() {},
      };
      const { log, add } = listOf(clock);
      add('a');
      now = 102;
      callbacks[0]?.();
      expect(log).toEqual(['a@102']);
    });

    it('deadlines that are added during the poll get a timer', async () => {
      const clock = new BlockedLoopClock();
      const { log, add } = listOf(clock, 1000);
      add('old');
      await clock.advance(990);
      const stalled = clock.stall(30);
      add('new');
      await stalled;
      expect([log, clock.pendingTimers]).toEqual([['old@1020'], 1]);
      await clock.advance(1000);
      expect(log).toEqual(['old@1020', 'new@2020']);
    });

    /** A list of 1000 ms that logs the measured stall of each deadline. */
    function stalledList(compensatesStalls?: boolean) {
      const clock = new BlockedLoopClock();
      const list = new DeadlineList(clock, 1000, compensatesStalls === undefined ? {} : { compensatesStalls });
      const log: string[] = [];
      const add = (name: string) => {
        const deadline = new Named(name, (_, stalledMs) => log.push(`${name}@${clock.now()} stalled ${stalledMs}`));
        list.add(deadline);
        return deadline;
      };
      return { clock, list, log, add };
    }

    it.each([
      [100, ['a@1090 stalled 0']],
      [111, ['a@1202 stalled 101']],
      [600, ['a@2180 stalled 590']],
      [5000, ['a@6990 stalled 4990']],
    ])(
      'the list measures a stall of %s ms that starts 10 ms before a deadline of 1000 ms',
      async (stallMs, expected) => {
        const { clock, log, add } = stalledList();
        add('a');
        await clock.advance(990);
        await clock.stall(stallMs);
        await clock.advance(10_000);
        expect(log).toEqual(expected);
      },
    );

    it('a stall extends every deadline, and none beyond a deadline that begins after the stall', async () => {
      const { clock, log, add } = stalledList();
      add('a');
      await clock.advance(400);
      add('b');
      await clock.advance(300);
      add('c');
      await clock.stall(700); // until 1400, the timer of a being 400 ms late
      add('new');
      await clock.advance(10_000);
      expect(log).toEqual(['a@1800 stalled 400', 'b@1800 stalled 400', 'c@2100 stalled 400', 'new@2400 stalled 0']);
      expect(clock.pendingTimers).toBe(0);
    });

    it('a stall extends a deadline once, even if the event loop stalls again', async () => {
      const { clock, log, add } = stalledList();
      add('a');
      await clock.stall(1400); // a has until 1800
      await clock.advance(300);
      add('b');
      await clock.stall(600); // until 2300
      expect(log).toEqual(['a@2300 stalled 400']);
      await clock.advance(10_000);
      expect(log).toEqual(['a@2300 stalled 400', 'b@3200 stalled 500']);
    });

    it('a suspension of more than a minute extends no deadline', async () => {
      const { clock, log, add } = stalledList();
      add('a');
      await clock.stall(61_001);
      expect(log).toEqual(['a@61001 stalled 60001']);
    });

    it('a timer that fires for no deadline detects a stall', async () => {
      const { clock, list, log, add } = stalledList();
      list.remove(add('first'));
      const answered = add('answered');
      await clock.advance(500);
      add('a');
      list.remove(answered); // its timer stays armed
      await clock.stall(1200); // until 1700
      await clock.advance(10_000);
      expect(log).toEqual(['a@2400 stalled 700']);
    });

    it('compensatesStalls: false reports a stall without extending deadlines', async () => {
      const { clock, log, add } = stalledList(false);
      add('a');
      await clock.stall(1400);
      expect(log).toEqual(['a@1400 stalled 400']);
    });
  });
});
