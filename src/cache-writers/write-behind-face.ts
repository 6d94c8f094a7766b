/// <reference lib="esnext.disposable" preserve="true" />
import type { Duration } from '../core/duration.js';
import type { Observable } from '../core/events.js';
import type { WriteOptions } from './store-writer.js';
import type { WriteBehindEvents, WriteBehindStats } from './write-behind-stats.js';
import type { WriteEntry } from './write-entry.js';

export interface WriteBehindCloseOptions {
  /** After so long it gives up what is still pending. ≥ 0; `Infinity` for never. @defaultValue Infinity */
  readonly timeout?: Duration | undefined;
  /** Ends this caller's wait; the closing goes on. */
  readonly signal?: AbortSignal | null | undefined;
}

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
   * @param whenDeleted - what to answer for a key whose deletion is pending. @defaultValue undefined
   */
  readYourWrites<C, D = undefined>(
    load: (key: K, context: C) => V | PromiseLike<V>,
    whenDeleted?: (key: K) => D,
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
