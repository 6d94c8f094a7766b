import { describe, expect, it } from 'vitest';
import { type CacheName, caches, hitsOf } from '../../bench/hit-ratio/replay.js';
import { makeWorkload } from '../../bench/hit-ratio/workloads.js';

/**
 * By workload and capacity: how many points of a hundred each cache is above LruCache, at least. What was measured, less
 * a point or two, and more where there is much to lose; workloads and caches come out the same each time.
 */
const floors: Record<string, Record<number, Partial<Record<CacheName, number>>>> = {
  zipf: {
    200: { TinyLfuCache: 9.5, LfuCache: 1.5, ClockCache: 0 },
    1000: { TinyLfuCache: 6.5, LfuCache: 1.5, ClockCache: 0 },
    5000: { TinyLfuCache: -0.5 },
  },
  scan: {
    200: { TinyLfuCache: 5, LfuCache: 0.5, ClockCache: 0 },
    1000: { TinyLfuCache: 6, LfuCache: 1, ClockCache: -0.5 },
    12000: { TinyLfuCache: -0.5 },
  },
  loop: {
    500: { TinyLfuCache: 28, LfuCache: 0, ClockCache: 0 },
    1000: { TinyLfuCache: 55, LfuCache: 0, ClockCache: 0 },
  },
  shifting: {
    200: { TinyLfuCache: -1, LfuCache: -3, ClockCache: 0 },
    1000: { TinyLfuCache: -1, LfuCache: -8, ClockCache: -1.5 },
    2000: { TinyLfuCache: -2 }, // full only after eight requests an entry: what it promotes then is out of date soon
  },
  recency: {
    200: { TinyLfuCache: -0.5, LfuCache: -1, ClockCache: -1 },
    1000: { TinyLfuCache: -0.5, LfuCache: -1, ClockCache: -1 },
  },
  // With room for 5,000 and 12,000 most of the log is a cold start: it is 20 and 8 times as long.
  news: {
    500: { TinyLfuCache: -0.5 },
    2000: { TinyLfuCache: -1 },
    5000: { TinyLfuCache: -1.5 },
    12000: { TinyLfuCache: -1.5 },
  },
  bursts: {
    500: { TinyLfuCache: -0.5 },
    1000: { TinyLfuCache: -2 }, // as ClockCache, which is 1.7 points below: an LRU window with marks is a clock
    2000: { TinyLfuCache: -0.5 },
    12000: { TinyLfuCache: -1 },
  },
  zigzag: {
    200: { TinyLfuCache: -1 },
    500: { TinyLfuCache: -1 },
    2000: { TinyLfuCache: -1.5 }, // ClockCache is 30 points below, so the tuner must leave the LRU window soon
  },
};

describe.each(Object.entries(floors))('hit ratio on the workload "%s"', (workload, byCapacity) => {
  const trace = makeWorkload(workload);
  const percent = (name: CacheName, capacity: number) =>
    (100 * hitsOf(caches[name](capacity), trace)) / trace.requests.length;

  it.each(Object.entries(byCapacity))('with room for %s', (capacity, expected) => {
    const lru = percent('LruCache', Number(capacity));
    for (const [name, points] of Object.entries(expected)) {
      const above = percent(name as CacheName, Number(capacity)) - lru;
      expect(above, `${name}, LruCache ${lru.toFixed(1)} %`).toBeGreaterThanOrEqual(points);
    }
  });
});

it('LRU has no hit at all where keys come round in a circle just longer than the cache', () => {
  expect(hitsOf(caches.LruCache(1_000), makeWorkload('loop'))).toBe(0);
});
