import { ClockCache, FifoCache, LfuCache, LruCache, RandomCache, TinyLfuCache } from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import type { Key, Trace } from './trace.js';

/** As much of a cache as a replay needs. */
interface Replayed {
  get(key: Key): unknown;
  set(key: Key, value: true): unknown;
}

/** The same seed each time: the same log gives the same hits. */
const random = () => seededRandom(1);

/** Every cache whose choice depends on what was asked for. */
export const caches = {
  LruCache: (capacity) => new LruCache({ capacity }),
  FifoCache: (capacity) => new FifoCache({ capacity }),
  RandomCache: (capacity) => new RandomCache({ capacity, random: random() }),
  ClockCache: (capacity) => new ClockCache({ capacity }),
  LfuCache: (capacity) => new LfuCache({ capacity }),
  TinyLfuCache: (capacity) => new TinyLfuCache({ capacity }),
} satisfies Record<string, (capacity: number) => Replayed>;

export type CacheName = keyof typeof caches;

/** The one that all others are compared with. */
export const YARDSTICK = 'LruCache' satisfies CacheName;

/** What others call LRU. Ours must have exactly as many hits. */
export const lruCachePackage = (capacity: number): Replayed => new LRUCache<Key, true>({ max: capacity });

/** Asks for one key after the other, and stores what is not there: how often it was. */
export function hitsOf(cache: Replayed, { requests, keys }: Trace): number {
  let hits = 0;
  for (let i = 0; i < requests.length; i++) {
    const key = keys[requests[i]!]!;
    if (cache.get(key) === undefined) cache.set(key, true);
    else hits++;
  }
  return hits;
}
