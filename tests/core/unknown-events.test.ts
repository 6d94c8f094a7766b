import {
  bulkhead,
  type CircuitBreaker,
  circuitBreaker,
  directoryShards,
  LoadBalancer,
  LruCache,
  loadingCache,
  pipeline,
  rateLimit,
  replicaRouter,
  retry,
  systemClock,
  TokenBucket,
  tiered,
  timeout,
  writeBehind,
  writeThrough,
} from 'breakwater';
import { describe, expect, it } from 'vitest';
import { MapStore } from '../tiered-cache/map-store.js';

const bucket = () => new TokenBucket({ capacity: 1, refill: 1, per: 1 });
const cache = () => new LruCache<string, number>({ capacity: 1 });
const write = async () => {};
const remove = write;

const sources: Record<string, { on: unknown }> = {
  retry: retry(),
  circuitBreaker: circuitBreaker(),
  timeout: timeout(1),
  bulkhead: bulkhead({ maxConcurrent: 1 }),
  pipeline: pipeline(retry()),
  rateLimit: rateLimit(bucket()),
  LruCache: cache(),
  LoadBalancer: new LoadBalancer(['a']),
  loadingCache: loadingCache({ load: async () => 1, capacity: 1 }),
  tiered: tiered(cache(), new MapStore(systemClock), { load: async () => 1 }),
  writeThrough: writeThrough({ write, remove, cache: cache() }),
  writeBehind: writeBehind({ write, remove }),
  directoryShards: directoryShards({ entries: [['a', 'b']] }),
  replicaRouter: replicaRouter({ primary: 'a', replicas: ['b'] } as never),
};

describe('A listener for an unknown event', () => {
  it.each(Object.entries(sources))('%s rejects it', (_name, source) => {
    const on = (type: string) => (source as CircuitBreaker).on(type as never, () => {});
    for (const type of ['opened', '', 'constructor', undefined, 1]) {
      expect(() => on(type as string)).toThrow(/on: "type" must be one of '/);
    }
  });

  it('every documented event of tiered and writeBehind has listeners', () => {
    const tieredCache = sources.tiered as ReturnType<typeof tiered<number, string>>;
    for (const type of ['load', 'loadError', 'invalidate', 'secondTier'] as const) tieredCache.on(type, () => {})();
    const writer = sources.writeBehind as ReturnType<typeof writeBehind<string, number>>;
    for (const type of ['batch', 'failure', 'lost', 'journalError', 'cacheError'] as const) writer.on(type, () => {})();
  });
});
