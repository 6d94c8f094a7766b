import type { EntryMatch } from '../loading-cache/invalidation.js';

/** The last argument of each method of a `CacheStore`. */
export interface CacheStoreContext {
  /** Aborts when no caller waits for the result any longer, or when the call has timed out. */
  readonly signal: AbortSignal;
}

/** The data that a store holds under a key. */
export interface StoredData<D> {
  /** The data as it was passed to `set`. */
  readonly data: D;
  /** The time until the store deletes the data, in milliseconds; `Infinity` for never. */
  readonly remainingMs: number;
}

/** The options of `CacheStore.set`. */
export interface CacheStoreSetOptions {
  /** How long to keep the data, in milliseconds; `Infinity` for no limit. */
  readonly ttlMs: number;
  /** The tags by which the data can be deleted with `deleteMatching`. */
  readonly tags: readonly string[];
}

/**
 * The interface of a store outside the process: an adapter for Redis, files or a database. It keeps data (usually
 * strings) and expires them by its own clock. It reports each failure as a rejection.
 */
export interface CacheStore<D = string> {
  /** Returns the data of a key, or undefined if there is none or it has expired. */
  get(key: string, context: CacheStoreContext): PromiseLike<StoredData<D> | undefined>;
  /**
   * Returns the data of many keys, in the order of the keys. If the store has this method, all keys that are missed in
   * one turn of the event loop are read in one call at the end of the turn. Leave it out for a store that gains nothing
   * from that, such as one in memory: each key is then one `get`, called without waiting for the end of the turn.
   */
  readonly getMany?:
    | ((keys: readonly string[], context: CacheStoreContext) => PromiseLike<readonly (StoredData<D> | undefined)[]>)
    | undefined;
  /** Stores data under a key. */
  set(key: string, data: D, options: CacheStoreSetOptions, context: CacheStoreContext): PromiseLike<unknown>;
  /** Deletes a key. */
  delete(key: string, context: CacheStoreContext): PromiseLike<unknown>;
  /**
   * Deletes all data with the tag, with the key prefix, or with a key that the glob matches. `{ prefix: '' }` matches
   * everything. The store may delete more than that, for example if it cannot look up tags.
   */
  deleteMatching(match: EntryMatch, context: CacheStoreContext): PromiseLike<unknown>;
}
