import { seededRandom } from 'breakwater/testing';
import { cacheBench, ENTRIES, keys, OPERATIONS, sequenceLength } from './caches.js';
import { zipfRanks } from './hit-ratio/workloads.js';

/**
 * What a service does: `get`, on a miss `set`, and one request in ten writes. Ten times as many keys as there is room
 * for, some more popular than others. Whoever has more hits has less to do.
 */
export const bench = cacheBench({
  unit: 'request',
  keys: () => {
    const random = seededRandom(1);
    const ranked = shuffled(keys(10 * ENTRIES), random); // popular keys are not neighbours in memory
    const rank = zipfRanks(random, ranked.length, 0.99);
    const asked = Array.from({ length: sequenceLength(16) }, () => ranked[rank()]!);
    return { first: ranked.slice(0, ENTRIES), asked };
  },
  batch: (cache, asked, from) => {
    let sum = 0;
    for (let i = from; i < from + OPERATIONS; i++) {
      const key = asked[i]!;
      const value = i % 10 === 0 ? undefined : cache.get(key);
      if (value === undefined) cache.set(key, i);
      else sum += value;
    }
    return sum;
  },
  expected: { LruCache: 1, TinyLfuCache: 1.2 },
});

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    [items[i], items[other]] = [items[other]!, items[i]!];
  }
  return items;
}
