import type { Clock } from '../core/clock.js';
import { checkNumber } from '../core/options.js';

interface TestTimer {
  readonly due: number;
  /** Timers due at the same time fire in the order they were set. */
  readonly order: number;
  readonly callback: () => void;
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
 * Setting and clearing a timer is O(n) in the timers armed, which moves memory only and is fast up to 10^5 of them.
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
  /** Sorted by due time, then by order. */
  readonly #timers: TestTimer[] = [];
  #now = 0;
  #order = 0;
  #advancing: Promise<void> = Promise.resolve();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + (ms > 0 ? ms : 0), order: this.#order++, callback };
    this.#timers.splice(this.#indexOf(timer), 0, timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    if (typeof handle !== 'object' || handle === null) return;
    const timer = handle as TestTimer;
    const index = this.#indexOf(timer);
    if (this.#timers[index] === timer) this.#timers.splice(index, 1);
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
      this.#timers.shift();
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settlePromises();
    }
    this.#now = end;
  }

  /** Where the timer is, or would be put: binary search. */
  #indexOf(timer: TestTimer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle] as TestTimer;
      if (other.due < timer.due || (other.due === timer.due && other.order < timer.order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
