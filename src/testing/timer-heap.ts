/** A timer of a virtual clock. */
export interface VirtualTimer {
  /** The time at which the timer fires, in milliseconds. */
  readonly due: number;
  /** The order of creation. Timers that are due at the same time fire in this order. */
  readonly order: number;
  readonly callback: () => void;
  /** The index in the heap; -1 if the timer is not armed. */
  index: number;
}

/**
 * The armed timers of a virtual clock: a binary heap in which a timer fires no earlier than its parent, which is at
 * (index − 1) >> 1. Adding and removing are O(log n); a timer knows its index, so that a cleared timer leaves the heap
 * immediately.
 */
export class TimerHeap {
  readonly #timers: VirtualTimer[] = [];
  #order = 0;

  get size(): number {
    return this.#timers.length;
  }

  /** The timer that fires next; undefined if none is armed. */
  get first(): VirtualTimer | undefined {
    return this.#timers[0];
  }

  /** Arms a timer and returns it. */
  add(due: number, callback: () => void): VirtualTimer {
    const timer = { due, order: this.#order++, callback, index: -1 };
    this.#rise(timer, this.#timers.length);
    return timer;
  }

  /** Whether `handle` is an armed timer of this heap. */
  has(handle: unknown): handle is VirtualTimer {
    if (typeof handle !== 'object' || handle === null) return false;
    const timer = handle as VirtualTimer;
    return this.#timers[timer.index] === timer;
  }

  /** Removes an armed timer. */
  remove(timer: VirtualTimer): void {
    const last = this.#timers.pop() as VirtualTimer;
    if (last !== timer) {
      this.#rise(last, timer.index);
      this.#sink(last);
    }
    timer.index = -1;
  }

  #place(timer: VirtualTimer, index: number): void {
    this.#timers[index] = timer;
    timer.index = index;
  }

  /** Places a timer at a free index, or above it. */
  #rise(timer: VirtualTimer, free: number): void {
    let index = free;
    while (index > 0) {
      const parent = this.#timers[(index - 1) >> 1] as VirtualTimer;
      if (!firesBefore(timer, parent)) break;
      this.#place(parent, index);
      index = (index - 1) >> 1;
    }
    this.#place(timer, index);
  }

  #sink(timer: VirtualTimer): void {
    let { index } = timer;
    for (let child = 2 * index + 1; child < this.#timers.length; child = 2 * index + 1) {
      const right = this.#timers[child + 1];
      if (right !== undefined && firesBefore(right, this.#timers[child] as VirtualTimer)) child++;
      const next = this.#timers[child] as VirtualTimer;
      if (!firesBefore(next, timer)) break;
      this.#place(next, index);
      index = child;
    }
    this.#place(timer, index);
  }
}

function firesBefore(a: VirtualTimer, b: VirtualTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
