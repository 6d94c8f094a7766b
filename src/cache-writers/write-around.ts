import type { Observable } from '../core/events.js';
import { readOptions } from '../core/options.js';
import type { CacheErrorEvents } from './cache-updater.js';
import { STORE_WRITER_DEFAULTS, StoreWriter, type StoreWriterOptions, type WriteOptions } from './store-writer.js';

/** The options of `writeAround`. */
export type WriteAroundOptions<K, V> = StoreWriterOptions<K, V>;

/** A writer to a store that removes each written key from the cache in front of it, made by `writeAround`. */
export interface WriteAround<K, V> extends Observable<CacheErrorEvents<K>> {
  /**
   * Writes a value. Resolves when the store has confirmed it and the key has been removed from the cache. If it
   * rejects, the store may or may not have the value; the key has been removed from the cache as well. Write the value
   * again.
   */
  set(key: K, value: V, options?: WriteOptions): Promise<void>;
  /**
   * Deletes a key from the store and from the cache. If it rejects, the store may or may not have deleted the key.
   * @throws InvalidOptionError if there is no `remove` (as a rejection)
   */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** The number of keys that are being written. */
  readonly writing: number;
}

/**
 * Creates a writer that writes to the store and removes the key from the cache. The next reader loads the new value.
 *
 * Use it for values that are written more often than they are read soon afterwards.
 *
 * The key is removed after the write, also if the write failed, because a failed write may have reached the store. It
 * is not removed before the write: a read between the removal and the write would put the older value back. A read that
 * began before the write can still put the older value back, unless the cache discards a load that a `delete` has
 * overtaken, as `loadingCache` does.
 *
 * Order, aborts and cost are those of `writeThrough`.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const rows = new Map<string, string>();
 * const cache = loadingCache({ load: async (id: string) => rows.get(id), capacity: 1000 });
 * const logs = writeAround({ cache, write: async (id: string, line: string) => void rows.set(id, line) });
 * await logs.set('7', 'done');
 * console.log(await cache.get('7'));
 * ```
 */
export function writeAround<K, V>(options: WriteAroundOptions<K, V>): WriteAround<K, V> {
  const owner = 'writeAround';
  return new StoreWriter<K, V>(owner, readOptions(owner, options, STORE_WRITER_DEFAULTS), 'around');
}
