/// <reference lib="esnext.disposable" preserve="true" />
import type { Clock } from '../core/clock.js';
import type { Clone } from '../core/clone.js';
import type { Duration } from '../core/duration.js';
import type { Observable } from '../core/events.js';

/** The options of all caches. */
export interface CacheOptions<K, V> {
  /** The largest number of entries: an integer from 1 to 16,777,215. */
  readonly capacity: number;
  /** The age at which an entry expires: a duration above 0, or `Infinity` for never. @defaultValue `Infinity` */
  readonly ttl?: Duration | undefined;
  /** Whether a `get` restarts the TTL of the entry (sliding expiration). @defaultValue false */
  readonly touchOnGet?: boolean | undefined;
  /** The largest total weight of all entries: a finite number above 0. Requires `weigh`. @defaultValue none */
  readonly maxWeight?: number | undefined;
  /** Computes the weight of an entry, for example its size in bytes: a finite number ≥ 0. Requires `maxWeight`. */
  readonly weigh?: ((entry: { readonly key: K; readonly value: V }) => number) | undefined;
  /**
   * The interval at which expired entries are removed: a duration above 0. Without it an expired entry uses memory
   * until it is read, replaced or evicted. The timer does not keep the process alive. @defaultValue none
   */
  readonly purgeEvery?: Duration | undefined;
  /**
   * Copies each value that is stored and each value that is read, so that a caller that changes its value does not
   * change the cached one: 'structured' for `structuredClone`, or a function that returns a copy. An error of the copy is
   * thrown to the caller; if `set` throws it, the cache is unchanged. Each read costs a copy.
   * @defaultValue none: all callers share one value
   */
  readonly clone?: Clone<V> | undefined;
  /** The name of the cache in errors. @defaultValue the name of the class */
  readonly name?: string | undefined;
  /** The clock that measures the age of entries. Tests pass a `TestClock`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** The options of one entry, for `set`. */
export interface SetOptions {
  /** The TTL of this entry: a duration above 0, or `Infinity`. @defaultValue the `ttl` of the cache */
  readonly ttl?: Duration | undefined;
  /**
   * The weight of this entry: a finite number ≥ 0. Allowed only in a cache with `maxWeight`.
   * @defaultValue the result of `weigh`
   */
  readonly weight?: number | undefined;
}

/**
 * The reason why an entry was removed.
 *
 * - `'evicted'`: it made room for another entry.
 * - `'expired'`: its TTL ended.
 * - `'deleted'`: by `delete`.
 * - `'replaced'`: by a later value of the same key, also by one that was too heavy to be stored.
 * - `'cleared'`: by `clear` or `restore`. These entries may include some that had expired but were not removed yet.
 */
export type RemoveReason = 'evicted' | 'expired' | 'deleted' | 'replaced' | 'cleared';

/** The events of a cache. */
export interface CacheEvents<K, V> {
  /** An entry was removed, or its value was replaced by a different one. */
  remove: { readonly key: K; readonly value: V; readonly reason: RemoveReason };
}

/** The counters of a cache since it was made. */
export interface CacheStats {
  /** Calls of `get` and `getOrInsert*` that found an entry. */
  readonly hits: number;
  /** Calls of `get` and `getOrInsert*` that found no entry. */
  readonly misses: number;
  /** New keys that were stored. */
  readonly inserts: number;
  /** Values that were replaced. */
  readonly updates: number;
  /** Entries that were evicted to make room. */
  readonly evictions: number;
  /** Entries that were removed because their TTL had ended. */
  readonly expirations: number;
  /** Entries that were not stored because they were heavier than `maxWeight`. */
  readonly rejections: number;
}

/** The entries of a cache as plain data, in the order of iteration. */
export interface CacheDump<K, V> {
  readonly entries: readonly DumpedEntry<K, V>[];
}

/** One entry of a `CacheDump`. */
export interface DumpedEntry<K, V> {
  readonly key: K;
  readonly value: V;
  /** The remaining TTL in milliseconds; absent if the entry never expires. */
  readonly expiresInMs?: number;
  /**
   * The full TTL in milliseconds, which a `get` restarts; absent without `touchOnGet` or if the entry never expires.
   */
  readonly ttlMs?: number;
  /** The weight of the entry; absent in a cache without weights. */
  readonly weight?: number;
  /** The use count of the entry, in a cache whose eviction depends on it (CLOCK, LFU, TinyLFU); otherwise absent. */
  readonly uses?: number;
}

/**
 * The interface of all caches of this package. They differ only in the order in which entries are evicted.
 *
 * `get`, `set` and `getOrInsert*` count as a use of the entry; `has`, `peek` and iteration do not. Keys are compared as
 * in a `Map` (SameValueZero), and `undefined` is an ordinary value.
 */
export interface Cache<K, V> extends Observable<CacheEvents<K, V>> {
  /** The largest number of entries. */
  readonly capacity: number;
  /** The number of entries, without expired ones. */
  readonly size: number;
  /** The total weight of all entries; their number in a cache without weights. */
  readonly weight: number;
  /** The counters since the cache was made: a copy. */
  readonly stats: CacheStats;
  /** Returns the value of a key, or undefined. Counts as a use. */
  get(key: K): V | undefined;
  /** Returns the value of a key, or undefined. Does not count as a use. */
  peek(key: K): V | undefined;
  /** Whether the cache has an entry for the key. Does not count as a use. */
  has(key: K): boolean;
  /** Stores a value. Evicts other entries if the cache is full. */
  set(key: K, value: V, options?: SetOptions): this;
  /** Returns the value of the key. If there is none, stores and returns the given value. */
  getOrInsert(key: K, value: V): V;
  /**
   * Returns the value of the key. If there is none, computes, stores and returns it. Rethrows the errors of `compute`.
   */
  getOrInsertComputed(key: K, compute: (key: K) => V): V;
  /** Removes a key and returns whether it was present. */
  delete(key: K): boolean;
  /** Removes all entries. */
  clear(): void;
  /**
   * Returns an iterator over the keys present at the first `next()`, from the entry that is evicted last to the one
   * that is evicted first. It skips keys that were removed since, and it ends under any change of the cache. It is
   * lazy: the first change of the cache during the iteration copies the remaining keys once, O(n).
   */
  keys(): IterableIterator<K>;
  /** Returns an iterator over the values, in the order of `keys`. */
  values(): IterableIterator<V>;
  /** Returns an iterator over keys and values, in the order of `keys`. */
  entries(): IterableIterator<[K, V]>;
  /** Returns the same iterator as `entries`. */
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** Calls a function for each entry, in the order of `keys`. */
  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void;
  /** Changes the capacity, and evicts the entries that no longer fit. */
  resize(capacity: number): void;
  /** Returns the milliseconds until the entry expires: `Infinity` if never, undefined if there is no entry. */
  expiresInMs(key: K): number | undefined;
  /** Removes all expired entries and returns their number. */
  purgeExpired(): number;
  /** Returns all entries as plain data, with their order, remaining TTLs and weights. */
  dump(): CacheDump<K, V>;
  /** Replaces all entries by those of a dump. */
  restore(dump: CacheDump<K, V>): void;
  /** Stops the timer of `purgeEvery`. The entries remain. */
  [Symbol.dispose](): void;
}
