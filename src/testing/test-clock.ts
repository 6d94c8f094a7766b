import type { Clock } from '../core/clock.js';
import { checkNumber } from '../core/options.js';

interface TestTimer {
  readonly due: number;
  /** Timers due at the same time fire in the order they were set. */
  readonly order: number;
  readonly callback: () => void;
  /** The index in the heap; -1 when the timer is not armed. */
  index: number;
}

/** Taken when the module is loaded, so that a test may fake the global timers and still use this clock. */
const { setImmediate, setTimeout } = globalThis as {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout: (callback: () => void, ms: number) => unknown;
};

/** One turn of the real event loop: every promise that can settle by itself does. */
const settlePromises = (): Promise<void> =>
  new Promise((resolve) => (setImmediate === undefined ? setTimeout(resolve, 0) : setImmediate(resolve)));

/**
 * A clock that stands still at 0 until it is told to advance. Give it to every policy of a test, and hours pass in
 * microseconds, always in the same order.
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
 * await clock.advance(60_000); // the second try
 * ```
 */
export class TestClock implements Clock {
  /** A binary heap: a timer fires no earlier than its parent, the one at (index − 1) >> 1. The first fires next. */
  readonly #timers: TestTimer[] = [];
  #now = 0;
  #order = 0;
  #advancing: Promise<void> = Promise.resolve();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + (ms > 0 ? ms : 0), order: this.#order++, callback, index: -1 };
    this.#rise(timer, this.#timers.length);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return;
    const timer = handle as TestTimer;
    if (this.#timers[timer.index] === timer) this.#remove(timer);
  }

  /** How many timers are armed. 0 after a test that left nothing behind. */
  get pendingTimers(): number {
    return this.#timers.length;
  }

  /**
   * Lets time pass: first pending promises settle, then each timer that falls due fires at its own time, in order, with
   * promises settling after each. Timers set on the way fire too if they fall due. Ends at `now() + ms`.
   * Rejects with what a timer's callback throws. Calls that overlap run one after the other.
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

  /** Places a timer at an index that is free, or above it. */
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
