import { outsideContext } from '../core/ambient.js';

/**
 * Runs `work` one microtask after `schedule()`, in the async context in which the task was made. Work for many callers
 * must not run in the context of the caller that happened to be first, nor in its request context.
 */
export class BackgroundTask {
  readonly #work: () => void;
  #trigger: () => void = () => {};

  constructor(work: () => void) {
    this.#work = work;
    this.#arm();
  }

  /** Schedules the work. Several calls before the work begins have the effect of one. */
  schedule(): void {
    this.#trigger();
  }

  /** Creates the promise now, because a promise callback runs in the context in which it was registered. */
  #arm(): void {
    const triggered = new Promise<void>((resolve) => {
      this.#trigger = resolve;
    });
    triggered.then(() => {
      this.#arm();
      outsideContext(this.#work);
    });
  }
}
