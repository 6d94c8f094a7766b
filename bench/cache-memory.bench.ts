import { type Bench, floor, type Hold } from './bench.js';
import { type Cache, everyCache, KEYS, type Key, keys, YARDSTICK } from './caches.js';

const COUNT = 1_000_000;

/** Made with the first, small cache, which is not measured: the keys are their owner's. */
let all: Key[] | undefined;

const full =
  (make: (capacity: number) => Cache): Hold =>
  (count) => {
    all ??= keys(COUNT);
    const cache = make(count);
    for (let i = 0; i < count; i++) cache.set(all[i]!, i);
    return cache;
  };

export const bench: Bench = {
  measured: 'memory',
  unit: `entry (${KEYS} for keys, not counted)`,
  count: COUNT,
  candidates: { Map: floor(full(() => new Map())), ...everyCache(full, { LruCache: { bytes: 54 } }) },
  yardstick: YARDSTICK,
};
