import { cacheBench, ENTRIES, keys, OPERATIONS, sequenceLength } from './caches.js';

/** `set` of a key that is not there, in a full cache. By the time a key comes round again it has long been forgotten. */
export const bench = cacheBench({
  unit: 'set and eviction',
  keys: () => {
    const asked = keys(sequenceLength(16));
    return { first: asked.slice(-ENTRIES), asked };
  },
  batch: (cache, asked, from) => {
    for (let i = from; i < from + OPERATIONS; i++) cache.set(asked[i]!, i);
    return from;
  },
  expected: { LruCache: 1, ClockCache: 0.9, TinyLfuCache: 1.5 },
});
