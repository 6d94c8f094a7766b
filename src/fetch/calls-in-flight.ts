import { ClosedError } from '../core/errors.js';

/** Counts the calls of an instance that wait for their response headers, and waits for the last one of them. */
export class CallsInFlight {
  readonly #owner: string;
  #count = 0;
  #isClosed = false;
  readonly #whenIdle: (() => void)[] = [];

  /** @param owner - the name of the instance in errors. */
  constructor(owner: string) {
    this.#owner = owner;
  }

  get count(): number {
    return this.#count;
  }

  /** @throws ClosedError after `close`. */
  checkOpen(): void {
    if (this.#isClosed) throw new ClosedError({ policy: this.#owner });
  }

  enter(): void {
    this.#count++;
  }

  leave(): void {
    this.#count--;
    if (this.#count === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Accepts no more calls. Resolves when the last one has left. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
    });
  }
}
