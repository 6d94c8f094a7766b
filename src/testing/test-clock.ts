import type { Clock } from '../core/clock.js';
import { checkNumber } from '../core/options.js';
import { TimerHeap } from './timer-heap.js';

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
  readonly #timers = new TimerHeap();
  #now = 0;
  #advancing: Promise<void> = Promise.resolve();

  /** Returns the virtual time in milliseconds. */
  now(): number {
    return this.#now;
  }

  /** Calls `callback` when the virtual time has advanced by `ms` milliseconds. Returns a handle for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown {
    return this.#timers.add(this.#now + (ms > 0 ? ms : 0), callback);
  }

  /** Cancels a timer. Has no effect if the timer has fired or the handle is not one of this clock. */
  clearTimeout(handle: unknown): void {
    if (this.#timers.has(handle)) this.#timers.remove(handle);
  }

  /** The number of armed timers. 0 after a test that has left no timer behind. */
  get pendingTimers(): number {
    return this.#timers.size;
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
    for (let timer = this.#timers.first; timer !== undefined && timer.due <= end; timer = this.#timers.first) {
      this.#timers.remove(timer);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settlePromises();
    }
    this.#now = end;
  }
}
