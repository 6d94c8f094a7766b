import { isDeepStrictEqual } from 'node:util';
import type { Cache } from 'breakwater/cache';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CACHES } from '../cache/caches.js';
import { ManualClock } from '../support/manual-clock.js';
import { runs } from '../support/runs.js';
import { rules } from './models/cache-steps.js';

const REACTIONS = ['set it', 'set another', 'delete', 'clear', 'resize', 'compute', 'restore'] as const;
type Reaction = (typeof REACTIONS)[number];
type Step =
  | { readonly do: 'set'; readonly key: number; readonly ttl: number | undefined }
  | { readonly do: 'compute'; readonly key: number }
  | { readonly do: 'get' | 'peek' | 'has' | 'delete'; readonly key: number }
  /** A key that is used `times` times, and `times` keys that are used once each. */
  | { readonly do: 'favour'; readonly key: number; readonly times: number }
  | { readonly do: 'scan'; readonly times: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'resize'; readonly to: number }
  | { readonly do: 'clear' }
  | { readonly do: 'restore' }
  | { readonly do: 'react'; readonly reactions: readonly Reaction[] };

const key = fc.oneof(fc.nat(6), fc.nat(60));
const ttl = fc.constantFrom(undefined, undefined, 1, 10, 50, Infinity);
const times = fc.nat(150);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(key, ttl).map(([key, ttl]): Step => ({ do: 'set', key, ttl })) },
  { weight: 4, arbitrary: key.map((key): Step => ({ do: 'compute', key })) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom(...(['get', 'get', 'peek', 'has', 'delete'] as const)), key }),
  },
  { weight: 1, arbitrary: fc.tuple(key, times).map(([key, times]): Step => ({ do: 'favour', key, times })) },
  { weight: 1, arbitrary: times.map((times): Step => ({ do: 'scan', times })) },
  { weight: 3, arbitrary: fc.constantFrom(1, 5, 20, -5).map((ms): Step => ({ do: 'wait', ms })) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 40 }).map((to): Step => ({ do: 'resize', to })) },
  { weight: 1, arbitrary: fc.constantFrom<Step>({ do: 'clear' }, { do: 'restore' }, { do: 'restore' }) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom(...REACTIONS), { minLength: 1, maxLength: 4 })
      .map((reactions): Step => ({ do: 'react', reactions })),
  },
);

/** Stores each value once only, so that its removal can be identified. */
class RemovalLog {
  readonly #cache: Cache<number, number>;
  #values = 0;
  /** The last value under each key. */
  readonly last = new Map<number, number>();
  /** The values that were stored, and the reported removals with their reasons. */
  readonly stored = new Set<number>();
  readonly reported = new Map<number, string>();
  readonly reasons = new Map<string, number>();
  readonly reactions: Reaction[] = [];

  constructor(cache: Cache<number, number>) {
    this.#cache = cache;
    cache.on('remove', ({ key, value, reason }) => {
      const before = this.reported.get(value);
      if (before !== undefined) throw new Error(`${value} has left twice: ${before}, ${reason}`);
      this.reported.set(value, reason);
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      const reaction = this.reactions.shift();
      if (reaction !== undefined) this.#react(reaction, key);
    });
  }

  #newValue(key: number): number {
    const value = ++this.#values;
    this.last.set(key, value);
    this.stored.add(value);
    return value;
  }

  set(key: number, ttl?: number): void {
    this.#cache.set(key, this.#newValue(key), { ttl });
  }

  compute(key: number): void {
    this.#cache.getOrInsertComputed(key, () => this.#newValue(key));
  }

  /** All entries are removed, and the restored ones have new values. Listeners do nothing before the entries are restored. */
  restore(): void {
    const reactions = this.reactions.splice(0);
    const dump = this.#cache.dump();
    const entries = dump.entries.map(({ weight: _, ...entry }) => ({ ...entry, value: this.#newValue(entry.key) }));
    this.#cache.restore({ entries });
    this.reactions.push(...reactions);
  }

  #react(reaction: Reaction, key: number): void {
    if (reaction === 'set it') this.set(key);
    if (reaction === 'set another') this.set(1000);
    if (reaction === 'delete') this.#cache.delete(key + 1);
    if (reaction === 'clear') this.#cache.clear();
    if (reaction === 'resize') this.#cache.resize(2);
    if (reaction === 'compute') this.compute(key);
    if (reaction === 'restore') this.restore();
  }
}

describe.each(CACHES)('%s', (_name, make) => {
  it('the cache contains only the values that were set last, stays within its bounds and reports each removal once', () => {
    const happened = new Map<string, number>();
    fc.assert(
      fc.property(rules, fc.array(step, { maxLength: 60, size: 'max' }), (given, steps) => {
        const clock = new ManualClock(100);
        const { maxWeight, ...rest } = given;
        const weightOf = (value: number) => value % 6;
        const weights =
          maxWeight === undefined ? {} : { maxWeight, weigh: ({ value }: { value: number }) => weightOf(value) };
        const cache = make<number, number>({ ...rest, ...weights, clock });
        const removalLog = new RemovalLog(cache);

        for (const [at, each] of steps.entries()) {
          if (each.do === 'set') removalLog.set(each.key, each.ttl);
          else if (each.do === 'compute') removalLog.compute(each.key);
          else if (each.do === 'favour') for (let n = 0; n < each.times; n++) removalLog.compute(each.key);
          else if (each.do === 'scan') for (let n = 0; n < each.times; n++) removalLog.compute(2000 + 200 * at + n);
          else if (each.do === 'wait') clock.time += each.ms;
          else if (each.do === 'resize') cache.resize(each.to);
          else if (each.do === 'react') removalLog.reactions.push(...each.reactions);
          else if (each.do === 'clear') cache.clear();
          else if (each.do === 'restore') removalLog.restore();
          else {
            const value = cache[each.do](each.key);
            if (typeof value === 'number') expect(value).toBe(removalLog.last.get(each.key));
          }

          const entries = [...cache];
          const keys = entries.map(([key]) => key);
          const weight = entries.reduce((sum, [, value]) => sum + (maxWeight === undefined ? 1 : weightOf(value)), 0);
          const { reported, stored, last } = removalLog;
          const seen = {
            values: entries.map(([, value]) => value),
            unique: new Set(keys).size,
            counted: [cache.size, cache.weight],
            inBounds: [cache.size <= cache.capacity, cache.weight <= (maxWeight ?? Infinity)],
            reportedAndPresent: entries.filter(([, value]) => reported.has(value)),
            // Each stored value is in the cache or was reported, because no value here is too heavy.
            balance: stored.size - reported.size,
            stores: cache.stats.inserts + cache.stats.updates,
            removals: [cache.stats.evictions, cache.stats.expirations, cache.stats.updates],
            found: keys.every((key) => cache.has(key) && cache.peek(key) === last.get(key)),
          };
          const expected: typeof seen = {
            values: keys.map((key) => last.get(key) ?? Number.NaN),
            unique: keys.length,
            counted: [keys.length, weight],
            inBounds: [true, true],
            reportedAndPresent: [],
            balance: keys.length,
            stores: stored.size,
            removals: ['evicted', 'expired', 'replaced'].map((reason) => removalLog.reasons.get(reason) ?? 0),
            found: true,
          };
          if (!isDeepStrictEqual(seen, expected)) expect(seen, `step ${at}: ${JSON.stringify(each)}`).toEqual(expected);
          happened.set(each.do, (happened.get(each.do) ?? 0) + 1);
        }
        for (const [reason, times] of removalLog.reasons) happened.set(reason, (happened.get(reason) ?? 0) + times);
      }),
      { numRuns: runs(2000) },
    );
    for (const what of ['evicted', 'expired', 'deleted', 'replaced', 'cleared', 'favour', 'scan', 'react', 'restore']) {
      expect(happened.get(what), what).toBeGreaterThan(runs(100));
    }
  });
});
