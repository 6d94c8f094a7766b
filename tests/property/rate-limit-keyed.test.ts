/** A KeyedRateLimiter against a Map of limiters that keeps every key. */
import {
  allOf,
  FixedWindow,
  KeyedRateLimiter,
  type RateLimiter,
  type Reservation,
  TokenBucket,
} from 'breakwater/rate-limit';
import { TestClock } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITERS, type MakeLimiter } from '../rate-limit/limiters.js';
import { settle } from '../support/promises.js';
import { runs } from '../support/runs.js';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '__proto__', '');
const cost = fc.constantFrom(1, 1, 1, 2, 3, 0);
type Step =
  | { readonly do: 'tryAcquire' | 'peek' | 'refund'; readonly key: string; readonly cost: number }
  | { readonly do: 'acquire' | 'reserve'; readonly key: string; readonly cost: number; readonly maxWait: number }
  | { readonly do: 'abort' | 'cancel'; readonly pick: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'wait'; readonly ms: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('tryAcquire' as const, 'peek' as const, 'refund' as const), key, cost }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('acquire' as const, 'reserve' as const),
      key,
      cost,
      maxWait: fc.constantFrom(0, 5, Infinity),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('abort' as const, 'cancel' as const), pick: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.integer({ min: 1, max: 15_000 }).map((n) => n / 1000),
    }),
  },
);

const MAKERS: readonly (readonly [string, MakeLimiter])[] = [
  ...LIMITERS,
  [
    'allOf',
    (limits, clock) =>
      allOf(
        new TokenBucket({ capacity: limits.size, refill: limits.size, per: limits.per, clock }),
        new FixedWindow({ limit: 4, per: 7, clock }),
      ),
  ],
];

describe.each(MAKERS)('%s', (_name, make) => {
  it.each([1, 3, 20])('a keyed limiter decides like separate limiters, with room for %d keys', async (maxKeys) => {
    const happened = new Map<string, number>();
    const count = (what: string) => happened.set(what, (happened.get(what) ?? 0) + 1);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 3, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        fc.array(step, { maxLength: 60, size: 'max' }),
        async (size, per, steps) => {
          const clock = new TestClock();
          const makeOne = () => make({ size, per }, clock);
          const keyed = new KeyedRateLimiter(makeOne, { maxKeys, atLimit: 'reject' });
          const own = new Map<string, RateLimiter>();
          const of = (key: string) => {
            if (!own.has(key)) own.set(key, makeOne());
            return own.get(key)!;
          };
          const resets = () => [...own.values()].map((one) => idleInMs(one)).filter((ms) => ms > 0);
          const isRejected = (key: string, cost: number) =>
            cost > 0 && idleInMs(of(key)) === 0 && resets().length >= maxKeys;
          const same = (seen: unknown, expected: unknown, what: unknown) => {
            const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
            if (a !== b) expect(a, JSON.stringify(what)).toBe(b);
          };

          const granted: [string[], string[]] = [[], []];
          const aborts: AbortController[] = [];
          const reservations: [Reservation, Reservation][] = [];
          const acquire = (key: string, options: { cost: number; maxWait: number }) => {
            const controller = new AbortController();
            const id = aborts.push(controller);
            const { signal } = controller;
            const record = (side: string[]) => (decision: { allowed: boolean }) =>
              side.push(`${id} ${decision.allowed}`);
            keyed.acquire(key, { ...options, signal }).then(record(granted[0]), () => {});
            of(key)
              .acquire({ ...options, signal })
              .then(record(granted[1]), () => {});
          };

          for (const each of steps) {
            if (each.do === 'wait') await clock.advance(each.ms);
            else if (each.do === 'delete') {
              if (idleInMs(of(each.key)) === 0) keyed.delete(each.key); // a used limiter would be replaced by a new one
            } else if (each.do === 'abort') aborts[each.pick % Math.max(1, aborts.length)]?.abort();
            else if (each.do === 'cancel') {
              for (const one of reservations[each.pick % Math.max(1, reservations.length)] ?? []) one.cancel();
            } else if (each.do !== 'refund' && 'key' in each && isRejected(each.key, each.cost)) {
              count('rejected for lack of room');
              const { cost, key } = each;
              const decision =
                each.do === 'reserve' ? keyed.reserve(key, { cost }).decision : keyed.tryAcquire(key, cost);
              expect(decision).toMatchObject({ allowed: false, remaining: 0 });
              same(decision.retryAfterMs, Math.min(...resets()), each);
            } else if (each.do === 'refund') {
              keyed.refund(each.key, each.cost);
              of(each.key).refund(each.cost);
            } else if (each.do === 'acquire') acquire(each.key, { cost: each.cost, maxWait: each.maxWait });
            else if (each.do === 'reserve') {
              const options = { cost: each.cost, maxWait: each.maxWait };
              const pair: [Reservation, Reservation] = [
                keyed.reserve(each.key, options),
                of(each.key).reserve(options),
              ];
              same([pair[0].decision, pair[0].delayMs], [pair[1].decision, pair[1].delayMs], each);
              reservations.push(pair);
            } else if ('key' in each) same(keyed[each.do](each.key, each.cost), of(each.key)[each.do](each.cost), each);
            count(each.do);
            await settle();
            expect(keyed.size).toBeLessThanOrEqual(maxKeys);
            for (const [key, limiter] of own) {
              if (!isRejected(key, 1)) same(keyed.peek(key), limiter.peek(), [key, each]);
            }
            same(granted[0], granted[1], each);
          }
          await clock.advance(1e6);
          same(granted[0], granted[1], 'the end');
          expect(clock.pendingTimers).toBe(0);
        },
      ),
      { numRuns: runs(100) },
    );
    if (maxKeys < 20) expect(happened.get('rejected for lack of room')).toBeGreaterThan(runs(8));
    expect(happened.get('abort')).toBeGreaterThan(runs(30));
  });
});

function idleInMs(limiter: RateLimiter): number {
  return limiter.peek(0).resetAfterMs;
}
