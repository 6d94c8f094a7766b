import { cacheBench, drawnKeys, OPERATIONS } from './caches.js';

/** `get` of keys that are there, all equally likely. */
export const bench = cacheBench({
  unit: 'hit',
  keys: drawnKeys,
  batch: (cache, asked, from) => {
    let sum = 0;
    for (let i = from; i < from + OPERATIONS; i++) sum += cache.get(asked[i]!)!;
    return sum;
  },
  expected: { LruCache: 1, ClockCache: 0.85, TinyLfuCache: 0.95 },
});
