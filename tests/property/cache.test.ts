import { isDeepStrictEqual } from 'node:util';
import {
  type Cache,
  type CacheDump,
  type CacheOptions,
  ClockCache,
  FifoCache,
  LfuCache,
  LruCache,
  RandomCache,
  TtlCache,
} from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { runs } from '../support/runs.js';
import { catchUncaught } from '../support/uncaught.js';
import { describeRemoval, keyOf, perform, type Reaction, react, rules, type Step, step } from './models/cache-steps.js';
import type { NaiveCache, NaiveRules, Side } from './models/naive-cache.js';
import { NaiveClock, NaiveFifo, NaiveLfu, NaiveLru, NaiveRandom, NaiveTtl } from './models/naive-caches.js';

interface Pair {
  real(options: CacheOptions<unknown, number>): Cache<unknown, number>;
  naive(rules: NaiveRules, now: () => number): NaiveCache;
}

const PAIRS: Record<string, (seed: number) => Pair> = {
  LruCache: () => ({ real: (options) => new LruCache(options), naive: (...args) => new NaiveLru(...args) }),
  LfuCache: () => ({ real: (options) => new LfuCache(options), naive: (...args) => new NaiveLfu(...args) }),
  FifoCache: () => ({ real: (options) => new FifoCache(options), naive: (...args) => new NaiveFifo(...args) }),
  ClockCache: () => ({ real: (options) => new ClockCache(options), naive: (...args) => new NaiveClock(...args) }),
  TtlCache: () => ({
    real: (options) => new TtlCache({ ...options, ttl: options.ttl ?? Infinity }),
    naive: (...args) => new NaiveTtl(...args),
  }),
  RandomCache: (seed) => {
    const [random, sameRandom] = [seededRandom(seed), seededRandom(seed)];
    return {
      real: (options) => new RandomCache({ ...options, random }),
      naive: (...args) => new NaiveRandom(...args, sameRandom),
    };
  },
};

/** A cache or its model, with the events that its listener received and its next reactions. */
interface Listening {
  side: Side;
  readonly received: string[];
  reactions: Reaction[];
}

function receive(listening: Listening, key: unknown, value: number, reason: string): void {
  listening.received.push(describeRemoval(key, value, reason));
  const reaction = listening.reactions.shift();
  if (reaction !== undefined) react(listening.side, reaction, key);
}

function setUp(pair: Pair, given: NaiveRules, clock: ManualClock): [real: Listening, naive: Listening] {
  const { maxWeight, ...rest } = given;
  const scales = maxWeight === undefined ? {} : { maxWeight, weigh: ({ value }: { value: number }) => value };
  const real = pair.real({ ...rest, ...scales, clock });
  const naive = pair.naive(given, () => clock.now());
  const listening = (side: Side): Listening => ({ side, received: [], reactions: [] });
  const both = [listening(real), listening(naive)] as const;
  real.on('remove', ({ key, value, reason }) => receive(both[0], key, value, reason));
  naive.onRemove = (key, value, reason) => {
    try {
      receive(both[1], key, value, reason);
    } catch {} // an error of a listener changes nothing
  };
  return [...both];
}

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value));

describe.each(Object.entries(PAIRS))('%s', (_name, pairOf) => {
  it('the cache behaves like a naive model for any commands, expirations and moves, and with any listeners', async () => {
    using uncaught = catchUncaught();
    const happened = new Map<string, number>();
    const count = (what: string) => happened.set(what, (happened.get(what) ?? 0) + 1);
    await fc.assert(
      fc.asyncProperty(
        rules,
        fc.array(step, { maxLength: 80, size: 'max' }),
        fc.nat(),
        fc.boolean(),
        async (given, steps, seed, looksAlways) => {
          const clock = new ManualClock(1000);
          const pair = pairOf(seed);
          let both = setUp(pair, given, clock);
          const keys = (number: number) => keyOf(number, given.capacity);
          const compare = (view: (listening: Listening) => unknown, what: string) => {
            const [seen, expected] = both.map(view);
            // `expect` alone would take most of the time.
            if (!isDeepStrictEqual(seen, expected)) expect(seen, what).toEqual(expected);
          };

          for (const [at, each] of steps.entries()) {
            const what = `step ${at}: ${JSON.stringify(each)}`;
            const legal = given.maxWeight === undefined && each.do === 'set' ? withoutWeight(each) : each;
            if (legal.do === 'wait') clock.time += legal.ms;
            if (legal.do === 'react') for (const one of both) one.reactions.push(...legal.reactions);
            if (legal.do === 'move') both = move(both, legal, (capacity) => setUp(pair, { ...given, capacity }, clock));
            else compare(({ side }) => perform(side, legal, keys), what);
            compare(({ side, received }) => [side.stats, received], what); // this comparison changes nothing
            if (looksAlways || legal.do === 'look' || at === steps.length - 1) {
              compare(({ side }) => [side.dump(), side.size, side.weight, [...side], side.capacity], what);
            }
            count(each.do);
            for (const event of both[0].received) count(event.split(' ').at(-1)!);
            for (const { received } of both) received.length = 0;
          }
        },
      ),
      { numRuns: runs(2000) },
    );
    expect(uncaught.errors.every((error) => (error as Error).message === 'the listener failed')).toBe(true);
    const rare = ['evicted', 'expired', 'deleted', 'replaced', 'cleared', 'move', 'walk', 'resize', 'react', 'compute'];
    for (const what of rare) expect(happened.get(what), what).toBeGreaterThan(runs(1000));
  });
});

const withoutWeight = ({ weight: _, ...each }: Step & { do: 'set' }): Step => each;

/** Restores the entries of both sides in new caches, or in the same caches. */
function move(
  both: readonly [Listening, Listening],
  { to, asJson }: Step & { do: 'move' },
  make: (capacity: number) => [Listening, Listening],
): [Listening, Listening] {
  const dumps = both.map(({ side }) => side.dump());
  const next = to === 'itself' ? both : make(to);
  for (const [n, { side }] of next.entries()) {
    const dump = dumps[n] as CacheDump<unknown, number>;
    side.restore(asJson ? throughJson(dump) : dump);
  }
  return [...next];
}
