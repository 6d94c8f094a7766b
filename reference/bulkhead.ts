/**
 * Bulkhead (Nygard): at most `maxConcurrent` operations run, at most `maxQueue` wait in FIFO order, and the rest are
 * rejected at once. A slow dependency then holds a few of a service's calls instead of all of them. O(1) per call, but
 * for `shift`, which a linked list would make O(1) too.
 */
export class Bulkhead {
  #active = 0;
  readonly #queue: (() => void)[] = [];

  constructor(
    readonly maxConcurrent: number,
    readonly maxQueue: number,
  ) {}

  get active(): number {
    return this.#active;
  }

  get queued(): number {
    return this.#queue.length;
  }

  async execute<T>(operation: () => Promise<T>): Promise<T> {
    await this.#acquire();
    try {
      return await operation();
    } finally {
      this.#release(); // after a failure too: a slot that leaks is lost for good
    }
  }

  #acquire(): Promise<void> | undefined {
    if (this.#active < this.maxConcurrent) {
      this.#active++;
      return undefined;
    }
    if (this.#queue.length >= this.maxQueue) throw new Error('bulkhead full');
    return new Promise((resolve) => this.#queue.push(resolve));
  }

  /** Hands the slot over to the first waiter, so that a new call cannot overtake it. */
  #release(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#active--;
    else next();
  }
}
