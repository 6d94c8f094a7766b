/** Lets `count` microtasks pass. */
export async function microtasks(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await null;
}

/** One turn of the event loop: every promise that can settle by itself has. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export interface Watched<T> {
  state: 'pending' | 'fulfilled' | 'rejected';
  value?: T;
  error?: unknown;
  /** Resolves when it has settled, whichever way. */
  readonly done: Promise<void>;
}

/** What has become of a promise so far; its rejection is handled. */
export function watch<T>(promise: Promise<T>): Watched<T> {
  const watched: Watched<T> = {
    state: 'pending',
    done: promise.then(
      (value) => {
        watched.state = 'fulfilled';
        watched.value = value;
      },
      (error) => {
        watched.state = 'rejected';
        watched.error = error;
      },
    ),
  };
  return watched;
}

export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function defer<T = unknown>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  return { promise, resolve, reject };
}
