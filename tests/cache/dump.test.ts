import { InvalidOptionError } from 'breakwater';
import type { Cache, CacheDump, CacheOptions } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES, removalTextsOf } from './caches.js';

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value));

/** Malformed dumps, such as those read from a damaged file. */
const MALFORMED: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  'a string': 'entries',
  'an array': [],
  'no entries': {},
  'entries that are not an array': { entries: {} },
  'entries as text': { entries: 'abc' },
  'an entry that is null': { entries: [{ key: 'x', value: 1 }, null] },
  'an entry that is a pair': { entries: [['x', 1]] },
  'an entry without a key': { entries: [{ value: 1 }] },
  'a hole': { entries: new Array(2) },
  'a time that is text': { entries: [{ key: 'x', value: 1, expiresInMs: '5' }] },
  'a time below 0': { entries: [{ key: 'x', value: 1, expiresInMs: -1 }] },
  'a time that is NaN': { entries: [{ key: 'x', value: 1, expiresInMs: Number.NaN }] },
  'a time that is null': { entries: [{ key: 'x', value: 1, expiresInMs: null }] },
  'a ttl below 0': { entries: [{ key: 'x', value: 1, expiresInMs: 1, ttlMs: -5 }] },
  'a weight below 0': { entries: [{ key: 'x', value: 1, weight: -1 }] },
  'a weight that is text': { entries: [{ key: 'x', value: 1, weight: '1' }] },
  'an infinite weight': {
    entries: [
      { key: 'y', value: 1 },
      { key: 'x', value: 1, weight: Infinity },
    ],
  },
  'a weight that is NaN': { entries: [{ key: 'x', value: 1, weight: Number.NaN }] },
  'uses below 0': { entries: [{ key: 'x', value: 1, uses: -1 }] },
  'uses that are text': { entries: [{ key: 'x', value: 1, uses: '3' }] },
};

describe.each(CACHES)('%s', (_name, make) => {
  const setUp = (options: Partial<CacheOptions<string, number>> = {}) => {
    const clock = new ManualClock();
    const cache: Cache<string, number> = make({ capacity: 5, clock, ...options });
    return { clock, cache, removals: removalTextsOf(cache) };
  };
  const weighed = { maxWeight: 100, weigh: ({ value }: { value: number }) => value };

  it('dump returns the entries in eviction order as plain data', () => {
    const { cache } = setUp();
    cache.set('a', 1).set('b', 2).set('c', 3).get('a');
    const { entries } = cache.dump();
    expect(entries.map(({ key, value }) => [key, value])).toEqual([...cache]);
    for (const entry of entries) expect(entry).not.toHaveProperty('expiresInMs');
    for (const entry of entries) expect(entry).not.toHaveProperty('weight');
    expect(throughJson(entries)).toEqual(entries);
    expect(setUp().cache.dump()).toEqual({ entries: [] });
  });

  it('restore keeps the order of the entries', () => {
    const { cache } = setUp();
    for (const key of 'abcabdce') cache.getOrInsert(key, key.charCodeAt(0));
    const { cache: other } = setUp();
    other.restore(cache.dump());
    expect([...other]).toEqual([...cache]);
    expect(other.dump()).toEqual(cache.dump());
  });

  it('A dump is a copy that neither follows nor affects the cache', () => {
    const { cache } = setUp();
    cache.set('a', 1).set('b', 2);
    const dump = cache.dump();
    cache.set('a', 9).delete('b');
    expect(Object.fromEntries(dump.entries.map(({ key, value }) => [key, value]))).toEqual({ a: 1, b: 2 });
    const before = structuredClone(dump);
    const { cache: other } = setUp();
    other.restore(dump);
    expect(dump).toEqual(before);
    (dump.entries as unknown[]).length = 0;
    expect(other.size).toBe(2);
    other.restore(Object.freeze({ entries: Object.freeze(before.entries.map((entry) => Object.freeze(entry))) }));
    expect(other.size).toBe(2);
  });

  it('The remaining ttl of an entry continues from the moment of restore', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1, { ttl: 10 }).set('b', 2, { ttl: '30d' }).set('c', 3).set('gone', 4, { ttl: 5 });
    clock.time = 6;
    const dump = throughJson(cache.dump());
    const { cache: other, clock: otherClock } = setUp({ ttl: 1 });
    otherClock.time = 1_000_000;
    other.restore(dump);
    const left = ['a', 'b', 'c', 'gone'].map((key) => other.expiresInMs(key));
    expect(left).toEqual([4, 30 * 86_400_000 - 6, Infinity, undefined]);
    otherClock.time += 4;
    expect([...other.keys()].sort()).toEqual(['b', 'c']);
  });

  it('A dump keeps the ttl that a get restarts with touchOnGet', () => {
    const { cache, clock } = setUp({ touchOnGet: true, ttl: 100 });
    cache.set('a', 1).set('b', 2, { ttl: 10 }).set('c', 3, { ttl: Infinity });
    clock.time = 7;
    const { cache: other, clock: otherClock } = setUp({ touchOnGet: true, ttl: 5 });
    other.restore(throughJson(cache.dump()));
    expect(['a', 'b', 'c'].map((key) => other.expiresInMs(key))).toEqual([93, 3, Infinity]);
    otherClock.time = 2;
    for (const key of 'abc') other.get(key);
    expect(['a', 'b', 'c'].map((key) => other.expiresInMs(key))).toEqual([100, 10, Infinity]);
  });

  it('Repeated dump and restore does not extend the lifetime of an entry', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1, { ttl: 100 });
    for (clock.time = 0; clock.time < 100; clock.time += 10) {
      expect(cache.expiresInMs('a')).toBe(100 - clock.time);
      cache.restore(cache.dump());
    }
    expect(cache.size).toBe(0);
  });

  it('A dump keeps the weights', () => {
    const { cache } = setUp(weighed);
    cache.set('a', 1).set('b', 2, { weight: 50 }).set('c', 0);
    const { cache: other } = setUp(weighed);
    other.restore(throughJson(cache.dump()));
    expect([other.weight, new Map(other)]).toEqual([51, new Map(cache)]);
    other.delete('b');
    expect(other.weight).toBe(1);
  });

  it('restore weighs entries without a weight, and ignores weights in a cache without maxWeight', () => {
    const { cache } = setUp();
    cache.set('a', 30).set('b', 20);
    const { cache: other } = setUp(weighed);
    other.restore(cache.dump());
    expect(other.weight).toBe(50);
    cache.restore(other.dump());
    expect([cache.weight, cache.size]).toEqual([2, 2]);
  });

  it('restore into a smaller cache keeps as many entries as fit', () => {
    const { cache } = setUp();
    for (const key of 'abcde') cache.set(key, 1);
    const { cache: other, removals } = setUp({ capacity: 2 });
    other.restore(cache.dump());
    expect([other.size, other.stats.evictions, removals.length]).toEqual([2, 3, 3]);
    const { cache: light } = setUp({ maxWeight: 25, weigh: () => 10 });
    light.restore(cache.dump());
    expect([light.size, light.weight]).toEqual([2, 20]);
    const { cache: none } = setUp({ maxWeight: 5, weigh: () => 10 });
    none.restore(cache.dump());
    expect([none.size, none.stats.rejections]).toEqual([0, 5]);
  });

  it('restore replaces the entries and reports them as cleared', () => {
    const { cache } = setUp();
    cache.set('a', 1).set('b', 2);
    const { cache: other, removals } = setUp();
    other.set('b', 7).set('z', 8);
    other.restore(cache.dump());
    expect([new Map(other), removals.sort()]).toEqual([new Map(cache), ['b=7 cleared', 'z=8 cleared']]);
    other.restore({ entries: [] });
    expect([other.size, removals.length]).toEqual([0, 4]);
  });

  it('dump and restore keep keys and values of any type', () => {
    const [key, value] = [{ any: 'key' }, Symbol('value')];
    const cache: Cache<unknown, unknown> = make({ capacity: 5 });
    cache.set(key, value).set(undefined, undefined).set(Number.NaN, null);
    const other: Cache<unknown, unknown> = make({ capacity: 5 });
    other.restore(cache.dump());
    expect([other.get(key), other.has(undefined), other.get(Number.NaN)]).toEqual([value, true, null]);
  });

  it('restore accepts an entry whose undefined value JSON has omitted', () => {
    const { cache } = setUp();
    cache.set('a', undefined as never);
    const { cache: other } = setUp();
    other.restore(throughJson(cache.dump()));
    expect([other.has('a'), other.get('a')]).toEqual([true, undefined]);
  });

  it.each(Object.entries(MALFORMED))('restore rejects %s and changes nothing', (_what, dump) => {
    const { cache, removals } = setUp(weighed);
    cache.set('a', 1, { ttl: 10 }).set('b', 2).get('a');
    const before = [cache.dump(), cache.stats];
    expect(() => cache.restore(dump as never)).toThrow(InvalidOptionError);
    expect([[cache.dump(), cache.stats], removals]).toEqual([before, []]);
  });

  it('restore changes nothing when weigh throws for an entry of the dump', () => {
    const { cache, removals } = setUp({
      ...weighed,
      weigh: ({ key, value }) => {
        if (key === 'x') throw new Error('no scales');
        return value;
      },
    });
    cache.set('a', 1).set('b', 2);
    const before = cache.dump();
    const dump = { entries: ['c', 'x', 'd'].map((key) => ({ key, value: 1 })) };
    expect(() => cache.restore(dump)).toThrow('no scales');
    expect([cache.dump(), removals]).toEqual([before, []]);
  });

  it('restore keeps the cache consistent with extreme numbers in the dump', () => {
    const numbers = [0, 0.5, 1, 2, 3.7, 2 ** 31, 2 ** 32 + 1, 2 ** 53, Number.MAX_VALUE];
    const entries = numbers.map((uses, n) => ({ key: `${n}`, value: n, uses, expiresInMs: uses + 1, ttlMs: uses + 1 }));
    const { cache } = setUp({ capacity: 9 });
    const started = process.hrtime.bigint();
    cache.restore({ entries });
    for (let round = 0; round < 3; round++) for (const key of cache.keys()) cache.get(key);
    for (let n = 0; n < 30; n++) {
      cache.set(`new ${n}`, n).get(`new ${n - 1}`);
      expect([cache.size, [...cache].length, cache.dump().entries.length]).toEqual([9, 9, 9]);
    }
    expect(Number(process.hrtime.bigint() - started) / 1e9).toBeLessThan(5); // no loop runs as often as such a number
  });

  it('restore keeps one of several entries with the same key', () => {
    const { cache } = setUp();
    const dump: CacheDump<string, number> = { entries: [1, 2, 3].map((value) => ({ key: 'a', value })) };
    cache.restore(dump);
    expect([cache.size, [...cache].length]).toEqual([1, 1]);
    expect([1, 2, 3]).toContain(cache.get('a'));
  });
});
