import type { Observable } from '../core/events.js';
import { checkOneOf, readOptions } from '../core/options.js';
import type { CacheErrorEvents } from './cache-updater.js';
import {
  STORE_WRITER_DEFAULTS,
  StoreWriter,
  type StoreWriterOptions,
  type WriteOptions,
  type WriteThroughSetOptions,
} from './store-writer.js';

export interface WriteThroughOptions<K, V> extends StoreWriterOptions<K, V> {
  /**
   * `store-first`: readers see the value when the store has confirmed it. `both`: the cache has it at once, the store at
   * the same time, so that readers may see what the store then refuses. @defaultValue 'store-first'
   */
  readonly order?: 'store-first' | 'both' | undefined;
}

/** Writes to a store and to the cache in front of it. */
export interface WriteThrough<K, V> extends Observable<CacheErrorEvents<K>> {
  /**
   * Resolves when the store has the value, and the cache has it or nothing. A rejection means: nobody knows whether the
   * store has it, and the cache has forgotten the key. Write it again.
   */
  set(key: K, value: V, options?: WriteThroughSetOptions): Promise<void>;
  /** Likewise, for a deletion. @throws InvalidOptionError without `remove` (rejection) */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** How many keys are being written. */
  readonly writing: number;
}

/**
 * Writes go to the store and, when it has confirmed, into the cache: who reads after a write finds it there.
 *
 * Writes of one key run one after the other, in the order of the calls, or the store and the cache might end with
 * different values; writes of different keys run at once. When a write is over, the cache has what the store has, or
 * nothing: after a failure the outcome is unknown (what timed out may have arrived), so the key leaves the cache and the
 * next reader asks the store.
 *
 * A write that is aborted before its turn has never been. Later it ends the caller's wait, and the signal of the write
 * itself; the next write of the key still waits until that has ended. A write that waits for another one of its own key
 * waits for itself.
 *
 * O(1) a write; only keys that are being written are remembered.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const cache = new LruCache<string, string>({ capacity: 1000 });
 * const names = writeThrough({
 *   cache,
 *   write: (id, name, { signal }) =>
 *     fetch(`https://example.com/users/${id}`, { method: 'PUT', body: name, signal }).then((response) => {
 *       if (!response.ok) throw new Error(`status ${response.status}`);
 *     }),
 *   policy: retry(),
 * });
 * await names.set('7', 'Ada');
 * ```
 */
export function writeThrough<K, V>(options: WriteThroughOptions<K, V>): WriteThrough<K, V> {
  const owner = 'writeThrough';
  const own = readOptions(owner, options, { ...STORE_WRITER_DEFAULTS, order: 'store-first' });
  return new StoreWriter<K, V>(owner, own, checkOneOf(owner, 'order', own.order, ['store-first', 'both']));
}
