/// <reference lib="esnext.disposable" preserve="true" />
import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { Observable } from '../core/events.js';

export interface CacheOptions<K, V> {
  /** How many entries are kept at most: an integer ≥ 1. */
  readonly capacity: number;
  /** An entry whose age is at least this is gone. Above 0; `Infinity` for never. @defaultValue none */
  readonly ttl?: Duration | undefined;
  /** Whether a `get` starts the ttl anew. @defaultValue false */
  readonly touchOnGet?: boolean | undefined;
  /** What all entries together may weigh: a finite number above 0. Goes with `weigh`. @defaultValue none */
  readonly maxWeight?: number | undefined;
  /** What one entry weighs: a finite number ≥ 0. Goes with `maxWeight`. */
  readonly weigh?: ((entry: { readonly key: K; readonly value: V }) => number) | undefined;
  /** Removes what has expired every so often, by one timer that does not keep the process alive. @defaultValue none */
  readonly purgeEvery?: Duration | undefined;
  /** What it goes by in errors. @defaultValue the name of the class */
  readonly name?: string | undefined;
  /** What ages are measured by. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** What one entry has of its own. */
export interface SetOptions {
  /** @defaultValue the cache's */
  readonly ttl?: Duration | undefined;
  /** Only in a cache with `maxWeight`: a finite number ≥ 0. @defaultValue what `weigh` says */
  readonly weight?: number | undefined;
}

/**
 * Why an entry is no longer there. `'replaced'`: by a later value, be it one that was too heavy to be stored.
 * `'cleared'`: among these are such that had expired and that nobody had asked for since.
 */
export type RemoveReason = 'evicted' | 'expired' | 'deleted' | 'replaced' | 'cleared';

export interface CacheEvents<K, V> {
  /** An entry has left, or its value was replaced by another one. */
  remove: { readonly key: K; readonly value: V; readonly reason: RemoveReason };
}

/** How often what has happened since the cache was made. */
export interface CacheStats {
  /** Of `get` and `getOrInsert`. */
  readonly hits: number;
  readonly misses: number;
  /** New keys stored. */
  readonly inserts: number;
  /** Values replaced. */
  readonly updates: number;
  /** Entries that had to make room. */
  readonly evictions: number;
  readonly expirations: number;
  /** Entries that were too heavy to be stored. */
  readonly rejections: number;
}

/** The entries of a cache as plain data, in the order of iteration. */
export interface CacheDump<K, V> {
  readonly entries: readonly DumpedEntry<K, V>[];
}

export interface DumpedEntry<K, V> {
  readonly key: K;
  readonly value: V;
  /** What was left of its ttl; absent if it never expires. */
  readonly expiresInMs?: number;
  /** Its ttl, which a `get` starts anew where `touchOnGet` is set; absent if it never expires. */
  readonly ttlMs?: number;
  /** Absent in a cache without weights. */
  readonly weight?: number;
  /** How much it is worth keeping, where the cache keeps count of that; elsewhere the order says all. */
  readonly uses?: number;
}

/**
 * What all caches of this package have in common. They differ in one thing only: what they forget first.
 *
 * `get`, `set` and `getOrInsert*` count as a use of the entry; `has`, `peek` and iteration do not. Keys are compared as in
 * a Map, and `undefined` is a value like any other.
 */
export interface Cache<K, V> extends Observable<CacheEvents<K, V>> {
  readonly capacity: number;
  /** How many entries are there, those that have expired not counted. */
  readonly size: number;
  /** What all entries weigh together; their number where there are no weights. */
  readonly weight: number;
  readonly stats: CacheStats;
  get(key: K): V | undefined;
  /** The value, without counting as a use. */
  peek(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V, options?: SetOptions): this;
  /** The value that is there, or else this one, stored. */
  getOrInsert(key: K, value: V): V;
  /** The value that is there, or else what the function makes of the key, stored. What it throws is thrown on. */
  getOrInsertComputed(key: K, compute: (key: K) => V): V;
  delete(key: K): boolean;
  clear(): void;
  /**
   * Returns the keys that are there at the first `next()`, from what is kept longest to what goes next, without those
   * that have gone since. Ends under any change. Lazy; if the cache changes before the end, the keys that are left are
   * copied once, O(n).
   */
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void;
  /** Changes the capacity; what no longer fits is evicted. */
  resize(capacity: number): void;
  /** Milliseconds until the entry expires: `Infinity` if it never does; undefined if there is none. */
  expiresInMs(key: K): number | undefined;
  /** Removes all that has expired, and says how many that were. */
  purgeExpired(): number;
  /** Its entries as plain data: their order, what is left of their ttl, their weights. */
  dump(): CacheDump<K, V>;
  /** Puts the entries of a dump in place of its own. */
  restore(dump: CacheDump<K, V>): void;
  /** Stops the timer of `purgeEvery`. The entries stay. */
  [Symbol.dispose](): void;
}
