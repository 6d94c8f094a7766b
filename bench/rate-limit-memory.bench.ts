import { KeyedRateLimiter, SlidingWindowLog, TokenBucket } from 'breakwater';
import { MemoryStore } from 'express-rate-limit';
import { RateLimiter as LimiterPackage } from 'limiter';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type Bench, floor, type Hold, ours, peer } from './bench.js';

let all: string[] | undefined;

/** Each key takes once. Made with the first, small one, which is not measured: the keys are their owner's. */
const eachKey =
  <L>(make: (count: number) => L, take: (limiter: L, key: string) => unknown): Hold =>
  (count) => {
    all ??= Array.from({ length: 1_000_000 }, (_, i) => `203.0.${i}`);
    const limiter = make(count);
    for (let i = 0; i < count; i++) take(limiter, all[i]!);
    return limiter;
  };

export const bench: Bench = {
  measured: 'memory',
  unit: 'key, not counting the key itself',
  count: 1_000_000,
  candidates: {
    'Map<string, number>': floor(
      eachKey(
        () => new Map<string, number>(),
        (map, key) => map.set(key, 1),
      ),
    ),
    'KeyedRateLimiter of TokenBucket': ours(
      eachKey(
        (maxKeys) => new KeyedRateLimiter(() => new TokenBucket({ capacity: 10, refill: 10, per: '1h' }), { maxKeys }),
        (limiter, key) => limiter.tryAcquire(key),
      ),
    ),
    'KeyedRateLimiter of SlidingWindowLog': {
      ...ours(
        eachKey(
          (maxKeys) => new KeyedRateLimiter(() => new SlidingWindowLog({ limit: 10, per: '1h' }), { maxKeys }),
          (limiter, key) => limiter.tryAcquire(key),
        ),
      ),
      targets: {}, // it keeps every call
    },
    'rate-limiter-flexible': {
      ...peer(
        eachKey(
          () => new RateLimiterMemory({ points: 10, duration: 3600 }),
          (limiter, key) => void limiter.consume(key),
        ),
      ),
      count: 100_000, // a timer each
    },
    limiter: {
      ...peer(
        eachKey(
          () => new Map<string, LimiterPackage>(),
          (map, key) => map.set(key, new LimiterPackage({ tokensPerInterval: 10, interval: 'hour' })),
        ),
      ),
      count: 100_000,
    },
    "express-rate-limit's store": peer(
      eachKey(
        () => {
          const store = new MemoryStore();
          store.init({ windowMs: 3_600_000 } as never);
          return store;
        },
        (store, key) => void store.increment(key),
      ),
    ),
  },
  targets: { bytes: 120, peers: { 'rate-limiter-flexible': 0.3 } },
  yardstick: 'rate-limiter-flexible',
};
