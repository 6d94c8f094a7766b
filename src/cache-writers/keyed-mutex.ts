import { bindAsyncContext } from '../core/async-context.js';

/** One piece of work of each key at a time, in the order they came. It remembers only keys that are being worked on. */
export class KeyedMutex<K> {
  /** For each key in use, those who wait for it. */
  readonly #lines = new Map<K, Set<() => void>>();

  get size(): number {
    return this.#lines.size;
  }

  /**
   * Starts the work: at once if the key is free, else when its turn has come, in the async context of here.
   * @param work - must not reject.
   * @returns what gives up the place, if it has not begun.
   */
  runExclusive(key: K, work: () => Promise<void>): () => void {
    const waiting = this.#lines.get(key);
    if (waiting === undefined) {
      this.#lines.set(key, new Set());
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
    const waiting = this.#lines.get(key);
    const [begin] = waiting ?? [];
    if (begin === undefined) this.#lines.delete(key);
    else {
      waiting?.delete(begin);
      begin();
    }
  }
}
