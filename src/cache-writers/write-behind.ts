/// <reference lib="esnext.disposable" preserve="true" />
import type { Observable } from '../core/events.js';
import type { WriteEntry } from './store.js';
import type { WriteOptions } from './store-writer.js';
import {
  checkWriteBehindOptions,
  type ReadYourWritesOptions,
  type WriteBehindCloseOptions,
  type WriteBehindEvents,
  type WriteBehindOptions,
  type WriteBehindStats,
} from './write-behind-options.js';
import { WriteBehindQueue } from './write-behind-queue.js';

/** Writes that are accepted at once, and in the store a little later. */
export interface WriteBehind<K, V> extends Observable<WriteBehindEvents<K, V>> {
  /**
   * Resolves when the write is accepted: pending, in the journal if there is one, and the cache was told. After an abort
   * while it waits for room nothing has happened; while it waits for the journal or the cache, it may be accepted.
   * @throws BulkheadFullError, ClosedError, what the journal throws (rejections)
   */
  set(key: K, value: V, options?: WriteOptions): Promise<void>;
  /** Likewise, for a deletion. @throws InvalidOptionError with `write` and no `remove` (rejection) */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** The newest accepted write of the key that the store has not confirmed. */
  peek(key: K): WriteEntry<K, V> | undefined;
  /**
   * A loader that never brings anything older than an accepted write: the pending value if there is one, else what `load`
   * brings, unless a write was accepted meanwhile.
   */
  readYourWrites<C, D = undefined>(
    load: (key: K, context: C) => V | PromiseLike<V>,
    options?: ReadYourWritesOptions<K, D>,
  ): (key: K, context: C) => Promise<V | D>;
  /**
   * Writes all that is pending now, without waiting for company or for a backoff, and resolves when the store has what was
   * accepted before the call, however many tries that takes. A signal ends the wait alone. O(pending keys) in time and
   * memory for each call: call it once after many writes, not after each.
   * @throws LostWritesError for what was given up meanwhile; ClosedError if `close` gives up first (rejections)
   */
  flush(options?: WriteOptions): Promise<void>;
  /**
   * Accepts nothing more, and resolves when the store has everything. Callers who wait for room already are let in.
   * Called again, it answers the same; the shortest timeout counts.
   * @throws LostWritesError for all that was given up meanwhile, or is not known to be in the store after the timeout. What
   * the timeout gives up stays in the journal. (rejection)
   */
  close(options?: WriteBehindCloseOptions): Promise<void>;
  /** `close()` */
  [Symbol.asyncDispose](): Promise<void>;
  /** How many keys have a write that the store has not confirmed. */
  readonly pending: number;
  readonly stats: WriteBehindStats;
}

/**
 * Accepts writes at once and brings them to the store a little later, many together, only the last one of each key.
 *
 * Picture a table with the newest write of each key. What was set again before it was written takes the older write's
 * place; what is set again while it is written is written after it, never beside it. A write that fails comes back after
 * a backoff, unless there is a newer one of its key by then: that is written instead. So the store never goes back to an
 * older value. The table has a bound, and at it, writers wait.
 *
 * What is accepted is only in this process's memory until it is written: a crash loses it, unless there is a `journal`.
 * Readers that must see it need the same `cache`, or `reading`. `write` must be safe to repeat: what timed out may have
 * arrived. One that does not end when its signal aborts holds up the next write of its key until it does.
 *
 * O(1) a write. One timer while something is pending, none otherwise; it keeps the process alive, since what is pending
 * would be lost. Calls of `write` and of the journal run in the async context in which the writer was made.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * await using views = writeBehind<string, number>({
 *   writeMany: async (entries, { signal }) => {
 *     const body = JSON.stringify(entries);
 *     const response = await fetch('https://example.com/views', { method: 'PUT', body, signal });
 *     if (!response.ok) throw new Error(`status ${response.status}`);
 *   },
 *   policy: timeout('5s'),
 * });
 * await views.set('/home', 1);
 * await views.set('/home', 2); // this one is written
 * ```
 */
export function writeBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehind<K, V> {
  return new WriteBehindQueue(checkWriteBehindOptions(options));
}
