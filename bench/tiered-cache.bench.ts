import { type CacheStore, type StoredData, tiered } from 'breakwater/tiered-cache';
import { type Bench, floor, ours, type Prepare } from './bench.js';

/** How many keys the store has. */
const KEYS = Array.from({ length: 2_000 }, (_, number) => `key-${number}`);
const HOUR_MS = 3_600_000;
/** So small that a key which comes round again is not in it any more. */
const SMALL = 4;

/** A store in memory. Without `getMany` it is asked at once, with it at the end of the turn. */
function memoryStore(keeps: boolean): CacheStore {
  const kept = new Map<string, StoredData<string>>();
  return {
    get: async (key) => kept.get(key),
    getMany: async (keys) => keys.map((key) => kept.get(key)),
    set: async (key, data) => keeps && kept.set(key, { data, remainingMs: HOUR_MS }),
    delete: async (key) => kept.delete(key),
    deleteMatching: async () => kept.clear(),
  };
}

/** One read after the other, of all keys in turn; the store has them all, unless it keeps nothing. */
const reads =
  (capacity: number, store: CacheStore): Prepare =>
  async () => {
    const load = async (key: string): Promise<string> => key;
    const before = tiered({ capacity: KEYS.length }, store, { load, ttl: '1h' });
    const cache = capacity < KEYS.length ? tiered({ capacity }, store, { load, ttl: '1h' }) : before;
    await before.getMany(KEYS);
    await before.onIdle();
    let next = 0;
    return () => cache.get(KEYS[next++ % KEYS.length] as string);
  };

const single = (store: CacheStore): CacheStore => ({ ...store, getMany: undefined });

/** Reads of two tiers, one at a time, with a store in memory: what is measured is the way to the store and back. */
export const bench: Bench = {
  unit: 'read',
  candidates: {
    'the store by itself': floor(async () => {
      const store = memoryStore(true);
      const context = { signal: new AbortController().signal };
      for (const key of KEYS) await store.set(key, JSON.stringify(key), { ttlMs: HOUR_MS, tags: [] }, context);
      let next = 0;
      return async () => {
        const found = await store.get(KEYS[next++ % KEYS.length] as string, context);
        return JSON.parse(found?.data as string);
      };
    }),
    'first-tier hit': { ...ours(reads(KEYS.length, memoryStore(true))), targets: { ns: 500 } },
    'second-tier hit': { ...ours(reads(SMALL, memoryStore(true))), targets: { ns: 15_000 } },
    'second-tier hit, no getMany': { ...ours(reads(SMALL, single(memoryStore(true)))), targets: { ns: 15_000 } },
    'miss in both': { ...ours(reads(SMALL, memoryStore(false))), targets: { ns: 20_000 } },
  },
};
