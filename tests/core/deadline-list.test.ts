import { describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { Deadline, DeadlineList } from '../../src/core/deadline-list.js';
import { TestClock } from '../../src/testing/index.js';

class Named extends Deadline {
  constructor(
    readonly name: string,
    readonly onDue: () => void,
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
  it('tells each deadline at its own time, under one timer', async () => {
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

  it('has no timer when nobody waits any more', () => {
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

  it('removes from the front, the middle and the end', async () => {
    const clock = new TestClock();
    const { list, log, add } = listOf(clock);
    const deadlines = ['a', 'b', 'c', 'd', 'e'].map((name) => add(name));
    for (const index of [0, 2, 4]) list.remove(deadlines[index] as Deadline);
    await clock.advance(100);
    expect(log).toEqual(['b@100', 'd@100']);
  });

  it('lets a deadline add and remove others while it is told', async () => {
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

  it('arms again when its timer rings early', async () => {
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

  it('in constant use lets its timer ring in vain, without keeping the process alive', async () => {
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
    const { list, log: told, add } = listOf(nodeLike);
    list.remove(add('a'));
    expect(log.splice(0)).toEqual(['set 100', 'clear']); // a list that is used once leaves nothing behind
    list.remove(add('b'));
    await clock.advance(60);
    const c = add('c');
    expect(log.splice(0)).toEqual(['set 100', 'unref', 'ref']);
    await clock.advance(99);
    expect(log.splice(0)).toEqual(['set 60']); // the timer of b rang, and c has 60 ms to go
    expect(told).toEqual([]);
    list.remove(c);
    expect(log.splice(0)).toEqual(['unref']);
    await clock.advance(1000);
    expect(clock.pendingTimers).toBe(0);
    add('d');
    await clock.advance(100);
    expect(told).toEqual(['d@1259']);
    expect(log).toEqual(['set 100']);
  });

  describe('that keeps the process alive for held deadlines only', () => {
    /** A list of 100 ms on a clock whose handles know whether they are ref'd. */
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

    it('refs its timer while at least one deadline is held', () => {
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

    it('ends the hold of a deadline that is removed or due', async () => {
      const { clock, list, log, add, isRefd } = quietList();
      const [a, b] = [add('a'), add('b')];
      list.hold(a);
      list.remove(a);
      expect(isRefd()).toBe(false);
      list.hold(a); // in the list no more: nothing to hold
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

  it('keeps 100,000 waits in one timer', () => {
    const clock = new TestClock();
    const { add } = listOf(clock);
    for (let i = 0; i < 100_000; i++) add('one of many');
    expect(clock.pendingTimers).toBe(1);
  });

  describe('when our own event loop was blocked', () => {
    /** A clock whose timers ring late by `late` ms. */
    function stalling(late: number) {
      let now = 0;
      const timers = new Map<number, () => void>();
      const clock: Clock = {
        now: () => now,
        setTimeout: (callback) => {
          timers.set(timers.size, callback);
          return timers.size - 1;
        },
        clearTimeout: (handle) => timers.delete(handle as number),
      };
      const ring = () => {
        now = 100 + late;
        const [callback] = timers.values();
        timers.clear();
        callback?.();
      };
      return { clock, ring };
    }

    it('an answer that is already there gets one poll to arrive', async () => {
      const { clock, ring } = stalling(500);
      const { list, log, add } = listOf(clock);
      const answered = add('answered');
      add('not answered');
      ring();
      expect(log).toEqual([]);
      list.remove(answered);
      await vi.waitFor(() => expect(log).toEqual(['not answered@600']));
    });

    it('a little lateness is no stall', () => {
      const { clock, ring } = stalling(1);
      const { log, add } = listOf(clock);
      add('a');
      ring();
      expect(log).toEqual(['a@101']);
    });

    it('newcomers during the poll get a timer of their own afterwards', async () => {
      const { clock, ring } = stalling(500);
      const { list, log, add } = listOf(clock);
      add('old');
      ring();
      const late = add('new');
      await vi.waitFor(() => expect(log).toEqual(['old@600']));
      expect(late.due).toBe(700);
      list.remove(late);
    });

    it('does without setImmediate where there is none', async () => {
      const { setImmediate } = globalThis;
      Object.assign(globalThis, { setImmediate: undefined });
      try {
        const { clock, ring } = stalling(500);
        const { log, add } = listOf(clock);
        add('a');
        ring();
        expect(log).toEqual([]);
        await vi.waitFor(() => expect(log).toEqual(['a@600']));
      } finally {
        Object.assign(globalThis, { setImmediate });
      }
    });
  });
});
