import { AbortNode, AbortScope, resolvedPromise, scopeOf } from '../core/abort-scope.js';

/** One call of the loader with all its waiters (single flight). */
export class DirectoryLoad {
  /** Aborted when the last waiter has left. */
  readonly #scope = new AbortScope();
  readonly #waiters = new Set<LoadWaiter>();
  readonly #onAbandoned: (load: DirectoryLoad) => void;
  /** The number of waiters that have not left. */
  #waiting = 0;

  constructor(onAbandoned: (load: DirectoryLoad) => void) {
    this.#onAbandoned = onAbandoned;
  }

  /** The signal for the loader. Created when the loader reads it. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  /** Whether all waiters have left. */
  get isAbandoned(): boolean {
    return this.#scope.reason !== undefined;
  }

  /** Adds a waiter. Its promise settles with the load, or rejects when `signal` is aborted. */
  wait(signal: AbortSignal | null): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const waiter = new LoadWaiter(this, resolve, reject);
      this.#waiters.add(waiter);
      this.#waiting++;
      if (signal !== null) scopeOf(signal).enter(waiter);
    });
  }

  /** Removes a waiter that was aborted. If it was the last one, the load is aborted. */
  giveUp(waiter: LoadWaiter, reason: unknown, signals: AbortController[]): void {
    // Rejects one microtask later, so that a result that arrived before the abort wins.
    resolvedPromise.then(() => {
      this.#waiters.delete(waiter);
      waiter.reject(reason);
    });
    this.#waiting--;
    if (this.#waiting > 0) return;
    this.#onAbandoned(this);
    this.#scope.onAbort(reason, signals);
  }

  /** Resolves all waiters. */
  succeed(shard: string | undefined): void {
    for (const waiter of this.#take()) waiter.resolve(shard);
  }

  /** Rejects all waiters. */
  fail(error: unknown): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  /** Aborts the loader, because its result is not needed any more. */
  abort(): void {
    this.#scope.abort(undefined);
  }

  #take(): LoadWaiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.leave();
    return waiters;
  }
}

class LoadWaiter extends AbortNode {
  readonly #load: DirectoryLoad;
  readonly resolve: (shard: string | undefined) => void;
  readonly reject: (reason: unknown) => void;

  constructor(load: DirectoryLoad, resolve: (shard: string | undefined) => void, reject: (reason: unknown) => void) {
    super();
    this.#load = load;
    this.resolve = resolve;
    this.reject = reject;
  }

  onAbort(reason: unknown, signals: AbortController[]): void {
    this.#load.giveUp(this, reason, signals);
  }
}
