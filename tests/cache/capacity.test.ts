/** The capacity, its changes, and the options of a constructor. */
import { inspect } from 'node:util';
import { InvalidOptionError, isResilienceError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { CACHES, removalTextsOf } from './caches.js';

const INVALID_CAPACITIES: readonly unknown[] = [
  ...[0, -0, -1, 1.5, Number.NaN, Infinity, -Infinity, 2 ** 24, 2 ** 32, Number.MIN_VALUE],
  ...['1', 'abc', '', null, true, {}, [], [1], 5n, () => 1, new Date(5)],
];

describe.each(CACHES)('the capacity of %s', (name, make) => {
  it('The size grows to the capacity and never exceeds it', () => {
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

  it('A capacity of 1 keeps the entry that was set last', () => {
    const cache = make<string, number>({ capacity: 1 });
    const removals = removalTextsOf(cache);
    cache.set('a', 1).set('a', 2).set('b', 3);
    expect([cache.get('a'), cache.get('b'), cache.size, [...cache]]).toEqual([undefined, 3, 1, [['b', 3]]]);
    cache.delete('b');
    expect(cache.set('c', 4).get('c')).toBe(4);
    cache.clear();
    expect(cache.set('d', 5).get('d')).toBe(5);
    expect(removals).toEqual(['a=1 replaced', 'a=2 evicted', 'b=3 deleted', 'c=4 cleared']);
  });

  it('Updates, deletions and clear use no capacity', () => {
    const cache = make<number, number>({ capacity: 20 });
    for (let round = 0; round < 100; round++) {
      if (round % 3 === 1) for (let n = 0; n < 20; n += 2) cache.delete(n);
      if (round % 7 === 1) cache.clear();
      for (let n = 0; n < 20; n++) cache.set(n, round);
    }
    expect([cache.size, cache.stats.evictions]).toEqual([20, 0]);
  });

  it('Expired entries leave a full cache before live entries', () => {
    const clock = new ManualClock();
    const cache = make<string, number>({ capacity: 4, clock });
    cache.set('a', 1).set('b', 2, { ttl: 20 }).set('c', 3, { ttl: 10 }).set('d', 4);
    for (const key of 'abcd') cache.get(key);
    const removals = removalTextsOf(cache);
    clock.time = 20;
    cache.set('e', 5).set('f', 6);
    expect([removals, [...cache.keys()].sort()]).toEqual([
      ['c=3 expired', 'b=2 expired'],
      ['a', 'd', 'e', 'f'],
    ]);
    expect(cache.stats).toMatchObject({ evictions: 0, expirations: 2 });
  });

  it.each(['constructor', 'resize'] as const)('The capacity must be an integer from 1 to 2^24 - 1 (%s)', (where) => {
    const cache = make<string, number>({ capacity: 2 }).set('a', 1).set('b', 2);
    for (const capacity of INVALID_CAPACITIES as never[]) {
      const attempt = () => (where === 'resize' ? cache.resize(capacity) : make({ capacity }));
      expect(attempt, inspect(capacity)).toThrow(InvalidOptionError);
      expect(attempt, inspect(capacity)).toThrow(/"capacity" must be an integer ≥ 1 and at most 16777215/);
    }
    expect([cache.capacity, cache.size]).toEqual([2, 2]);
    cache.resize(2 ** 24 - 1);
    expect([cache.capacity, make({ capacity: 2 ** 24 - 1 }).capacity]).toEqual([2 ** 24 - 1, 2 ** 24 - 1]);
    expect(() => make({} as never), name).toThrow(/"capacity" must be an integer/);
  });

  it('A large capacity allocates no memory before entries are stored', () => {
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
    return { cache, removals: removalTextsOf(cache) };
  };

  it('A larger capacity keeps the entries and admits more', () => {
    const { cache, removals } = filled(3);
    const before = [...cache];
    expect(cache.resize(50)).toBeUndefined();
    expect([[...cache], cache.capacity]).toEqual([before, 50]);
    for (let n = 3; n < 50; n++) cache.set(n, n);
    expect([cache.size, removals]).toEqual([50, []]);
    cache.set(50, 50);
    expect([cache.size, removals.length]).toEqual([50, 1]);
  });

  it('A smaller capacity evicts entries that do not fit, expired ones first', () => {
    const clock = new ManualClock();
    const cache = make<number, number>({ capacity: 6, clock });
    for (let n = 0; n < 6; n++) cache.set(n, n, { ttl: n === 4 ? 10 : Infinity });
    const removals = removalTextsOf(cache);
    clock.time = 10;
    cache.resize(3);
    expect([cache.size, cache.capacity, removals.length, removals[0]]).toEqual([3, 3, 3, '4=4 expired']);
    expect(cache.stats).toMatchObject({ evictions: 2, expirations: 1 });
    expect(cache.set(9, 9).size).toBe(3);
  });

  it('A much smaller capacity keeps the metadata of the remaining entries and frees memory', async () => {
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
    const removals = removalTextsOf(cache);
    cache.resize(30);
    const { entries } = cache.dump();
    expect(entries.length).toBe(30);
    for (const entry of entries) expect(entry).toEqual({ ...before.get(entry.key), uses: entry.uses });
    expect([...cache.keys()]).toEqual(entries.map(({ key }) => key));
    expect(cache.stats).toMatchObject({ inserts, evictions: evictions + 19_970 });
    expect(removals.length).toBe(19_970);
    expect(cache.weight).toBe(entries.reduce((sum, { value }) => sum + value, 0));
    if (name !== 'TinyLfuCache' && name !== 'RandomCache') {
      const position = new Map([...before.keys()].map((key, index) => [key, index]));
      const positions = entries.map(({ key }) => position.get(key)!);
      expect(positions).toEqual([...positions].sort((a, b) => a - b));
    }
    const isFreed = () => process.memoryUsage().arrayBuffers < memory - 20_000 * 16;
    for (let turn = 0; turn < 10 && !isFreed(); turn++) {
      await settle();
      collectGarbage();
    }
    expect(isFreed()).toBe(true);
    for (let n = 0; n < 100; n++) cache.set(-n, n);
    expect(cache.size).toBe(30);
  });

  it('An equal capacity changes nothing', () => {
    const { cache, removals } = filled(5);
    const before = [[...cache], cache.stats];
    cache.resize(5);
    expect([[...cache], cache.stats]).toEqual(before);
    expect(removals).toEqual([]);
  });

  it('Repeated changes of the capacity keep size and statistics consistent', () => {
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
  it('The options must be an object', () => {
    for (const options of [null, 'abc', 100, true, [], 5n, () => 1] as never[]) {
      expect(() => make(options), inspect(options)).toThrow(InvalidOptionError);
    }
  });

  it('An unknown option is rejected with a suggestion', () => {
    for (const [wrong, meant] of Object.entries({
      max: 'maxWeight',
      capcity: 'capacity',
      TTL: 'ttl',
      touchOnget: 'touchOnGet',
      maxSize: 'maxWeight',
      purgeevery: 'purgeEvery',
    })) {
      const attempt = () => make({ capacity: 1, [wrong]: 1 } as never);
      expect(attempt, wrong).toThrow(`${name}: "${wrong}" is unknown (did you mean "`);
      if (wrong !== 'max') expect(attempt, wrong).toThrow(`"${meant}"?)`);
    }
  });

  it('An undefined option takes its default', () => {
    const cache = make<string, number>({
      ...{ capacity: 2, ttl: undefined, touchOnGet: undefined, maxWeight: undefined, weigh: undefined },
      ...{ purgeEvery: undefined, name: undefined, clock: undefined },
    });
    expect(cache.set('a', 1, undefined).set('b', 2, {}).expiresInMs('a')).toBe(Infinity);
  });

  it('The options are read once, and a frozen object is accepted', () => {
    const options = { capacity: 2 };
    const cache = make<number, number>(options);
    options.capacity = 1;
    expect([cache.set(1, 1).set(2, 2).size, options]).toEqual([2, { capacity: 1 }]);
    expect(make(Object.freeze({ capacity: 1 })).capacity).toBe(1);
  });

  it('Options of the wrong type are rejected', () => {
    const bad: Record<string, readonly unknown[]> = {
      touchOnGet: [null, 0, 1, 'true', {}],
      clock: [null, true, {}, Date, { now: () => 1 }],
      name: [null, true, {}, '', 1],
    };
    for (const [option, values] of Object.entries(bad)) {
      for (const value of values) {
        const attempt = () => make({ capacity: 1, [option]: value });
        expect(attempt, `${option}: ${inspect(value)}`).toThrow(InvalidOptionError);
      }
    }
  });

  it('Later error messages start with the name of the cache', () => {
    const cache = make<string, number>({ capacity: 1, name: 'users' });
    expect(() => cache.resize(0)).toThrow('users: "capacity"');
    expect(() => cache.set('a', 1, { ttl: -1 })).toThrow('users: "ttl"');
    expect(() => make<string, number>({ capacity: 1 }).resize(0)).toThrow(`${name}: "capacity"`);
  });

  it('A rejected option is reported with owner, option and value', () => {
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

  it('The options of set must be an object', () => {
    const cache = make<string, number>({ capacity: 1 });
    for (const options of [null, 5, '1s', true] as never[]) {
      expect(() => cache.set('a', 1, options), inspect(options)).toThrow(InvalidOptionError);
    }
    expect(cache.size).toBe(0);
  });
});
