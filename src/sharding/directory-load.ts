import { AbortNode, AbortScope, resolvedPromise, scopeOf } from '../core/abort-scope.js';

/** One call of the loader, and all who wait for it. */
export class DirectoryLoad {
  /** Ends when nobody waits any more. */
  readonly #scope = new AbortScope();
  readonly #waiters = new Set<LoadWaiter>();
  readonly #onAbandoned: (load: DirectoryLoad) => void;
  /** Those that have not given up. */
  #waiting = 0;

  constructor(onAbandoned: (load: DirectoryLoad) => void) {
    this.#onAbandoned = onAbandoned;
  }

  /** Made when the loader asks for it. */
  get signal(): AbortSignal {
    return this.#scope.signal;
  }

  get isAbandoned(): boolean {
    return this.#scope.reason !== undefined;
  }

  wait(signal: AbortSignal | null): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const waiter = new LoadWaiter(this, resolve, reject);
      this.#waiters.add(waiter);
      this.#waiting++;
      if (signal !== null) scopeOf(signal).enter(waiter);
    });
  }

  /** The last one out ends the load. */
  giveUp(waiter: LoadWaiter, reason: unknown, signals: AbortController[]): void {
    // One microtask later: an answer that was there before the abort is on its way, and has won.
    resolvedPromise.then(() => {
      this.#waiters.delete(waiter);
      waiter.reject(reason);
    });
    this.#waiting--;
    if (this.#waiting > 0) return;
    this.#onAbandoned(this);
    this.#scope.onAbort(reason, signals);
  }

  succeed(shard: string | undefined): void {
    for (const waiter of this.#take()) waiter.resolve(shard);
  }

  fail(error: unknown): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  /** Nobody needs the loader's answer any more. */
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
