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

/** Every cache there is: what holds for one of them holds for all. */
export const CACHES: readonly (readonly [name: string, make: Make])[] = [
  ['LruCache', (options) => new LruCache(options)],
  ['LfuCache', (options) => new LfuCache(options)],
  ['FifoCache', (options) => new FifoCache(options)],
  ['RandomCache', (options) => new RandomCache({ random: seededRandom(1), ...options })],
  ['ClockCache', (options) => new ClockCache(options)],
  ['TinyLfuCache', (options) => new TinyLfuCache(options)],
  ['TtlCache', (options) => new TtlCache({ ...options, ttl: options?.ttl === undefined ? Infinity : options.ttl })],
];

/** What has been removed from a cache so far. */
export function removalsOf<K, V>(cache: Cache<K, V>): CacheEvents<K, V>['remove'][] {
  const removals: CacheEvents<K, V>['remove'][] = [];
  cache.on('remove', (removal) => removals.push(removal));
  return removals;
}

/** `key=value reason`, for each removal so far. */
export function toldOf<K, V>(cache: Cache<K, V>): string[] {
  const told: string[] = [];
  cache.on('remove', ({ key, value, reason }) => told.push(`${String(key)}=${String(value)} ${reason}`));
  return told;
}
