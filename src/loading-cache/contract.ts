import type { Observable } from '../core/events.js';
import type { LoadingCacheSetOptions } from './entry-store.js';
import type { Invalidation } from './invalidation.js';
import type { EntryMatch } from './match.js';
import type { LoadingCacheEvents, LoadingCacheStats } from './stats.js';
import type { WarmUpOptions, WarmUpResult } from './warm-up.js';

/** What one read may bring along. */
export interface LoadingCacheGetOptions {
  /** Ends this reader's wait, and nobody else's: it rejects with the signal's reason at once. */
  readonly signal?: AbortSignal | null | undefined;
}

/** A cache that loads what it has not. */
export interface LoadingCache<K, V> extends Observable<LoadingCacheEvents<K>> {
  /** The value: fresh, or stale where the options allow, or else loaded. */
  get(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** The values, in the order of the keys. Rejects with the first failure; the other loads go on. */
  getMany(keys: Iterable<K>, options?: LoadingCacheGetOptions): Promise<V[]>;
  /**
   * What `get` would answer at once, without a promise; undefined if it would have to wait, or reject. Like `get`, it
   * counts as a use, and starts the refresh of what is due for one; it never begins a load that somebody would wait for.
   */
  getSync(key: K): V | undefined;
  /** What may be served at once, changing nothing: no use, no refresh. */
  peek(key: K): V | undefined;
  /** Stores a value. A load of its key that is under way is not kept; whoever waits for it has this value now. */
  set(key: K, value: V, options?: LoadingCacheSetOptions): void;
  /**
   * Removes a value: it is never served again. A load of its key that is under way is not kept; who waits for it still
   * has what it brings, and the next reader starts another one. Gives whether there was an entry.
   */
  delete(key: K): boolean;
  /** Makes a value stale as of now: it is only served where a stale one may be. Otherwise as `delete`. */
  expire(key: K): boolean;
  /**
   * `delete` for all entries that match, and for the loads in flight. O(loads in flight) for a prefix or a glob, since the
   * loads whose keys match are not kept; O(1) for a tag. The numbers of entries and of earlier invalidations do not matter:
   * an entry is compared with the newer invalidations when it is next read.
   */
  deleteMatching(match: EntryMatch): void;
  /** `expire` for all entries that match. */
  expireMatching(match: EntryMatch): void;
  /** `delete` for all there is. */
  clear(): void;
  /** Does what has happened to another cache of the same things; it is not told on as an `invalidate` event. */
  applyInvalidation(invalidation: Invalidation<K>): void;
  /** Loads the value anew, or waits for the load that is under way. Rejects when that fails, stale value or not. */
  refresh(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** Gets all these keys, so many at once; failures are counted. */
  warmUp(keys: Iterable<K> | AsyncIterable<K>, options?: WarmUpOptions<K>): Promise<WarmUpResult>;
  /** How many loads are under way that a reader could join. */
  readonly loading: number;
  readonly stats: LoadingCacheStats;
}
