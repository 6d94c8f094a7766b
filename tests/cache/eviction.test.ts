/** The eviction order, which is the only difference between the caches. */
import {
  type Cache,
  ClockCache,
  FifoCache,
  LfuCache,
  LruCache,
  RandomCache,
  type RandomCacheOptions,
  TtlCache,
} from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it, vi } from 'vitest';
import { EntryTable } from '../../src/cache/entry-table.js';
import { ManualClock } from '../support/manual-clock.js';
import { removalTextsOf } from './caches.js';

const fill = <C extends Cache<string, number>>(cache: C, keys: string): C => {
  for (const key of keys) cache.set(key, key.charCodeAt(0));
  return cache;
};
const keysOf = (cache: Cache<string, number>) => [...cache.keys()].join('');
let nextKey = 0;
/** The keys that `count` new entries evict, in order. */
const victims = (cache: Cache<string, number>, count: number) => {
  const removals = removalTextsOf(cache);
  for (let n = 0; n < count; n++) cache.set(`${nextKey++}`, n);
  return removals.filter((event) => event.endsWith('evicted')).map((event) => event[0]);
};
const weighed = { maxWeight: 10, weigh: ({ value }: { value: number }) => value };

describe('LruCache evicts the least recently used entry', () => {
  it('get, set and getOrInsert count as uses', () => {
    const cache = fill(new LruCache<string, number>({ capacity: 4 }), 'abcd');
    expect(keysOf(cache)).toBe('dcba');
    cache.get('b');
    cache.set('a', 1);
    cache.getOrInsert('c', 1);
    cache.getOrInsertComputed('b', () => 1);
    expect(keysOf(cache)).toBe('bcad');
    expect(victims(cache, 4)).toEqual(['d', 'a', 'c', 'b']);
  });

  it('has, peek, expiresInMs, iteration, misses and rejected sets do not count as uses', () => {
    const cache = fill(new LruCache<string, number>({ capacity: 3, maxWeight: 1000, weigh: () => 1 }), 'abc');
    expect([cache.has('a'), cache.peek('a'), cache.expiresInMs('a'), cache.get('x')]).toEqual([
      ...[true, 97, Infinity, undefined],
    ]);
    for (const _ of cache) cache.forEach(() => {});
    expect([cache.dump().entries.length, cache.size, cache.weight, cache.purgeExpired()]).toEqual([3, 3, 3, 0]);
    expect(() => cache.set('a', 1, { ttl: -1 })).toThrow();
    expect(victims(cache, 1)).toEqual(['a']);
  });

  it('A scan over more keys than the capacity evicts all earlier entries', () => {
    const cache = fill(new LruCache<string, number>({ capacity: 3 }), 'aaaaabbbbb');
    fill(cache, 'xyz');
    expect(keysOf(cache)).toBe('zyx');
  });
});

describe('FifoCache evicts the entry that was stored first', () => {
  it('Uses and replacements do not change the order', () => {
    const cache = fill(new FifoCache<string, number>({ capacity: 3 }), 'abc');
    for (let n = 0; n < 5; n++) cache.get('a');
    cache.set('a', 2).getOrInsert('a', 3);
    expect(keysOf(cache)).toBe('cba');
    expect(victims(cache, 3)).toEqual(['a', 'b', 'c']);
  });

  it('An entry that was deleted and stored again is the newest', () => {
    const cache = fill(new FifoCache<string, number>({ capacity: 3 }), 'abc');
    cache.delete('a');
    expect(keysOf(cache.set('a', 1))).toBe('acb');
  });

  it('A value that is replaced by a heavier one keeps its position', () => {
    const cache = new FifoCache<string, number>({ capacity: 9, ...weighed });
    cache.set('a', 3).set('b', 3).set('c', 3).set('d', 1);
    cache.set('b', 4); // evicts 'a'
    expect(keysOf(cache)).toBe('dcb');
    expect(victims(cache.set('e', 2), 0)).toEqual([]);
    cache.set('f', 1);
    expect(keysOf(cache)).toBe('fedc');
  });
});

describe('LfuCache evicts the least frequently used entry', () => {
  it('get and set count as uses, and has and peek do not', () => {
    const cache = fill(new LfuCache<string, number>({ capacity: 4 }), 'abcd');
    for (const key of 'aaabbd') cache.get(key);
    cache.set('b', 1);
    for (let n = 0; n < 9; n++) expect([cache.has('c'), cache.peek('c')]).toEqual([true, 99]);
    expect(keysOf(cache)).toBe('badc');
    expect(victims(cache, 1)).toEqual(['c']);
  });

  it('Of entries with equal counts the one that has had its count longest is evicted', () => {
    const cache = fill(new LfuCache<string, number>({ capacity: 4 }), 'abcd');
    for (const key of 'cab') cache.get(key);
    expect(keysOf(cache)).toBe('bacd');
    cache.get('c');
    cache.get('d');
    expect(keysOf(cache)).toBe('cdba');
  });

  it('A formerly frequent entry is evicted after a while', () => {
    const cache = fill(new LfuCache<string, number>({ capacity: 3 }), 'f');
    for (let n = 0; n < 50; n++) cache.get('f');
    let sets = 0;
    while (cache.has('f')) {
      const key = `${sets++}`;
      cache.set(key, 1).get(key);
      expect(sets).toBeLessThan(1000);
    }
    expect(sets).toBeGreaterThan(25); // not at once
  });

  it('A new entry ranks below entries that were used since the last eviction', () => {
    const cache = fill(new LfuCache<string, number>({ capacity: 2 }), 'ab');
    for (const key of 'ab') cache.get(key);
    cache.set('c', 1); // evicts 'a', whose score was 2; the score of 'c' is 3
    expect(keysOf(cache)).toBe('cb');
    cache.get('b'); // the score is 3 too, but reached later
    expect(keysOf(cache)).toBe('bc');
  });

  it('A deletion does not raise the score of new entries', () => {
    const cache = fill(new LfuCache<string, number>({ capacity: 2 }), 'ab');
    for (const key of 'aaaa') cache.get(key);
    cache.delete('a');
    expect(keysOf(cache.set('c', 1))).toBe('cb');
    cache.get('b');
    expect(victims(cache, 1)).toEqual(['c']);
  });

  it('A dump in any order is restored by uses, and in its own order where uses are equal', () => {
    const uses = [3, 9, undefined, 3, 1, 200, 2, 9, Infinity, 0];
    const entries = uses.map((one, n) => ({
      key: 'abcdefghij'[n]!,
      value: n,
      ...(one !== undefined && { uses: one }),
    }));
    const cache = new LfuCache<string, number>({ capacity: 10 });
    cache.restore({ entries });
    expect(keysOf(cache)).toBe('ifbhadgcej');
    cache.resize(5);
    expect(keysOf(cache)).toBe('ifbha');
  });

  it('A heavier value counts as one use although it evicts other entries', () => {
    const cache = new LfuCache<string, number>({ capacity: 9, ...weighed });
    cache.set('a', 1).set('b', 5).set('c', 4);
    for (const key of 'bbbbccccc') cache.get(key); // scores: a 1, b 5, c 6
    cache.set('a', 4); // evicts 'b': a 2, c 6
    expect(keysOf(cache)).toBe('ca');
    expect(victims(cache.set('d', 4), 0)).toEqual([]); // evicts 'a'
    expect(keysOf(cache)).toBe('cd');
  });
});

describe('ClockCache evicts an entry that was not used since the hand last passed it', () => {
  it('The hand clears marks and evicts entries without a mark', () => {
    const cache = fill(new ClockCache<string, number>({ capacity: 4 }), 'abcd');
    for (const key of 'ac') cache.get(key);
    expect(keysOf(cache)).toBe('cadb'); // b and d have no mark
    expect(victims(cache, 1)).toEqual(['b']); // a has lost its mark
    expect(victims(cache, 2)).toEqual(['d', 'a']); // c has lost its mark
  });

  it('A new entry has no mark, and an entry that was set twice has one', () => {
    const cache = fill(new ClockCache<string, number>({ capacity: 3 }), 'abcab');
    expect(victims(cache, 1)).toEqual(['c']);
  });

  it('If all entries are marked, the hand goes round once and evicts the first', () => {
    const cache = fill(new ClockCache<string, number>({ capacity: 3 }), 'abcabc');
    expect(victims(cache, 1)).toEqual(['a']);
    cache.get('c');
    expect(victims(cache, 1)).toEqual(['b']);
  });

  it('A cache with few entries after many is compacted, so that evictions do not scan the gaps', () => {
    using rebuilds = vi.spyOn(EntryTable.prototype, 'entries');
    const cache = new ClockCache<number, number>({ capacity: 1000, maxWeight: 1000, weigh: ({ value }) => value });
    for (let n = 0; n < 1000; n++) cache.set(n, 1);
    for (let n = 0; n < 4; n++) cache.set(-n, 240).get(-n); // four entries, each with a mark
    cache.set(-9, 40); // fits beside the four
    expect([...cache.keys()].filter((key) => key < 0).length).toBe(5 - 1); // -0 is 0
    expect(rebuilds.mock.calls.length).toBe(1);
    for (let n = 0; n < 100; n++) cache.set(2000 + n, 240);
    expect(rebuilds.mock.calls.length).toBe(1);
    expect([cache.size, cache.weight]).toEqual([[...cache].length, [...cache.values()].reduce((a, b) => a + b)]);
  });

  it('A new entry takes the position of a deleted one', () => {
    const cache = fill(new ClockCache<string, number>({ capacity: 4 }), 'abcd');
    cache.delete('c');
    cache.delete('a');
    fill(cache, 'ef'); // e takes the position of a, f that of c
    expect(victims(cache, 4)).toEqual(['e', 'b', 'f', 'd']);
  });
});

describe('TtlCache evicts the entry that expires first', () => {
  const setUp = (options: { ttl?: number; touchOnGet?: boolean } = {}) => {
    const clock = new ManualClock();
    return { clock, cache: new TtlCache<string, number>({ capacity: 4, ttl: 100, clock, ...options }) };
  };

  it('Uses do not change the order', () => {
    const { cache } = setUp();
    cache.set('a', 1, { ttl: 50 }).set('b', 1, { ttl: Infinity }).set('c', 1, { ttl: 10 }).set('d', 1);
    for (const key of 'accc') cache.get(key);
    expect(keysOf(cache)).toBe('bdac');
    cache.set('e', 1, { ttl: 60 });
    expect(keysOf(cache)).toBe('bdea');
    cache.set('a', 1, { ttl: '1d' }).set('f', 1);
    expect(keysOf(cache)).toBe('bafd');
  });

  it('Of entries that expire at the same time, or never, the one that was stored first is evicted', () => {
    for (const ttl of [100, Infinity]) {
      const { cache } = setUp({ ttl });
      fill(cache, 'abc');
      expect(keysOf(cache)).toBe('cba');
      cache.set('x', 1, { ttl: 5 }); // the first entry out of order
      cache.delete('x');
      fill(cache, 'da');
      expect(keysOf(cache)).toBe('adcb');
      expect(victims(cache, 4)).toEqual(['b', 'c', 'd', 'a']);
    }
  });

  it('With equal ttls the oldest entry is evicted, and with touchOnGet the least recently used one', () => {
    for (const touchOnGet of [false, true]) {
      const { cache, clock } = setUp({ touchOnGet });
      for (const key of 'abcd') {
        cache.set(key, 1);
        clock.time++;
      }
      cache.get('a');
      expect(keysOf(cache)).toBe(touchOnGet ? 'adcb' : 'dcba');
    }
  });

  it('A new entry is kept even if it would be the first to expire', () => {
    const { cache } = setUp();
    fill(cache, 'abcd');
    cache.set('e', 1, { ttl: 1 });
    expect(keysOf(cache)).toBe('dcbe');
  });

  it('The option ttl is required', () => {
    expect(() => new TtlCache({ capacity: 1 } as never)).toThrow('TtlCache: "ttl" is required');
    expect(() => new TtlCache({ capacity: 1, ttl: undefined } as never)).toThrow('TtlCache: "ttl" is required');
    expect(() => new TtlCache(undefined as never)).toThrow('TtlCache: ');
    expect(new TtlCache({ capacity: 1, ttl: Infinity }).set('a', 1).expiresInMs('a')).toBe(Infinity);
  });
});

describe('RandomCache evicts a random entry', () => {
  const make = (options: Partial<RandomCacheOptions<string, number>> = {}) =>
    new RandomCache<string, number>({ capacity: 4, random: seededRandom(1), ...options });

  it('Each entry has the same probability of eviction independent of its uses', () => {
    const random = seededRandom(2);
    const evicted = new Map<string | undefined, number>();
    for (let run = 0; run < 4000; run++) {
      const cache = fill(make({ random }), 'abcd');
      for (const key of 'aaaa') cache.get(key);
      const [victim] = victims(cache, 1);
      evicted.set(victim, (evicted.get(victim) ?? 0) + 1);
    }
    expect([...evicted.keys()].sort()).toEqual(['a', 'b', 'c', 'd']);
    for (const times of evicted.values()) expect(Math.abs(times - 1000)).toBeLessThan(120); // four standard deviations
  });

  it('Equal seeds evict equal entries', () => {
    const run = (seed: number) => victims(fill(make({ random: seededRandom(seed) }), 'abcd'), 20).join('');
    expect(run(5)).toBe(run(5));
    expect(new Set([1, 2, 3, 4, 5, 6, 7, 8].map(run)).size).toBeGreaterThan(4);
  });

  it.each([Number.NaN, 1, 2, -1, Infinity, -Infinity, undefined, null, '0.5', {}])(
    'The cache stays consistent with a random source that returns %s',
    (drawn) => {
      const cache = make({ random: () => drawn as number });
      for (let n = 0; n < 50; n++) {
        cache.set(`${n}`, n);
        if (n % 5 === 0) cache.delete(`${n - 1}`);
        expect(cache.size).toBe([...cache].length);
        expect(cache.size).toBeLessThanOrEqual(4);
      }
      expect(cache.stats.evictions).toBeGreaterThan(0);
    },
  );

  it('The random source is called only for an eviction', () => {
    const cache = make({ random: () => expect.unreachable() });
    fill(cache, 'abcd').set('a', 1).delete('b');
    expect([...cache.set('e', 1)]).toHaveLength(4);
  });

  it('A loop over more keys than the capacity has hits, unlike with LruCache', () => {
    const cache = make({ capacity: 50 });
    const lru = new LruCache<string, number>({ capacity: 50 });
    for (let n = 0; n < 5000; n++) for (const one of [cache, lru]) one.getOrInsert(`${n % 60}`, n);
    expect(lru.stats.hits).toBe(0);
    expect(cache.stats.hits).toBeGreaterThan(2500);
  });

  it('The random source must be a function', () => {
    for (const random of [null, 1, 'abc', {}] as never[]) expect(() => make({ random })).toThrow(/"random" must be/);
    expect(new RandomCache({ capacity: 1 }).set('a', 1).set('b', 2).size).toBe(1);
  });
});
