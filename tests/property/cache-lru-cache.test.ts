import { isDeepStrictEqual } from 'node:util';
import { LruCache, type RemoveReason } from 'breakwater/cache';
import fc from 'fast-check';
import { LRUCache } from 'lru-cache';
import { expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { runs } from '../support/runs.js';

type Key = number | string;
type Step =
  | { readonly do: 'set'; readonly key: Key; readonly value: number; readonly ttl: number | undefined }
  | { readonly do: 'get' | 'peek' | 'has' | 'delete'; readonly key: Key }
  | { readonly do: 'clear' }
  | { readonly do: 'wait'; readonly ms: number };

const key = fc.oneof(fc.nat(12), fc.constantFrom('1', '2', '__proto__', 'constructor', Number.NaN));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('set' as const),
      key,
      value: fc.integer({ min: 1, max: 6 }),
      // Never due at a time that is compared, where the two caches differ (see below).
      ttl: fc.constantFrom(undefined, undefined, 15, 25, 105, Infinity),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom(...(['get', 'get', 'get', 'peek', 'has', 'delete'] as const)),
      key,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 10, 20, 100) }),
  },
  { weight: 1, arbitrary: fc.nat(4).map((n): Step => (n === 0 ? { do: 'clear' } : { do: 'wait', ms: 10 })) },
);

interface Settings {
  readonly capacity: number;
  readonly ttl: number | undefined;
  readonly touchOnGet: boolean;
  readonly maxWeight: number | undefined;
}

/** The operations that both caches have, in the terms of this package. */
interface Side {
  readonly removed: string[];
  purge(): void;
  perform(step: Step): unknown;
  view(): unknown;
}

function breakwaterSide({ capacity, ttl, touchOnGet, maxWeight }: Settings, clock: ManualClock): Side {
  const weights = maxWeight === undefined ? {} : { maxWeight, weigh: ({ value }: { value: number }) => value };
  const cache = new LruCache<Key, number>({ capacity, ttl, touchOnGet, clock, ...weights });
  const removed: string[] = [];
  cache.on('remove', ({ key, value, reason }) => removed.push(`${typeof key} ${key}=${value} ${reason}`));
  return {
    removed,
    purge: () => cache.purgeExpired(),
    perform(each) {
      if (each.do === 'set') return void cache.set(each.key, each.value, { ttl: each.ttl });
      if (each.do === 'clear') return cache.clear();
      return each.do === 'wait' ? undefined : cache[each.do](each.key);
    },
    view() {
      const left = [...cache.keys()].map((key) => cache.expiresInMs(key));
      const weight = maxWeight === undefined ? 0 : cache.weight;
      return [[...cache.keys()], [...cache.values()], [...cache], cache.size, weight, left];
    },
  };
}

const REASONS: Readonly<Record<string, RemoveReason>> = {
  evict: 'evicted',
  set: 'replaced',
  delete: 'deleted',
  expire: 'expired',
};

function peerSide({ capacity, ttl, touchOnGet, maxWeight }: Settings, clock: ManualClock): Side {
  const removed: string[] = [];
  let isClearing = false;
  const cache = new LRUCache<Key, number>({
    max: capacity,
    ttl: ttl ?? 0, // 0 means no TTL in lru-cache
    ttlResolution: 0,
    updateAgeOnGet: touchOnGet,
    perf: clock,
    ...(maxWeight !== undefined && { maxSize: maxWeight, sizeCalculation: (value: number) => value }),
    disposeAfter: (value, key, reason) =>
      removed.push(`${typeof key} ${key}=${value} ${isClearing ? 'cleared' : REASONS[reason]}`),
  });
  return {
    removed,
    purge: () => cache.purgeStale(),
    perform(each) {
      if (each.do === 'set') {
        const never = each.ttl === Infinity ? 0 : each.ttl;
        return void cache.set(each.key, each.value, each.ttl === undefined ? {} : { ttl: never as number });
      }
      if (each.do === 'clear') {
        isClearing = true;
        cache.clear();
        isClearing = false;
        return undefined;
      }
      return each.do === 'wait' ? undefined : cache[each.do](each.key);
    },
    view() {
      const left = [...cache.keys()].map((key) => cache.getRemainingTTL(key));
      return [[...cache.keys()], [...cache.values()], [...cache], cache.size, cache.calculatedSize, left];
    },
  };
}

/**
 * The comparison leaves out the intended differences: an entry whose age is its TTL to the millisecond (expired here, alive
 * in lru-cache), `set(key, undefined)` (a value here, a deletion in lru-cache), and the eviction order after an expiration
 * (the expired entry here, the least recently used one in lru-cache). Therefore both are purged before each command.
 * Expirations at the same time are reported in another order there, and evictions in the same order.
 */
function compare(settings: fc.Arbitrary<Settings>, wanted: readonly RemoveReason[]): void {
  const happened = new Map<string, number>();
  fc.assert(
    fc.property(settings, fc.array(step, { maxLength: 80, size: 'max' }), (given, steps) => {
      const clock = new ManualClock(1); // at 0 nothing expires in lru-cache
      const sides = [breakwaterSide(given, clock), peerSide(given, clock)];
      for (const [at, each] of steps.entries()) {
        if (each.do === 'wait') clock.time += each.ms;
        const what = `step ${at}: ${JSON.stringify(each)}`;
        const legal = given.ttl === undefined && each.do === 'set' ? { ...each, ttl: undefined } : each;
        for (const { purge } of sides) purge();
        const results = sides.map(({ perform }) => perform(legal));
        const [seen, expected] = sides.map(({ view, removed }, n) => {
          const evicted = removed.filter((event) => event.endsWith('evicted'));
          return [results[n], view(), evicted, removed.toSorted()];
        });
        if (!isDeepStrictEqual(seen, expected)) expect(seen, what).toEqual(expected);
        for (const event of sides[0]!.removed) {
          const reason = event.split(' ').at(-1)!;
          happened.set(reason, (happened.get(reason) ?? 0) + 1);
        }
        for (const { removed } of sides) removed.length = 0;
      }
    }),
    { numRuns: runs(2000) },
  );
  for (const reason of wanted) expect(happened.get(reason), reason).toBeGreaterThan(runs(500));
}

const capacity = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.constantFrom(10, 16, 17));

it('lru-cache and LruCache contain the same entries in the same order and evict the same ones', () => {
  const settings = fc.record({
    capacity,
    ttl: fc.constant(undefined),
    touchOnGet: fc.boolean(),
    maxWeight: fc.constant(undefined),
  });
  compare(settings, ['evicted', 'deleted', 'replaced', 'cleared']);
});

it('lru-cache and LruCache agree when entries expire, are touched and have weights', () => {
  const settings = fc.record({
    capacity,
    ttl: fc.constantFrom(15, 35, 105),
    touchOnGet: fc.boolean(),
    maxWeight: fc.constantFrom(undefined, 5, 10, 20),
  });
  compare(settings, ['evicted', 'expired', 'deleted', 'replaced', 'cleared']);
});
