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

/** The options of `writeThrough`. */
export interface WriteThroughOptions<K, V> extends StoreWriterOptions<K, V> {
  /**
   * When the cache is changed. `store-first`: after the store has confirmed the write. `both`: before the store is
   * written, so that readers see the value earlier, but may also see a value that the store then rejects.
   * @defaultValue `'store-first'`
   */
  readonly order?: 'store-first' | 'both' | undefined;
}

/** A writer to a store and to the cache in front of it, made by `writeThrough`. */
export interface WriteThrough<K, V> extends Observable<CacheErrorEvents<K>> {
  /**
   * Writes a value. Resolves when the store has confirmed it and the cache holds the value or no value. If it rejects,
   * the store may or may not have the value, and the key has been removed from the cache: write the value again.
   */
  set(key: K, value: V, options?: WriteThroughSetOptions): Promise<void>;
  /**
   * Deletes a key from the store and from the cache. If it rejects, the store may or may not have deleted the key.
   * @throws InvalidOptionError if there is no `remove` (as a rejection)
   */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** The number of keys that are being written. */
  readonly writing: number;
}

/**
 * Creates a writer that writes to the store first and, after the store has confirmed the write, to the cache.
 *
 * Use it if reads soon after a write should find the value in the cache.
 *
 * - Writes of one key run one after the other, in the order of the calls. Otherwise the store and the cache could end
 *   with different values. Writes of different keys run concurrently.
 * - When a write has ended, the cache holds the value of the store or no value. After a failure the result is unknown,
 *   because a write that timed out may still have reached the store. The key is therefore removed from the cache, and
 *   the next reader loads it from the store.
 * - If a write is aborted before its turn, nothing happens. If it is aborted later, the abort ends the caller's wait
 *   and aborts the signal of the write. The next write of the key still waits until the aborted write has ended.
 * - A write that waits for another write of its own key waits for itself.
 *
 * Cost: O(1) per write. Memory: only for keys that are being written.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
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
