/** What the benchmarks of loading caches share: the candidates, each full of values that are fresh for an hour. */

import { createCache } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { LruCache } from 'breakwater/cache';
import { loadingCache } from 'breakwater/loading-cache';
import { createCache as createManager } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { LRUCache } from 'lru-cache';
import { type Candidate, type Candidates, floor, ours, type Prepare, peer } from './bench.js';
import { drawnKeys, ENTRIES, type Key, OPERATIONS } from './caches.js';

const HOUR_MS = 3_600_000;

/** Gives the value of a key, loading it if it is not there. */
type Read = (key: Key) => number | undefined | PromiseLike<number | undefined>;

const load = async (): Promise<number> => 1;

/** So many reads, one after the other, as a service would make them: each is waited for. */
const reads =
  (make: () => Read): Prepare =>
  async () => {
    const { first, asked } = drawnKeys();
    const read = make();
    for (const key of first) await read(key);
    let from = 0;
    return async () => {
      from = from === asked.length ? OPERATIONS : from + OPERATIONS;
      let sum = 0;
      for (let i = from - OPERATIONS; i < from; i++) sum += (await read(asked[i]!)) ?? 0;
      return sum;
    };
  };

const lru = (ttl: number | undefined) => (): Read => {
  const cache = new LruCache<Key, number>({ capacity: ENTRIES, ttl });
  return (key) => cache.getOrInsert(key, 1);
};

const FLOOR = 'LruCache.get, awaited';
/** A value that expires asks for the time with each read: that is what this one is for. */
const FLOOR_WITH_TTL = 'LruCache.get, ttl, awaited';
export const YARDSTICK = 'lru-cache fetch';

export const candidates: Candidates<Prepare> = {
  [FLOOR]: floor(reads(lru(undefined))),
  'loadingCache.get': {
    ...ours(
      reads(() => {
        const cache = loadingCache<Key, number>({ load, capacity: ENTRIES });
        return (key) => cache.get(key);
      }),
    ),
    targets: { floor: 1.4, peers: { [YARDSTICK]: 1 } },
  },
  'loadingCache.get, ttl': {
    ...ours(
      reads(() => {
        const cache = loadingCache<Key, number>({ load, capacity: ENTRIES, ttl: HOUR_MS });
        return (key) => cache.get(key);
      }),
    ),
    targets: { floor: 1.7, peers: { [YARDSTICK]: 1 } },
  },
  'loadingCache.getSync, ttl': {
    ...ours(
      reads(() => {
        const cache = loadingCache<Key, number>({ load, capacity: ENTRIES, ttl: HOUR_MS });
        return (key) => cache.getSync(key) ?? cache.get(key);
      }),
    ),
    targets: { floor: 1.7 },
  },
  [FLOOR_WITH_TTL]: ours(reads(lru(HOUR_MS))),
  [YARDSTICK]: peer(
    reads(() => {
      const cache = new LRUCache<Key, number>({ max: ENTRIES, ttl: HOUR_MS, fetchMethod: load });
      return (key) => cache.fetch(key);
    }),
  ),
  'async-cache-dedupe': peer(
    reads(() => {
      const cache = createCache({ ttl: 3600, storage: { type: 'memory', options: { size: ENTRIES } } });
      const read = cache.define('read', load) as unknown as { read: Read };
      return (key) => read.read(key);
    }),
  ),
  bentocache: peer(
    reads(() => {
      const bento = new BentoCache({
        default: 'memory',
        ttl: '1h',
        stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: ENTRIES, serialize: false })) },
      });
      return (key) => bento.getOrSet({ key: String(key), factory: load });
    }),
  ),
  'cacheable getOrSet': peer(
    reads(() => {
      const cache = new Cacheable({ ttl: HOUR_MS });
      return (key) => cache.getOrSet(String(key), load);
    }),
  ),
  'cache-manager wrap': peer(
    reads(() => {
      const cache = createManager({ ttl: HOUR_MS });
      return (key) => cache.wrap(String(key), load);
    }),
  ),
} satisfies Record<string, Candidate<Prepare>>;
