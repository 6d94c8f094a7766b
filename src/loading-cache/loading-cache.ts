import type { LoadingCache } from './contract.js';
import { LoadingCacheImpl } from './loader-cache.js';
import { checkLoadingOptions, type LoadingCacheOptions, readLoadingOptions, type WithLoad } from './options.js';
import { createSource } from './create-source.js';

/**
 * A cache in front of something slow: it loads what it has not, once for however many ask.
 *
 * Picture one flight for each key that is missing. Whoever asks for the key boards it, may leave again by his own signal,
 * and is told how it ended; when the last one has left, the load is aborted. A load is kept only if nothing newer has
 * happened to its key since it began, so a slow one never overwrites a newer value and never brings back what was
 * deleted; those who waited for it have an answer all the same.
 *
 * O(1) a read, one lookup and one promise for a fresh value. No timer runs but while somebody waits.
 *
 * A loader that waits for its own key waits for itself; `hardTimeout` ends that.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const users = loadingCache({
 *   load: async (id: number, { signal }) => (await fetch(`https://example.com/users/${id}`, { signal })).json(),
 *   capacity: 10_000,
 *   ttl: '1m',
 *   staleWhileRevalidate: '10m',
 * });
 * console.log(await users.get(7));
 * ```
 */
export function loadingCache<K, V>(options: WithLoad<K, V, LoadingCacheOptions<K, V>>): LoadingCache<K, V>;
export function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V>;
export function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V> {
  const owner = 'loadingCache';
  const own = readLoadingOptions(owner, options);
  const settings = checkLoadingOptions(owner, own);
  return new LoadingCacheImpl(owner, own, settings, createSource(owner, own, settings.clock));
}
