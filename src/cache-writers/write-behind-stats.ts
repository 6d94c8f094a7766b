import type { LostWrite } from '../core/errors.js';
import type { CacheErrorEvents } from './cache-updater.js';
import type { WriteEntry } from './write-entry.js';

/** How often what has happened since the writer was made. */
export interface WriteBehindStats {
  /** Writes accepted, those that it began with among them. */
  readonly accepted: number;
  /** Writes whose place a newer one of their key has taken before they were in the store. */
  readonly coalesced: number;
  /** Writes that are in the store. */
  readonly written: number;
  /** Calls of `write`, `remove` or `writeMany`, not counting those that `policy` repeats. */
  readonly batches: number;
  /** Writes that have failed, each time they have. */
  readonly failures: number;
  /** Writes that were tried again, each time they were. */
  readonly retries: number;
  readonly lost: number;
  /** Callers who wait for room now. */
  readonly waiting: number;
}

export type WriteBehindCounts = { -readonly [S in Exclude<keyof WriteBehindStats, 'waiting'>]: WriteBehindStats[S] };

export interface WriteBehindEvents<K, V> extends CacheErrorEvents<K> {
  /** A call has ended, with so many writes, of which so many failed. */
  batch: { readonly size: number; readonly failed: number; readonly durationMs: number };
  /** A write has failed for the `attempt`th time. Undefined `delayMs`: it is not tried again, since it is lost. */
  failure: {
    readonly write: WriteEntry<K, V>;
    readonly error: unknown;
    readonly attempt: number;
    readonly delayMs: number | undefined;
  };
  /** A write was given up. The cache has forgotten its key. */
  lost: LostWrite<K, V>;
  /** The journal has failed. If that was an `append`, those who wait for it are told as well. */
  journalError: { readonly error: unknown };
}
