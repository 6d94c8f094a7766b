import type { Observable } from '../core/events.js';
import { readOptions } from '../core/options.js';
import type { CacheErrorEvents } from './cache-updater.js';
import { STORE_WRITER_DEFAULTS, StoreWriter, type StoreWriterOptions, type WriteOptions } from './store-writer.js';

export type WriteAroundOptions<K, V> = StoreWriterOptions<K, V>;

/** Writes to a store, and has the cache in front of it forget what it held. */
export interface WriteAround<K, V> extends Observable<CacheErrorEvents<K>> {
  /**
   * Resolves when the store has the value, and the cache has forgotten the key. A rejection means: nobody knows whether
   * the store has it; the cache has forgotten the key all the same. Write it again.
   */
  set(key: K, value: V, options?: WriteOptions): Promise<void>;
  /** Likewise, for a deletion. @throws InvalidOptionError without `remove` (rejection) */
  delete(key: K, options?: WriteOptions): Promise<void>;
  /** How many keys are being written. */
  readonly writing: number;
}

/**
 * Writes go past the cache, which only forgets the key: the next reader asks the store.
 *
 * For what is written more often than it is read soon afterwards. The key leaves the cache after the write, whether that
 * succeeded or failed, since what failed may have arrived. Not before: a reader who came between would put the older
 * value back, and it would stay. A reader who began before may still do that, unless the cache keeps no load that a
 * `delete` has overtaken, as `loadingCache` does.
 *
 * Order, aborts and cost are those of `writeThrough`.
 *
 * @throws InvalidOptionError for options that cannot work.
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
