/** How many entries are kept, and what may be asked of a constructor. */
import { inspect } from 'node:util';
import { InvalidOptionError, isResilienceError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { CACHES, toldOf } from './caches.js';

const NO_CAPACITIES: readonly unknown[] = [
  ...[0, -0, -1, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 24, 2 ** 32, Number.MIN_VALUE],
  ...['1', 'abc', '', null, true, {}, [], [1], 5n, () => 1, new Date(5)],
];

describe.each(CACHES)('the capacity of %s', (name, make) => {
  it('is never exceeded, and always used up', () => {
    for (const capacity of [1, 2, 7, 15, 16, 17, 100]) {
      const cache = make<number, number>({ capacity });
      for (let n = 0; n < 3 * capacity; n++) {
        cache.set(n, n);
        if (n % 3 === 0) cache.get(n - 2);
        expect(cache.size).toBe(Math.min(n + 1, capacity));
      }
      expect([cache.capacity, cache.stats.evictions, cache.stats.inserts]).toEqual([
        capacity,
        2 * capacity,
        3 * capacity,
      ]);
      expect([...cache].every(([key, value]) => key === value)).toBe(true);
    }
  });

  it('of 1 keeps what was set last', () => {
    const cache = make<string, number>({ capacity: 1 });
    const told = toldOf(cache);
    cache.set('a', 1).set('a', 2).set('b', 3);
    expect([cache.get('a'), cache.get('b'), cache.size, [...cache]]).toEqual([undefined, 3, 1, [['b', 3]]]);
    cache.delete('b');
    expect(cache.set('c', 4).get('c')).toBe(4);
    cache.clear();
    expect(cache.set('d', 5).get('d')).toBe(5);
    expect(told).toEqual(['a=1 replaced', 'a=2 evicted', 'b=3 deleted', 'c=4 cleared']);
  });

  it('is not taken up by an update, a delete or a clear', () => {
    const cache = make<number, number>({ capacity: 20 });
    for (let round = 0; round < 100; round++) {
      if (round % 3 === 1) for (let n = 0; n < 20; n += 2) cache.delete(n);
      if (round % 7 === 1) cache.clear();
      for (let n = 0; n < 20; n++) cache.set(n, round);
    }
    expect([cache.size, cache.stats.evictions]).toEqual([20, 0]);
  });

  it('lets what has expired go before what has not', () => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity: 4, clock });
    cache.set('a', 1).set('b', 2, { ttl: 20 }).set('c', 3, { ttl: 10 }).set('d', 4);
    for (const key of 'abcd') cache.get(key);
    const told = toldOf(cache);
    clock.time = 20;
    cache.set('e', 5).set('f', 6);
    expect([told, [...cache.keys()].sort()]).toEqual([
      ['c=3 expired', 'b=2 expired'],
      ['a', 'd', 'e', 'f'],
    ]);
    expect(cache.stats).toMatchObject({ evictions: 0, expirations: 2 });
  });

  it.each(['constructor', 'resize'] as const)('is an integer from 1 to 2^24 - 1 (%s)', (where) => {
    const cache = make<string, number>({ capacity: 2 }).set('a', 1).set('b', 2);
    for (const capacity of NO_CAPACITIES as never[]) {
      const tries = () => (where === 'resize' ? cache.resize(capacity) : make({ capacity }));
      expect(tries, inspect(capacity)).toThrow(InvalidOptionError);
      expect(tries, inspect(capacity)).toThrow(/"capacity" must be an integer ≥ 1 and at most 16777215/);
    }
    expect([cache.capacity, cache.size]).toEqual([2, 2]);
    cache.resize(2 ** 24 - 1);
    expect([cache.capacity, make({ capacity: 2 ** 24 - 1 }).capacity]).toEqual([2 ** 24 - 1, 2 ** 24 - 1]);
    expect([name, () => make({} as never)][1]).toThrow(/"capacity" must be an integer/);
  });

  it('costs memory only as entries come', () => {
    const before = process.memoryUsage();
    const cache = make<number, number>({ capacity: 2 ** 20, ttl: '1h', maxWeight: 5, weigh: () => 1 });
    const after = process.memoryUsage();
    expect(cache.set(1, 1).size).toBe(1);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(100_000);
  });
});

describe.each(CACHES)('%s.resize', (name, make) => {
  const filled = (capacity: number) => {
    const cache = make<number, number>({ capacity });
    for (let n = 0; n < capacity; n++) cache.set(n, n);
    return { cache, told: toldOf(cache) };
  };

  it('makes room for more, and keeps what is there', () => {
    const { cache, told } = filled(3);
    const before = [...cache];
    expect(cache.resize(50)).toBeUndefined();
    expect([[...cache], cache.capacity]).toEqual([before, 50]);
    for (let n = 3; n < 50; n++) cache.set(n, n);
    expect([cache.size, told]).toEqual([50, []]);
    cache.set(50, 50);
    expect([cache.size, told.length]).toEqual([50, 1]);
  });

  it('evicts what no longer fits, what has expired first', () => {
    const clock = new ManualClock();
    const cache = make<number, number>({ capacity: 6, clock });
    for (let n = 0; n < 6; n++) cache.set(n, n, { ttl: n === 4 ? 10 : Infinity });
    const told = toldOf(cache);
    clock.time = 10;
    cache.resize(3);
    expect([cache.size, cache.capacity, told.length, told[0]]).toEqual([3, 3, 3, '4=4 expired']);
    expect(cache.stats).toMatchObject({ evictions: 2, expirations: 1 });
    expect(cache.set(9, 9).size).toBe(3);
  });

  it('to far fewer keeps all there is to know of those that stay, and gives the memory back', async () => {
    const clock = new ManualClock();
    const options = {
      capacity: 20_000,
      clock,
      touchOnGet: true,
      maxWeight: 1e6,
      weigh: ({ value }: { value: number }) => value,
    };
    const cache = make<number, number>(options);
    for (let n = 0; n < 20_000; n++) cache.set(n, n % 7, { ttl: 100_000 - n });
    for (let n = 0; n < 20_000; n += 3) cache.get(n);
    clock.time = 10;
    const before = new Map(cache.dump().entries.map((entry) => [entry.key, entry]));
    for (let turn = 0; turn < 10; turn++) {
      await settle();
      collectGarbage();
    }
    const memory = process.memoryUsage().arrayBuffers;
    const { inserts, evictions } = cache.stats;
    const told = toldOf(cache);
    cache.resize(30);
    const { entries } = cache.dump();
    expect(entries.length).toBe(30);
    for (const entry of entries) expect(entry).toEqual({ ...before.get(entry.key), uses: entry.uses });
    expect([...cache.keys()]).toEqual(entries.map(({ key }) => key));
    expect(cache.stats).toMatchObject({ inserts, evictions: evictions + 19_970 });
    expect(told.length).toBe(19_970);
    expect(cache.weight).toBe(entries.reduce((sum, { value }) => sum + value, 0));
    if (name !== 'TinyLfuCache' && name !== 'RandomCache') {
      const place = new Map([...before.keys()].map((key, index) => [key, index]));
      const places = entries.map(({ key }) => place.get(key)!);
      expect(places).toEqual([...places].sort((a, b) => a - b));
    }
    const leanEnough = () => process.memoryUsage().arrayBuffers < memory - 20_000 * 16;
    for (let turn = 0; turn < 10 && !leanEnough(); turn++) {
      await settle();
      collectGarbage();
    }
    expect(leanEnough()).toBe(true);
    for (let n = 0; n < 100; n++) cache.set(-n, n);
    expect(cache.size).toBe(30);
  });

  it('to the same capacity changes nothing', () => {
    const { cache, told } = filled(5);
    const before = [[...cache], cache.stats];
    cache.resize(5);
    expect([[...cache], cache.stats]).toEqual(before);
    expect(told).toEqual([]);
  });

  it('over and over, up and down, keeps count', () => {
    const cache = make<number, number>({ capacity: 1 });
    for (let n = 0; n < 2000; n++) {
      if (n % 10 === 0) cache.resize(((n * 7) % 90) + 1);
      cache.set(n % 97, n);
      if (n % 5 === 0) cache.delete(n % 31);
      if (n % 50 === 0) expect([cache.size, cache.size <= cache.capacity]).toEqual([[...cache].length, true]);
    }
    const { inserts, evictions } = cache.stats;
    expect(inserts - evictions).toBeGreaterThanOrEqual(cache.size);
  });
});

describe.each(CACHES)('the options of %s', (name, make) => {
  it('are an object', () => {
    for (const options of [null, 'abc', 100, true, [], 5n, () => 1] as never[]) {
      expect(() => make(options), inspect(options)).toThrow(InvalidOptionError);
    }
  });

  it('of another name are refused, with the one that was meant', () => {
    for (const [wrong, meant] of Object.entries({
      max: 'maxWeight',
      capcity: 'capacity',
      TTL: 'ttl',
      touchOnget: 'touchOnGet',
      maxSize: 'maxWeight',
      purgeevery: 'purgeEvery',
    })) {
      const tries = () => make({ capacity: 1, [wrong]: 1 } as never);
      expect(tries, wrong).toThrow(`${name}: "${wrong}" is unknown (did you mean "`);
      if (wrong !== 'max') expect(tries, wrong).toThrow(`"${meant}"?)`);
    }
  });

  it('that are undefined mean their defaults', () => {
    const cache = make<string, number>({
      ...{ capacity: 2, ttl: undefined, touchOnGet: undefined, maxWeight: undefined, weigh: undefined },
      ...{ purgeEvery: undefined, name: undefined, clock: undefined },
    });
    expect(cache.set('a', 1, undefined).set('b', 2, {}).expiresInMs('a')).toBe(Infinity);
  });

  it('are read once and kept apart', () => {
    const options = { capacity: 2 };
    const cache = make<number, number>(options);
    options.capacity = 1;
    expect([cache.set(1, 1).set(2, 2).size, options]).toEqual([2, { capacity: 1 }]);
    expect(make(Object.freeze({ capacity: 1 })).capacity).toBe(1);
  });

  it('are each of their kind', () => {
    const bad: Record<string, readonly unknown[]> = {
      touchOnGet: [null, 0, 1, 'true', {}],
      clock: [null, true, {}, Date, { now: () => 1 }],
      name: [null, true, {}, '', 1],
    };
    for (const [option, values] of Object.entries(bad)) {
      for (const value of values) {
        const tries = () => make({ capacity: 1, [option]: value });
        expect(tries, `${option}: ${inspect(value)}`).toThrow(InvalidOptionError);
      }
    }
  });

  it('name the cache in what it refuses later', () => {
    const cache = make<string, number>({ capacity: 1, name: 'users' });
    expect(() => cache.resize(0)).toThrow('users: "capacity"');
    expect(() => cache.set('a', 1, { ttl: -1 })).toThrow('users: "ttl"');
    expect(() => make<string, number>({ capacity: 1 }).resize(0)).toThrow(`${name}: "capacity"`);
  });

  it('that are refused say where, which and what', () => {
    try {
      make({ capacity: -5 });
      expect.unreachable();
    } catch (error) {
      expect(isResilienceError(error, 'ERR_INVALID_OPTION') && error).toMatchObject({
        owner: name,
        option: 'capacity',
        value: -5,
      });
    }
  });

  it('of a set are an object too', () => {
    const cache = make<string, number>({ capacity: 1 });
    for (const options of [null, 5, '1s', true] as never[]) {
      expect(() => cache.set('a', 1, options), inspect(options)).toThrow(InvalidOptionError);
    }
    expect(cache.size).toBe(0);
  });
});
