import type { EntryMatch } from '../loading-cache/invalidation.js';

/** What is told of each call to a store. */
export interface CacheStoreContext {
  /** Aborts when nobody waits for the answer any longer. */
  readonly signal: AbortSignal;
}

/** What a store has under a key. */
export interface StoredData<D> {
  readonly data: D;
  /** For how much longer it keeps that, in milliseconds; `Infinity` for ever. */
  readonly remainingMs: number;
}

/** What is to be kept besides the data. */
export interface CacheStoreSetOptions {
  /** For how long, in milliseconds; `Infinity` for ever. */
  readonly ttlMs: number;
  /** What it can be deleted by besides its key. */
  readonly tags: readonly string[];
}

/**
 * A cache outside the process, as an adapter shows it: Redis, files, a database. It keeps data, strings as a rule, and
 * counts down their time by its own clock. Whatever goes wrong is a rejection.
 */
export interface CacheStore<D = string> {
  /** Undefined for what it has not, and for what is over. */
  get(key: string, context: CacheStoreContext): PromiseLike<StoredData<D> | undefined>;
  /**
   * Returns the data of many keys, in the order of the keys. With it, all keys that are missed in one turn of the event loop
   * are one call, made at the end of the turn. A store that gains nothing by that, such as one in memory, leaves it out: then
   * each key is one `get`, made at once.
   */
  readonly getMany?:
    | ((keys: readonly string[], context: CacheStoreContext) => PromiseLike<readonly (StoredData<D> | undefined)[]>)
    | undefined;
  set(key: string, data: D, options: CacheStoreSetOptions, context: CacheStoreContext): PromiseLike<unknown>;
  delete(key: string, context: CacheStoreContext): PromiseLike<unknown>;
  /**
   * Deletes all that has the tag, or whose key begins or looks like that; `{ prefix: '' }` is everything. To delete more,
   * where it cannot tell, is no mistake.
   */
  deleteMatching(match: EntryMatch, context: CacheStoreContext): PromiseLike<unknown>;
}
