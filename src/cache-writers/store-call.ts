import { AbortScope } from '../core/abort-scope.js';
import type { Policy } from '../core/policy.js';
import { runLoad, SignalContext } from '../loading-cache/source.js';

/** What a function that writes is told besides what to write. */
export interface WriteContext {
  /** Aborts when nobody waits for this write any longer. The store may have it all the same. */
  readonly signal: AbortSignal;
}

/**
 * One write to the store, with all the tries its policy makes. Its outcome may be there before all of it has ended: an
 * abort or a timeout ends the wait and not the write, which may reach the store later. So the next write of the same key
 * has to wait until `isRunning` is false, or the older one might come last.
 */
export class TrackedWrite {
  readonly scope: AbortScope;
  #running = 0;
  #onEnd: () => void = () => {};

  constructor(outer?: AbortScope) {
    this.scope = new AbortScope(outer);
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Never throws: whatever happens is in the promise. Rejects at once on abort. */
  start<T>(
    policy: Policy<unknown> | undefined,
    key: string | undefined,
    write: (context: WriteContext) => T | PromiseLike<T>,
  ): Promise<T> {
    const running = runLoad(policy, this.scope, key, (call) => this.#count(() => write(new SignalContext(call))));
    return this.scope.race(running as Promise<T>);
  }

  /** Resolves when no try is running any more. */
  whenEnded(): Promise<void> {
    if (!this.isRunning) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  async #count<T>(write: () => T | PromiseLike<T>): Promise<T> {
    this.#running++;
    try {
      return await write();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#onEnd();
    }
  }
}
