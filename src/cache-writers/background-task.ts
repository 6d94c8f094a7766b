/**
 * Has `work` called soon after each `wake()`, in the async context in which this was made: what is done for many callers
 * is not to run in the context of whoever came first.
 */
export class BackgroundTask {
  readonly #work: () => void;
  #wake: () => void = () => {};

  constructor(work: () => void) {
    this.#work = work;
    this.#sleep();
  }

  /** Several times before the work begins are once. */
  schedule(): void {
    this.#wake();
  }

  #sleep(): void {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    woken.then(() => {
      this.#sleep();
      this.#work();
    });
  }
}
