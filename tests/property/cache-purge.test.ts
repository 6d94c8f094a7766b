import { FifoCache, LfuCache, LruCache, TtlCache } from 'breakwater/cache';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../support/runs.js';

const key = fc.nat(8);
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('set' as const), key, ttl: fc.constantFrom(7, 13, 50, Infinity) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'delete' as const), key }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 5, 10, 25) }) },
);

// Without ClockCache and RandomCache, whose evictions depend on which slots are free.
const CACHES = [LruCache, LfuCache, FifoCache, TtlCache].map((Cache) => [Cache.name, Cache] as const);

it.each(CACHES)('%s: purging in the background changes only the time of the removals', async (_name, Cache) => {
  let purged = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: 'max' }),
      fc.constantFrom(3, 10, 40),
      fc.boolean(),
      async (steps, purgeEvery, touchOnGet) => {
        const clock = new TestClock();
        const options = { capacity: 4, ttl: 20, touchOnGet, clock };
        const [lazy, eager] = [
          new Cache<number, number>(options),
          new Cache<number, number>({ ...options, purgeEvery }),
        ];
        for (const [at, each] of steps.entries()) {
          if (each.do === 'wait') await clock.advance(each.ms);
          for (const cache of [lazy, eager]) {
            if (each.do === 'set') cache.set(each.key, at, { ttl: each.ttl });
            else if (each.do !== 'wait') cache[each.do](each.key);
          }
          expect(clock.pendingTimers).toBeLessThanOrEqual(1);
        }
        purged += eager.stats.expirations - lazy.stats.expirations;
        expect([...eager]).toEqual([...lazy]);
        expect(eager.stats).toEqual(lazy.stats); // both have been purged now
        await clock.advance(50 + purgeEvery);
        expect(clock.pendingTimers).toBe(0);
      },
    ),
    { numRuns: runs(200) },
  );
  expect(purged).toBeGreaterThan(0);
});
