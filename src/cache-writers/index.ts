/**
 * Writing through a cache to its store: write-through, write-around and write-behind.
 *
 * `writeThrough` writes to the store, then to the cache. `writeAround` writes to the store and deletes the cache's
 * entry. `writeBehind` accepts writes immediately and sends them to the store later, in batches. A write that has not
 * reached the store is lost if the process dies, unless a journal keeps it.
 *
 * Cost: one store call per write; write-behind coalesces writes of the same key and uses one timer.
 *
 * @module
 */
export type { CacheErrorEvents, WritableCache, WritableCacheSetOptions } from './cache-updater.js';
export type { WriteContext, WriteEntry } from './store.js';
export type { WriteOptions, WriteThroughSetOptions } from './store-writer.js';
export { type WriteAround, type WriteAroundOptions, writeAround } from './write-around.js';

export { type WriteBehind, writeBehind } from './write-behind.js';
export type {
  ReadYourWritesOptions,
  WriteBehindCloseOptions,
  WriteBehindEvents,
  WriteBehindOptions,
  WriteBehindStats,
} from './write-behind-options.js';
export type { JournalAck, JournalEntry, WriteJournal } from './write-journal.js';
export { type WriteThrough, type WriteThroughOptions, writeThrough } from './write-through.js';
