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

/** A writer that accepts writes and sends them to the store later, made by `writeBehind`. */
export interface WriteBehind<K, V> extends Observable<WriteBehindEvents<K, V>> {
  /**
   * Accepts a write. Resolves when the write is pending, the journal (if any) has saved it and the cache (if any) has
   * been changed. If the caller aborts while the write waits for room, nothing happens. If the caller aborts while the
   * write waits for the journal or the cache, the write may still be accepted.
   * @throws BulkheadFullError, ClosedError, or the error of the journal (as a rejection)
   */
  set(key: K, value: V, options?: WriteOptions): Promise<void>;
  /**
   * Accepts a deletion, in the same way as `set` accepts a write.
   * @throws InvalidOptionError if there is a `write` but no `remove` (as a rejection)
   */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** Returns the newest accepted write of the key that the store has not confirmed yet. */
  peek(key: K): WriteEntry<K, V> | undefined;
  /**
   * Wraps a loader so that it never returns a value older than an accepted write (read-your-writes). The wrapper
   * returns the pending value if there is one. Otherwise it calls `load`, and returns the value that was accepted
   * during the load if there is one.
   */
  readYourWrites<C, D = undefined>(
    load: (key: K, context: C) => V | PromiseLike<V>,
    options?: ReadYourWritesOptions<K, D>,
  ): (key: K, context: C) => Promise<V | D>;
  /**
   * Writes everything that is pending without waiting for `flushEvery` or for a backoff. Resolves when the store has
   * confirmed all writes that were accepted before the call, however many attempts they need. A signal ends only this
   * wait. O(pending keys) in time and memory for each call: call it once after many writes, not after each.
   * @throws LostWritesError if one of these writes was lost; ClosedError if `close` gives up first (as a rejection)
   */
  flush(options?: WriteOptions): Promise<void>;
  /**
   * Accepts no further writes, and resolves when the store has confirmed everything. Writes that already wait for room
   * are still accepted. A repeated call returns the same result; the shortest timeout counts.
   * @throws LostWritesError for all writes that were lost since the first call, and for all that the store has not
   * confirmed when the timeout ends. The journal keeps the latter. (as a rejection)
   */
  close(options?: WriteBehindCloseOptions): Promise<void>;
  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  /** The number of keys with a write that the store has not confirmed. */
  readonly pending: number;
  /** The counters since the writer was made: a copy. */
  readonly stats: WriteBehindStats;
}

/**
 * Creates a writer that accepts a write immediately and sends it to the store later: in batches, and only the newest
 * write of each key.
 *
 * Use it if the store is too slow for one call per write and a short delay is acceptable.
 *
 * - The writer holds the newest pending write of each key. A new write replaces a pending one of the same key
 *   (coalescing). A write of a key that is being written waits until that call has ended.
 * - A failed write is repeated after a backoff. If a newer write of its key was accepted meanwhile, the newer one is
 *   written instead. The store therefore never returns to an older value.
 * - The number of pending keys is limited. At the limit new writes wait or are rejected.
 * - An accepted write exists only in the memory of this process until it is written. A crash loses it unless there is a
 *   `journal`.
 * - Readers that must see accepted writes need the same `cache`, or `readYourWrites`.
 * - `write` must be safe to repeat, because a call that timed out may have reached the store. A call that does not end
 *   when its signal aborts delays the next write of its key.
 * - `write` and the journal are called in the async context in which the writer was made.
 *
 * Cost: O(1) per write. One timer while a write is pending, otherwise none. The timer keeps the process alive, because
 * pending writes would be lost.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
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
 * await views.set('/home', 2); // replaces the first write before it is sent
 * ```
 */
export function writeBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehind<K, V> {
  return new WriteBehindQueue(checkWriteBehindOptions(options));
}
