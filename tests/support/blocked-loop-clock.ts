import type { Clock } from 'breakwater/core';

interface StallingTimer {
  readonly due: number;
  readonly callback: () => void;
}

/** One turn of the real event loop, in which promises settle and `setImmediate` calls back. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A clock in whose time the event loop may be blocked: timers that fall due meanwhile fire late, as a platform's do. */
export class BlockedLoopClock implements Clock {
  #now = 0;
  #timers: StallingTimer[] = [];

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = { due: this.#now + ms, callback };
    this.#timers.push(timer);
    return timer;
  }

  clearTimeout(handle: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== handle);
  }

  get pendingTimers(): number {
    return this.#timers.length;
  }

  /** Time passes, and each timer fires when it is due. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#now = Math.max(this.#now, timer.due);
      await this.#fire(timer);
    }
    this.#now = end;
    await turn();
  }

  /** Time passes while the event loop is blocked. After that the timers that have fallen due fire, all late. */
  async stall(ms: number): Promise<void> {
    this.#now += ms;
    for (let timer = this.#next(this.#now); timer !== undefined; timer = this.#next(this.#now)) await this.#fire(timer);
    await turn();
  }

  async #fire(timer: StallingTimer): Promise<void> {
    this.clearTimeout(timer);
    timer.callback();
    await turn();
    await turn(); // the first is the poll that waits get after a late timer
  }

  #next(end: number): StallingTimer | undefined {
    const [first] = this.#timers.filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
    return first;
  }
}
