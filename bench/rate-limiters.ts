/** What the benchmarks of rate limiters share: the same rate for all, and a batch of decisions for a use. */
import Bottleneck from 'bottleneck';
import {
  FixedWindow,
  KeyedRateLimiter,
  LeakyBucket,
  type RateLimiter,
  SlidingWindowCounter,
  SlidingWindowLog,
  TokenBucket,
} from 'breakwater';
import { MemoryStore } from 'express-rate-limit';
import { RateLimiter as LimiterPackage } from 'limiter';
import pThrottle from 'p-throttle';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { type Candidate, floor, ours, type Prepare, peer } from './bench.js';

/** Decisions in one use: enough for its promise not to matter. */
export const DECISIONS = 256;

export const clockRead = floor<Prepare>(() => {
  let sum = 0;
  return async () => {
    for (let i = 0; i < DECISIONS; i++) sum += performance.now();
    return sum;
  };
});

/** One decision: whether it may pass, at once or by and by. */
export type Decide = () => unknown;

function batch(make: () => Decide): Prepare {
  return () => {
    const decide = make();
    return async () => {
      let last: unknown;
      for (let i = 0; i < DECISIONS; i++) last = decide();
      return last;
    };
  };
}

/** Likewise, where each answer has to be waited for. */
function batchOfPromises(make: () => () => PromiseLike<unknown>): Prepare {
  return () => {
    const decide = make();
    return async () => {
      let last: unknown;
      for (let i = 0; i < DECISIONS; i++) last = await decide();
      return last;
    };
  };
}

const tryOften =
  (limiter: RateLimiter): Decide =>
  () =>
    limiter.tryAcquire();

/** @param limit - how many pass in an hour: more than are asked for, or one. */
export function everyLimiter(limit: number): Record<string, Candidate<Prepare>> {
  const per = '1h';
  const used = <L extends RateLimiter>(limiter: L): L => {
    if (limit === 1) limiter.tryAcquire();
    return limiter;
  };
  const anHour = 3_600_000;
  return {
    TokenBucket: ours(batch(() => tryOften(used(new TokenBucket({ capacity: limit, refill: limit, per }))))),
    LeakyBucket: ours(batch(() => tryOften(used(new LeakyBucket({ capacity: limit, leak: limit, per }))))),
    FixedWindow: ours(batch(() => tryOften(used(new FixedWindow({ limit, per }))))),
    SlidingWindowCounter: ours(batch(() => tryOften(used(new SlidingWindowCounter({ limit, per }))))),
    // It keeps every call of its window: one that is soon over, where calls come by the million.
    SlidingWindowLog: ours(
      batch(() => tryOften(used(new SlidingWindowLog(limit === 1 ? { limit, per } : { limit: 100_000, per: '1ms' })))),
    ),
    'KeyedRateLimiter, 1 key': ours(
      batch(() => {
        const keyed = new KeyedRateLimiter(() => new TokenBucket({ capacity: limit, refill: limit, per }));
        if (limit === 1) keyed.tryAcquire('key');
        return () => keyed.tryAcquire('key');
      }),
    ),
    'rate-limiter-flexible': peer(
      batchOfPromises(() => {
        const limiter = new RateLimiterMemory({ points: limit, duration: anHour / 1000 });
        return () => limiter.consume('key').catch(() => false);
      }),
    ),
    'limiter, synchronous': peer(
      batch(() => {
        const limiter = new LimiterPackage({ tokensPerInterval: limit, interval: anHour });
        if (limit === 1) limiter.tryRemoveTokens(1);
        return () => limiter.tryRemoveTokens(1);
      }),
    ),
    "express-rate-limit's store": peer(
      batchOfPromises(() => {
        const store = new MemoryStore();
        store.init({ windowMs: anHour } as never);
        return () => store.increment('key');
      }),
    ),
  };
}

/** Those that cannot refuse, only wait. */
export const waiting: Record<string, Candidate<Prepare>> = {
  'p-throttle': peer(
    batchOfPromises(() => pThrottle({ limit: Number.MAX_SAFE_INTEGER, interval: 3_600_000 })(async () => true)),
  ),
  bottleneck: peer(
    batchOfPromises(() => {
      const limiter = new Bottleneck({ reservoir: Number.MAX_SAFE_INTEGER });
      return () => limiter.schedule(async () => true);
    }),
  ),
};
