import type { Clock } from 'breakwater';
import { settle } from './promises.js';

interface StallingTimer {
  readonly due: number;
  readonly order: number;
  readonly callback: () => void;
}

/**
 * A clock of an event loop that is held up. Each turn takes as long as the test says, and timers that fell due during a
 * turn fire at its end, in order: late by up to the length of the turn. `TestClock` fires each timer exactly on time.
 */
export class StallingClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #timers = new Set<StallingTimer>();

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + Math.max(0, ms), order: this.#order++, callback };
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers.delete(handle as StallingTimer);
  }

  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** One turn of the loop, which takes `ms`. Then all timers that are due fire, with promises settling after each. */
  async turn(ms: number): Promise<void> {
    this.#now += ms;
    const due = [...this.#timers].filter((timer) => timer.due <= this.#now);
    for (const timer of due.sort((a, b) => a.due - b.due || a.order - b.order)) {
      if (this.#timers.delete(timer)) timer.callback();
      await settle();
    }
  }
}
