export interface Timers {
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/**
 * Timeout: a race between the operation and a timer. If the timer wins, the caller gets an error at once, and the
 * signal of the operation aborts, so that it can free its socket; an operation that ignores the signal goes on unseen.
 * O(1), one timer per call.
 */
export function timeout<T>(
  operation: (signal: AbortSignal) => Promise<T>,
  ms: number,
  timers: Timers = globalThis as Timers,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const timer = timers.setTimeout(() => {
      const error = new Error(`timed out after ${ms} ms`);
      reject(error); // before the abort, which may make the operation reject with another error
      controller.abort(error);
    }, ms);
    const run = async () => operation(controller.signal); // a synchronous throw becomes a rejection
    run()
      .then(resolve, reject) // no effect after the timeout, but a late rejection is handled
      .finally(() => timers.clearTimeout(timer)); // or each fast call would keep the process alive for `ms`
  });
}
