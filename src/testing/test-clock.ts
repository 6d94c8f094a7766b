import type { Clock } from '../core/clock.js';
import { checkNumber } from '../core/options.js';

interface TestTimer {
  readonly due: number;
  /** The order of creation. Timers that are due at the same time fire in this order. */
  readonly order: number;
  readonly callback: () => void;
  /** The index in the heap; -1 if the timer is not armed. */
  index: number;
}

/**
 * The real timers, saved when the module is loaded, so that a test may replace the global timers and still use this
 * clock.
 */
const { setImmediate, setTimeout } = globalThis as {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout: (callback: () => void, ms: number) => unknown;
};

/** Waits for one turn of the real event loop, in which every promise settles that waits for no timer. */
const settlePromises = (): Promise<void> =>
  new Promise((resolve) => (setImmediate === undefined ? setTimeout(resolve, 0) : setImmediate(resolve)));

/**
 * A clock that starts at 0 and advances only when `advance` is called. Pass it to every policy of a test: hours of
 * virtual time take microseconds, and timers always fire in the same order.
 *
 * Setting, clearing and firing a timer is O(log n) in the number of armed timers.
 *
 * @example
 * ```ts
 * const clock = new TestClock();
 * const call = retry({ clock, backoff: constantBackoff('1m') }).execute(({ attempt }) => {
 *   if (attempt === 1) throw new Error('down');
 *   return 'well';
 * });
 * await clock.advance(60_000); // the second attempt
 * ```
 */
export class TestClock implements Clock {
  /**
   * A binary heap: a timer fires no earlier than its parent, which is at (index − 1) >> 1. The timer at index 0 fires next.
   */
  readonly #timers: TestTimer[] = [];
  #now = 0;
  #order = 0;
  #advancing: Promise<void> = Promise.resolve();

  /** Returns the virtual time in milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Calls `callback` when the virtual time has advanced by `ms` milliseconds. Returns a handle for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + (ms > 0 ? ms : 0), order: this.#order++, callback, index: -1 };
    this.#rise(timer, this.#timers.length);
    return timer;
  }

  /** Cancels a timer. Has no effect if the timer has fired or the handle is not one of this clock. */
  clearTimeout(handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return;
    const timer = handle as TestTimer;
    if (this.#timers[timer.index] === timer) this.#remove(timer);
  }

  /** The number of armed timers. 0 after a test that has left no timer behind. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /**
   * Advances the time by `ms` milliseconds. First pending promises settle; then each timer that is due by the end fires
   * at its own time, in order, and promises settle after each. Timers that are set meanwhile fire too if they are due.
   * Afterwards `now()` has grown by `ms`. Rejects with the error of a timer's callback that throws. Overlapping calls
   * run one after the other.
   */
  advance(ms: number): Promise<void> {
    checkNumber('TestClock.advance', 'ms', ms, { min: 0 });
    const run = this.#advancing.then(() => this.#advance(ms));
    this.#advancing = run.catch(() => {});
    return run;
  }

  async #advance(ms: number): Promise<void> {
    await settlePromises();
    const end = this.#now + ms;
    for (let timer = this.#timers[0]; timer !== undefined && timer.due <= end; timer = this.#timers[0]) {
      this.#remove(timer);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settlePromises();
    }
    this.#now = end;
  }

  #remove(timer: TestTimer): void {
    const last = this.#timers.pop() as TestTimer;
    if (last !== timer) {
      this.#rise(last, timer.index);
      this.#sink(last);
    }
    timer.index = -1;
  }

  #place(timer: TestTimer, index: number): void {
    this.#timers[index] = timer;
    timer.index = index;
  }

  /** Places a timer at a free index, or above it. */
  #rise(timer: TestTimer, free: number): void {
    let index = free;
    while (index > 0) {
      const parent = this.#timers[(index - 1) >> 1] as TestTimer;
      if (!firesBefore(timer, parent)) break;
      this.#place(parent, index);
      index = (index - 1) >> 1;
    }
    this.#place(timer, index);
  }

  #sink(timer: TestTimer): void {
    let { index } = timer;
    for (let child = 2 * index + 1; child < this.#timers.length; child = 2 * index + 1) {
      const right = this.#timers[child + 1];
      if (right !== undefined && firesBefore(right, this.#timers[child] as TestTimer)) child++;
      const next = this.#timers[child] as TestTimer;
      if (!firesBefore(next, timer)) break;
      this.#place(next, index);
      index = child;
    }
    this.#place(timer, index);
  }
}

function firesBefore(a: TestTimer, b: TestTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
