export interface RetryOptions {
  readonly maxAttempts: number; // the first attempt is one of them
  readonly initialMs: number;
  readonly maxMs: number;
  readonly isRetryable: (error: unknown) => boolean;
  readonly signal?: AbortSignal;
  readonly random?: () => number;
  readonly sleep?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/**
 * Retry with exponential backoff and full jitter (Brooker, "Exponential Backoff and Jitter", AWS, 2015):
 *
 *     delay = random(0, min(maxMs, initialMs × 2^(attempt − 1)))
 *
 * Without jitter, clients that failed together would come back together. The operation must be safe to repeat. O(1)
 * memory, one timer while it waits.
 */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { maxAttempts, initialMs, maxMs, isRetryable, signal, random = Math.random, sleep = abortableSleep } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      signal?.throwIfAborted(); // the caller has left, so this is no failure of the operation
      if (attempt === maxAttempts || !isRetryable(error)) throw error; // the last error, unchanged
    }
    await sleep(random() * Math.min(maxMs, initialMs * 2 ** (attempt - 1)), signal);
  }
}

function abortableSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort); // a signal may outlive many calls: its listeners must not pile up
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
