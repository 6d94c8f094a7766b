import {
  type Cache,
  type CacheEvents,
  type CacheOptions,
  ClockCache,
  FifoCache,
  LfuCache,
  LruCache,
  RandomCache,
  TinyLfuCache,
  TtlCache,
} from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';

export type Make = <K, V>(options: CacheOptions<K, V>) => Cache<K, V>;

/** All caches. Each test over this list states a rule of every cache. */
export const CACHES: readonly (readonly [name: string, make: Make])[] = [
  ['LruCache', (options) => new LruCache(options)],
  ['LfuCache', (options) => new LfuCache(options)],
  ['FifoCache', (options) => new FifoCache(options)],
  ['RandomCache', (options) => new RandomCache({ random: seededRandom(1), ...options })],
  ['ClockCache', (options) => new ClockCache(options)],
  ['TinyLfuCache', (options) => new TinyLfuCache(options)],
  ['TtlCache', (options) => new TtlCache({ ...options, ttl: options?.ttl === undefined ? Infinity : options.ttl })],
];

/** The removals of a cache, in order. Later removals are appended. */
export function removalsOf<K, V>(cache: Cache<K, V>): CacheEvents<K, V>['remove'][] {
  const removals: CacheEvents<K, V>['remove'][] = [];
  cache.on('remove', (removal) => removals.push(removal));
  return removals;
}

/** The removals of a cache as `key=value reason`. Later removals are appended. */
export function removalTextsOf<K, V>(cache: Cache<K, V>): string[] {
  const removals: string[] = [];
  cache.on('remove', ({ key, value, reason }) => removals.push(`${String(key)}=${String(value)} ${reason}`));
  return removals;
}
