import { inspect } from 'node:util';
import { InvalidOptionError } from 'breakwater';
import { RandomCache } from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES, removalTextsOf } from './caches.js';

const INVALID_WEIGHTS: readonly unknown[] = [Number.NaN, -1, Infinity, -Infinity, '1', null, true, {}, [], 5n, () => 1];

describe.each(CACHES)('%s', (_name, make) => {
  /** A cache whose entries have their value as weight. */
  const setUp = (maxWeight = 10, capacity = 100) => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity, maxWeight, weigh: ({ value }) => value, clock });
    return { cache, clock, removals: removalTextsOf(cache) };
  };

  it('Without weigh each entry has a weight of 1', () => {
    const cache = make<string, number>({ capacity: 10 }).set('a', 500).set('b', 1);
    expect(cache.weight).toBe(2);
    cache.delete('a');
    expect(cache.weight).toBe(1);
  });

  it('maxWeight and weigh are only accepted together', () => {
    const weigh = () => 1;
    expect(() => make({ capacity: 1, maxWeight: 1 })).toThrow(/"weigh" is required with "maxWeight"/);
    expect(() => make({ capacity: 1, weigh })).toThrow(/"maxWeight" is required with "weigh"/);
    expect(make({ capacity: 1, maxWeight: undefined, weigh: undefined }).weight).toBe(0);
    expect(make({ capacity: 1, maxWeight: Number.MIN_VALUE, weigh }).weight).toBe(0);
  });

  it('An invalid maxWeight or weigh is rejected', () => {
    for (const maxWeight of [...INVALID_WEIGHTS, 0, -0]) {
      const attempt = () => make({ capacity: 1, maxWeight: maxWeight as never, weigh: () => 1 });
      expect(attempt, inspect(maxWeight)).toThrow(InvalidOptionError);
    }
    for (const weigh of [null, true, {}, 'abc', 1]) {
      const attempt = () => make({ capacity: 1, maxWeight: 1, weigh: weigh as never });
      expect(attempt, inspect(weigh)).toThrow(InvalidOptionError);
    }
  });

  it('An invalid weight from weigh is rejected and changes nothing', () => {
    const cache = make<string, unknown>({
      capacity: 2,
      maxWeight: 10,
      weigh: ({ value }) => (value === 'fine' ? 3 : (value as never)),
    });
    cache.set('a', 'fine').set('b', 'fine');
    const before = [[...cache], cache.stats, cache.weight];
    for (const weight of [...INVALID_WEIGHTS, undefined]) {
      expect(() => cache.set('a', weight), inspect(weight)).toThrow(InvalidOptionError);
      expect(() => cache.set('c', weight), inspect(weight)).toThrow(InvalidOptionError);
      expect(() => cache.getOrInsert('c', weight), inspect(weight)).toThrow(InvalidOptionError);
    }
    expect([[...cache], { ...cache.stats, misses: 0 }, cache.weight]).toEqual(before);
  });

  it('An invalid weight given to set is rejected and changes nothing', () => {
    const { cache } = setUp();
    cache.set('a', 1);
    for (const weight of INVALID_WEIGHTS) {
      expect(() => cache.set('a', 2, { weight: weight as never }), inspect(weight)).toThrow(InvalidOptionError);
    }
    expect([[...cache], cache.weight]).toEqual([[['a', 1]], 1]);
  });

  it('A weight given to set is rejected in a cache without maxWeight', () => {
    const cache = make<string, number>({ capacity: 2 });
    expect(() => cache.set('a', 1, { weight: 1 })).toThrow(/"weight" is allowed only in a cache with "maxWeight"/);
    expect(cache.set('a', 1, { weight: undefined }).size).toBe(1);
  });

  it('An error thrown by weigh is rethrown by set and changes nothing', () => {
    const cache = make<string, number>({
      capacity: 2,
      maxWeight: 10,
      weigh: ({ value }) => {
        if (value === 9) throw new Error('no scales');
        return value;
      },
    });
    cache.set('a', 1);
    for (const key of ['a', 'b']) expect(() => cache.set(key, 9)).toThrow('no scales');
    expect([[...cache], cache.weight, cache.set('b', 2).weight]).toEqual([[['a', 1]], 1, 3]);
  });

  it('weigh receives key and value once per set', () => {
    const calls: unknown[] = [];
    const weigh = (...args: unknown[]) => calls.push(args);
    const cache = make<string, number>({ capacity: 9, maxWeight: 100, weigh });
    cache.set('a', 1).set('b', 2).set('a', 3);
    cache.set('c', 4, { weight: 7 }); // the weight is given
    cache.get('a');
    expect(calls).toEqual([[{ key: 'a', value: 1 }], [{ key: 'b', value: 2 }], [{ key: 'a', value: 3 }]]);
    expect(cache.weight).toBe(3 + 2 + 7);
  });

  it('The weigh function may call the cache', () => {
    const cache = make<string, number>({
      capacity: 3,
      maxWeight: 5,
      weigh: ({ key, value }) => {
        if (value === 1) cache.set(`${key}'s`, 2).delete('x');
        return value;
      },
    });
    cache.set('x', 2).set('a', 1);
    expect([[...cache.keys()].sort(), cache.weight]).toEqual([['a', "a's"], 3]);
  });

  it('The total weight is the sum of the weights and never exceeds maxWeight', () => {
    const random = seededRandom(5);
    const { cache } = setUp(50);
    for (let n = 0; n < 300; n++) {
      const key = `${Math.floor(random() * 40)}`;
      if (random() < 0.2) cache.delete(key);
      else cache.set(key, Math.floor(random() * 12));
      const sum = [...cache.values()].reduce((a, b) => a + b, 0);
      expect(cache.weight).toBe(sum);
      expect(sum).toBeLessThanOrEqual(50);
    }
  });

  it('A heavy entry evicts only as many entries as needed', () => {
    const { cache, removals } = setUp();
    cache.set('a', 4).set('b', 3).set('c', 3).set('d', 1);
    expect(removals).toHaveLength(1);
    expect([cache.weight, cache.size, cache.stats.evictions]).toEqual([11 - Number(removals[0]?.[2]), 3, 1]);
    cache.set('all', 10);
    expect([[...cache], cache.weight]).toEqual([[['all', 10]], 10]);
    expect(cache.stats).toMatchObject({ evictions: 4, rejections: 0 });
  });

  it('An update counts with its new weight and does not evict itself', () => {
    const { cache } = setUp();
    cache.set('a', 4).set('b', 4).set('a', 1);
    expect([cache.weight, cache.size]).toEqual([5, 2]);
    cache.set('c', 5);
    expect([cache.weight, cache.size, cache.stats.evictions]).toEqual([10, 3, 0]);
    cache.set('a', 7);
    expect([cache.peek('a'), cache.weight <= 10, cache.stats.updates]).toEqual([7, true, 2]);
    cache.set('a', 10);
    expect([[...cache], cache.weight]).toEqual([[['a', 10]], 10]);
  });

  it('An entry that grows and evicts all others keeps its new value and ttl', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1, { ttl: 10 }).set('b', 5).set('c', 4);
    cache.set('a', 9, { ttl: 20 });
    expect([[...cache], cache.expiresInMs('a')]).toEqual([[['a', 9]], 20]);
    clock.time = 20;
    expect([cache.size, cache.weight, [...cache]]).toEqual([0, 0, []]);
    expect(cache.set('b', 10).weight).toBe(10);
  });

  it('An entry above maxWeight is not stored, and only an older value of its key is removed', () => {
    const { cache, removals } = setUp();
    cache.set('a', 1).set('b', 2);
    expect(cache.set('c', 10.5)).toBe(cache);
    expect([cache.size, cache.has('c'), removals, cache.stats.rejections]).toEqual([2, false, [], 1]);
    cache.set('a', 11);
    cache.set('b', 2, { weight: 11 });
    expect([[...cache], cache.weight, cache.stats.rejections]).toEqual([[], 0, 3]);
    expect(removals).toEqual(['a=1 replaced', 'b=2 replaced']);
    expect(cache.stats).toMatchObject({ inserts: 2, updates: 0, evictions: 0, expirations: 0 });
  });

  it('Entries of weight 0 are limited only by the capacity', () => {
    const { cache } = setUp(10, 50);
    cache.set('heavy', 10);
    for (let n = 0; n < 49; n++) cache.set(`${n}`, 0);
    expect([cache.size, cache.weight, cache.stats.evictions]).toEqual([50, 10, 0]);
    cache.set('one more', 0);
    expect([cache.size, cache.stats.evictions]).toEqual([50, 1]);
    cache.set('a', -0);
    expect(cache.weight === 0 || cache.weight === 10).toBe(true);
  });

  it('Expired entries do not count in the total weight', () => {
    const { cache, clock } = setUp();
    cache.set('a', 6, { ttl: 10 }).set('b', 4);
    clock.time = 10;
    expect([cache.weight, cache.size]).toEqual([4, 1]);
  });

  it('Expired entries are removed for a new entry before any live entry', () => {
    const { cache, clock, removals } = setUp();
    cache.set('a', 3).set('b', 3, { ttl: 10 }).set('c', 3);
    clock.time = 10;
    cache.get('b');
    cache.set('b', 3, { ttl: 5 });
    clock.time = 15;
    cache.set('d', 4);
    expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
    expect(removals).toEqual(['b=3 expired', 'b=3 expired']);
  });

  it('Sums of fractional weights do not drift', () => {
    const random = seededRandom(6);
    const { cache } = setUp(3.3, 20);
    for (let n = 0; n < 20_000; n++) cache.set(`${Math.floor(random() * 30)}`, Math.ceil(random() * 9) / 10);
    const sum = [...cache.values()].reduce((a, b) => a + b, 0);
    expect(cache.size).toBeGreaterThan(2);
    expect(Math.abs(cache.weight - sum)).toBeLessThan(1e-9);
    for (const key of [...cache.keys()]) cache.delete(key);
    expect(cache.weight).toBe(0);
  });

  it('The weight of an empty cache is 0 however its entries were removed', () => {
    const { cache, clock } = setUp(1);
    cache.set('a', 0.1).set('b', 0.2).set('c', 0.3, { ttl: 1 });
    cache.delete('a');
    clock.time = 1;
    cache.delete('b');
    expect(cache.weight).toBe(0);
    cache.set('a', 0.1).set('b', 0.2).clear();
    expect(cache.weight).toBe(0);
  });
});

describe('fractional weights with rounding errors', () => {
  /** A cache whose random source throws at the 101st draw, since a search without a victim would not end. */
  const setUp = (maxWeight: number) => {
    let draws = 0;
    const random = () => {
      if (++draws > 100) throw new Error('it looks for room without end');
      return 0;
    };
    return new RandomCache<string, number>({ capacity: 9, maxWeight, weigh: ({ value }) => value, random });
  };

  it('An entry that grows to maxWeight fits (0.2 + 0.9 - 0.2 is more than 0.9)', () => {
    const cache = setUp(0.9).set('a', 0.2).set('a', 0.9);
    expect([[...cache], cache.weight]).toEqual([[['a', 0.9]], 0.9]);
  });

  it('Other entries are evicted once for an entry that grows to maxWeight', () => {
    const cache = setUp(0.6).set('b', 0.1).set('a', 0.1).set('b', 0.6);
    expect([[...cache], cache.weight, cache.stats.evictions]).toEqual([[['b', 0.6]], 0.6, 1]);
  });

  it('The total weight stays within maxWeight for random fractions', () => {
    const random = seededRandom(7);
    for (let run = 0; run < 500; run++) {
      const maxWeight = Math.ceil(random() * 10) / 10;
      const cache = setUp(maxWeight);
      for (let n = 0; n < 20; n++) {
        const weight = random() < 0.3 ? maxWeight : Math.ceil(random() * 9) / 10;
        if (weight <= maxWeight) cache.set('abc'[Math.floor(random() * 3)] as string, weight);
      }
      expect(cache.weight).toBeLessThanOrEqual(maxWeight);
    }
  });
});
