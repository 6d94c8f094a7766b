import { WriteBehindQueue } from './write-behind-queue.js';
import type { WriteBehind } from './write-behind-face.js';
import { checkWriteBehindOptions, type WriteBehindOptions } from './write-behind-options.js';

/**
 * Accepts writes at once and brings them to the store a little later, many together, only the last one of each key.
 *
 * Picture a table with the newest write of each key. What was set again before it was written takes the older write's
 * place; what is set again while it is written is written after it, never beside it. A write that fails comes back after
 * a backoff, unless there is a newer one of its key by then: that is written instead. So the store never goes back to an
 * older value. The table has a bound, and at it, writers wait.
 *
 * What is accepted is only in this process's memory until it is written: a crash loses it, unless there is a `journal`.
 * Readers that must see it need the same `cache`, or `reading`. `write` must be safe to repeat: what timed out may have
 * arrived. One that does not end when its signal aborts holds up the next write of its key until it does.
 *
 * O(1) a write. One timer while something is pending, none otherwise; it keeps the process alive, since what is pending
 * would be lost. Calls of `write` and of the journal run in the async context in which the writer was made.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * await using views = writeBehind<string, number>({
 *   writeMany: async (entries, { signal }) => {
 *     const body = JSON.stringify(entries);
 *     const response = await fetch('https://example.com/views', { method: 'PUT', body, signal });
 *     if (!response.ok) throw new Error(`status ${response.status}`);
 *   },
 *   policy: timeout('5s'),
 * });
 * await views.set('/home', 1);
 * await views.set('/home', 2); // this one is written
 * ```
 */
export function writeBehind<K, V>(options: WriteBehindOptions<K, V>): WriteBehind<K, V> {
  return new WriteBehindQueue(checkWriteBehindOptions(options));
}
