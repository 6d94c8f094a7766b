import { bindAsyncContext } from '../core/async-context.js';

/** A mutex per key: runs one piece of work per key at a time, in FIFO order. Holds only keys in use. */
export class KeyedMutex<K> {
  /** For each key in use, the work that waits for it. */
  readonly #waiting = new Map<K, Set<() => void>>();

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Runs the work: synchronously if the key is free, and otherwise later, in the async context of the caller.
   * @param work - must not reject.
   * @returns a function that removes the work from the queue if it has not begun.
   */
  runExclusive(key: K, work: () => Promise<void>): () => void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) {
      this.#waiting.set(key, new Set());
      this.#run(key, work);
      return () => {};
    }
    const begin = bindAsyncContext(() => this.#run(key, work));
    waiting.add(begin);
    return () => waiting.delete(begin);
  }

  #run(key: K, work: () => Promise<void>): void {
    work().then(() => this.#next(key));
  }

  #next(key: K): void {
    const waiting = this.#waiting.get(key);
    const [begin] = waiting ?? [];
    if (begin === undefined) this.#waiting.delete(key);
    else {
      waiting?.delete(begin);
      begin();
    }
  }
}
