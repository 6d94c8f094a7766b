import { inspect } from 'node:util';
import { InvalidOptionError } from 'breakwater';
import { RandomCache } from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES, toldOf } from './caches.js';

const NO_WEIGHTS: readonly unknown[] = [Number.NaN, -1, Infinity, -Infinity, '1', null, true, {}, [], 5n, () => 1];

describe.each(CACHES)('%s', (_name, make) => {
  /** Each entry weighs what its value says. */
  const setUp = (maxWeight = 10, capacity = 100) => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity, maxWeight, weigh: ({ value }) => value, clock });
    return { cache, clock, told: toldOf(cache) };
  };

  it('weighs its entries by their number unless it was told how', () => {
    const cache = make<string, number>({ capacity: 10 }).set('a', 500).set('b', 1);
    expect(cache.weight).toBe(2);
    cache.delete('a');
    expect(cache.weight).toBe(1);
  });

  it('takes maxWeight and weigh, or neither', () => {
    const weigh = () => 1;
    expect(() => make({ capacity: 1, maxWeight: 1 })).toThrow(/"weigh" is required with "maxWeight"/);
    expect(() => make({ capacity: 1, weigh })).toThrow(/"maxWeight" is required with "weigh"/);
    expect(make({ capacity: 1, maxWeight: undefined, weigh: undefined }).weight).toBe(0);
    expect(make({ capacity: 1, maxWeight: Number.MIN_VALUE, weigh }).weight).toBe(0);
  });

  it('refuses what is no maxWeight and no weigh', () => {
    for (const maxWeight of [...NO_WEIGHTS, 0, -0]) {
      const tries = () => make({ capacity: 1, maxWeight: maxWeight as never, weigh: () => 1 });
      expect(tries, inspect(maxWeight)).toThrow(InvalidOptionError);
    }
    for (const weigh of [null, true, {}, 'abc', 1]) {
      const tries = () => make({ capacity: 1, maxWeight: 1, weigh: weigh as never });
      expect(tries, inspect(weigh)).toThrow(InvalidOptionError);
    }
  });

  it('refuses what is no weight from weigh, and changes nothing', () => {
    const cache = make<string, unknown>({
      capacity: 2,
      maxWeight: 10,
      weigh: ({ value }) => (value === 'fine' ? 3 : (value as never)),
    });
    cache.set('a', 'fine').set('b', 'fine');
    const before = [[...cache], cache.stats, cache.weight];
    for (const weight of [...NO_WEIGHTS, undefined]) {
      expect(() => cache.set('a', weight), inspect(weight)).toThrow(InvalidOptionError);
      expect(() => cache.set('c', weight), inspect(weight)).toThrow(InvalidOptionError);
      expect(() => cache.getOrInsert('c', weight), inspect(weight)).toThrow(InvalidOptionError);
    }
    expect([[...cache], { ...cache.stats, misses: 0 }, cache.weight]).toEqual(before);
  });

  it('refuses what is no weight of an entry, and changes nothing', () => {
    const { cache } = setUp();
    cache.set('a', 1);
    for (const weight of NO_WEIGHTS) {
      expect(() => cache.set('a', 2, { weight: weight as never }), inspect(weight)).toThrow(InvalidOptionError);
    }
    expect([[...cache], cache.weight]).toEqual([[['a', 1]], 1]);
  });

  it('refuses the weight of an entry where nothing is weighed', () => {
    const cache = make<string, number>({ capacity: 2 });
    expect(() => cache.set('a', 1, { weight: 1 })).toThrow(/"weight" is allowed only in a cache with "maxWeight"/);
    expect(cache.set('a', 1, { weight: undefined }).size).toBe(1);
  });

  it('what weigh throws comes out of set, and changes nothing', () => {
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

  it('weighs the key and the value, once for each set', () => {
    const calls: unknown[] = [];
    const weigh = (...args: unknown[]) => calls.push(args);
    const cache = make<string, number>({ capacity: 9, maxWeight: 100, weigh });
    cache.set('a', 1).set('b', 2).set('a', 3);
    cache.set('c', 4, { weight: 7 }); // it was told
    cache.get('a');
    expect(calls).toEqual([[{ key: 'a', value: 1 }], [{ key: 'b', value: 2 }], [{ key: 'a', value: 3 }]]);
    expect(cache.weight).toBe(3 + 2 + 7);
  });

  it('weigh may call back into the cache', () => {
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

  it('never weighs more than it may, and says what it weighs', () => {
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

  it('makes room for what is heavy, and only as much as that takes', () => {
    const { cache, told } = setUp();
    cache.set('a', 4).set('b', 3).set('c', 3).set('d', 1);
    expect(told).toHaveLength(1);
    expect([cache.weight, cache.size, cache.stats.evictions]).toEqual([11 - Number(told[0]?.[2]), 3, 1]);
    cache.set('all', 10);
    expect([[...cache], cache.weight]).toEqual([[['all', 10]], 10]);
    expect(cache.stats).toMatchObject({ evictions: 4, rejections: 0 });
  });

  it('an update counts with its new weight, and does not make room by leaving itself', () => {
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

  it('an entry that outgrows the rest alone stays itself: its uses, its ttl, its value', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1, { ttl: 10 }).set('b', 5).set('c', 4);
    cache.set('a', 9, { ttl: 20 });
    expect([[...cache], cache.expiresInMs('a')]).toEqual([[['a', 9]], 20]);
    clock.time = 20;
    expect([cache.size, cache.weight, [...cache]]).toEqual([0, 0, []]);
    expect(cache.set('b', 10).weight).toBe(10);
  });

  it('does not store what is heavier than all it may weigh; what was under its key goes, and nothing else', () => {
    const { cache, told } = setUp();
    cache.set('a', 1).set('b', 2);
    expect(cache.set('c', 10.5)).toBe(cache);
    expect([cache.size, cache.has('c'), told, cache.stats.rejections]).toEqual([2, false, [], 1]);
    cache.set('a', 11);
    cache.set('b', 2, { weight: 11 });
    expect([[...cache], cache.weight, cache.stats.rejections]).toEqual([[], 0, 3]);
    expect(told).toEqual(['a=1 replaced', 'b=2 replaced']);
    expect(cache.stats).toMatchObject({ inserts: 2, updates: 0, evictions: 0, expirations: 0 });
  });

  it('keeps any number of entries that weigh nothing, up to its capacity', () => {
    const { cache } = setUp(10, 50);
    cache.set('heavy', 10);
    for (let n = 0; n < 49; n++) cache.set(`${n}`, 0);
    expect([cache.size, cache.weight, cache.stats.evictions]).toEqual([50, 10, 0]);
    cache.set('one more', 0);
    expect([cache.size, cache.stats.evictions]).toEqual([50, 1]);
    cache.set('a', -0);
    expect(cache.weight === 0 || cache.weight === 10).toBe(true);
  });

  it('does not count what has expired', () => {
    const { cache, clock } = setUp();
    cache.set('a', 6, { ttl: 10 }).set('b', 4);
    clock.time = 10;
    expect([cache.weight, cache.size]).toEqual([4, 1]);
  });

  it('lets what has expired make room before anything else does', () => {
    const { cache, clock, told } = setUp();
    cache.set('a', 3).set('b', 3, { ttl: 10 }).set('c', 3);
    clock.time = 10;
    cache.get('b');
    cache.set('b', 3, { ttl: 5 });
    clock.time = 15;
    cache.set('d', 4);
    expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
    expect(told).toEqual(['b=3 expired', 'b=3 expired']);
  });

  it('sums of fractions do not drift', () => {
    const random = seededRandom(6);
    const { cache } = setUp(3.3, 20);
    for (let n = 0; n < 20_000; n++) cache.set(`${Math.floor(random() * 30)}`, Math.ceil(random() * 9) / 10);
    const sum = [...cache.values()].reduce((a, b) => a + b, 0);
    expect(cache.size).toBeGreaterThan(2);
    expect(Math.abs(cache.weight - sum)).toBeLessThan(1e-9);
    for (const key of [...cache.keys()]) cache.delete(key);
    expect(cache.weight).toBe(0);
  });

  it('is 0 when it is empty, however it came to that', () => {
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

describe('fractions that do not add up', () => {
  /** Asked for a victim where there is none, it would be asked for ever: here it throws at the hundredth time. */
  const setUp = (maxWeight: number) => {
    let draws = 0;
    const random = () => {
      if (++draws > 100) throw new Error('it looks for room without end');
      return 0;
    };
    return new RandomCache<string, number>({ capacity: 9, maxWeight, weigh: ({ value }) => value, random });
  };

  it('an entry that grows to all there is finds its room (0.2 + 0.9 - 0.2 is more than 0.9)', () => {
    const cache = setUp(0.9).set('a', 0.2).set('a', 0.9);
    expect([[...cache], cache.weight]).toEqual([[['a', 0.9]], 0.9]);
  });

  it('others make room for it, none of them twice', () => {
    const cache = setUp(0.6).set('b', 0.1).set('a', 0.1).set('b', 0.6);
    expect([[...cache], cache.weight, cache.stats.evictions]).toEqual([[['b', 0.6]], 0.6, 1]);
  });

  it('for any fractions', () => {
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
