/** An entry whose age is at least its ttl has expired. */
import { inspect } from 'node:util';
import { InvalidOptionError } from 'breakwater';
import type { Cache } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES, removalTextsOf } from './caches.js';

const DAY = 86_400_000;
const INVALID_DURATIONS: readonly unknown[] = [
  ...[Number.NaN, 0, -0, -1, -Infinity, '5', '5x', '-5s', '1e3s', '', '0s', 'Infinity', null, true, {}, [], 5n],
  new Date(5),
];
const unreachable = (): void => expect.unreachable();
/** Whether the key has an entry, by every method that does not count as a use. */
const isAlive = <K, V>(cache: Cache<K, V>, key: K) => {
  const answers = [cache.has(key), cache.expiresInMs(key) !== undefined, [...cache.keys()].includes(key)];
  expect(new Set(answers).size).toBe(1);
  return answers[0];
};

describe.each(CACHES)('%s', (name, make) => {
  const setUp = (options: { ttl?: number | '30d'; touchOnGet?: boolean } = {}) => {
    const clock = new ManualClock();
    return { clock, cache: make<string, number>({ capacity: 10, clock, ...options }) };
  };

  it('An entry without a ttl does not expire', () => {
    const { clock, cache } = setUp();
    cache.set('a', 1);
    clock.time = 1e15;
    expect([cache.get('a'), cache.expiresInMs('a'), cache.expiresInMs('b'), cache.purgeExpired()]).toEqual([
      ...[1, Infinity, undefined, 0],
    ]);
  });

  it('An entry expires exactly when its age reaches its ttl', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    cache.set('a', 1);
    expect(cache.expiresInMs('a')).toBe(100);
    clock.time = 99.999;
    expect([cache.get('a'), isAlive(cache, 'a')]).toEqual([1, true]);
    clock.time = 100;
    expect([isAlive(cache, 'a'), cache.get('a'), cache.peek('a'), cache.size]).toEqual([
      false,
      undefined,
      undefined,
      0,
    ]);
  });

  it.each([
    ['get', (cache: Cache<string, number>) => cache.get('a')],
    ['peek', (cache: Cache<string, number>) => cache.peek('a')],
    ['expiresInMs', (cache: Cache<string, number>) => cache.expiresInMs('a')],
    ['has', (cache: Cache<string, number>) => cache.has('a') || undefined],
    ['delete', (cache: Cache<string, number>) => cache.delete('a') || undefined],
    ['size', (cache: Cache<string, number>) => cache.size || undefined],
    ['weight', (cache: Cache<string, number>) => cache.weight || undefined],
    ['keys', (cache: Cache<string, number>) => [...cache.keys()][0]],
    ['values', (cache: Cache<string, number>) => [...cache.values()][0]],
    ['entries', (cache: Cache<string, number>) => [...cache][0]],
    ['forEach', (cache: Cache<string, number>) => cache.forEach(unreachable)],
    ['dump', (cache: Cache<string, number>) => cache.dump().entries[0]],
  ] as const)('An expired entry is absent for %s and is reported once', (_what, look) => {
    const { clock, cache } = setUp({ ttl: 100 });
    const removals = removalTextsOf(cache);
    cache.set('a', 1);
    clock.time = 100;
    expect([look(cache), look(cache)]).toEqual([undefined, undefined]);
    expect([removals, cache.stats.expirations]).toEqual([['a=1 expired'], 1]);
  });

  it('getOrInsert replaces an expired entry', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    cache.set('a', 1).set('b', 1);
    clock.time = 100;
    expect([cache.getOrInsert('a', 2), cache.getOrInsertComputed('b', () => 2), cache.expiresInMs('a')]).toEqual([
      ...[2, 2, 100],
    ]);
    expect(cache.stats).toMatchObject({ misses: 2, hits: 0, expirations: 2, inserts: 4, updates: 0 });
  });

  it('The ttl of an entry replaces the ttl of the cache, longer or shorter', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    cache.set('own', 1).set('short', 2, { ttl: 10 }).set('long', 3, { ttl: '1s' }).set('never', 4, { ttl: Infinity });
    cache.set('undefined', 5, { ttl: undefined });
    expect(['own', 'short', 'long', 'never', 'undefined'].map((key) => cache.expiresInMs(key))).toEqual([
      ...[100, 10, 1000, Infinity, 100],
    ]);
    clock.time = 10;
    expect([...cache.keys()].sort()).toEqual(['long', 'never', 'own', 'undefined']);
    clock.time = 100;
    expect([...cache.keys()].sort()).toEqual(['long', 'never']);
    clock.time = 1e12;
    expect([...cache.keys()]).toEqual(['never']);
  });

  it('set restarts the ttl with the given ttl or that of the cache', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    cache.set('a', 1, { ttl: 1000 }).set('b', 1);
    clock.time = 50;
    cache.set('a', 2).set('b', 2, { ttl: Infinity });
    expect([cache.expiresInMs('a'), cache.expiresInMs('b')]).toEqual([100, Infinity]);
    clock.time = 150;
    expect([cache.has('a'), cache.has('b')]).toEqual([false, true]);
    cache.set('b', 3);
    expect(cache.expiresInMs('b')).toBe(100);
  });

  it('An entry that was set before the first ttl never expires', () => {
    for (const touchOnGet of [false, true]) {
      const { clock, cache } = setUp({ touchOnGet });
      cache.set('old', 1).set('new', 2, { ttl: 10 });
      expect([cache.get('old'), cache.expiresInMs('old'), cache.get('old')]).toEqual([1, Infinity, 1]);
      clock.time = 1e9;
      expect([cache.get('old'), cache.get('new'), cache.size]).toEqual([1, undefined, 1]);
    }
  });

  it('With touchOnGet only a use restarts the ttl', () => {
    const { clock, cache } = setUp({ ttl: 100, touchOnGet: true });
    cache.set('get', 1).set('insert', 1).set('compute', 1).set('own', 1, { ttl: 200 }).set('unused', 1);
    clock.time = 60;
    cache.get('get');
    cache.getOrInsert('insert', 2);
    cache.getOrInsertComputed('compute', () => 2);
    cache.get('own');
    expect(cache.has('unused') && cache.peek('unused') && [...cache].length).toBe(5);
    expect(['get', 'insert', 'compute', 'own', 'unused'].map((key) => cache.expiresInMs(key))).toEqual([
      ...[100, 100, 100, 200, 40],
    ]);
    for (clock.time = 110; clock.time < 2000; clock.time += 50) cache.get('get');
    expect([...cache.keys()]).toEqual(['get']);
    expect(cache.stats.expirations).toBe(4);
  });

  it('Without touchOnGet a get does not restart the ttl', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    cache.set('a', 1);
    clock.time = 60;
    cache.get('a');
    cache.getOrInsert('a', 2);
    expect(cache.expiresInMs('a')).toBe(40);
  });

  it('A ttl may exceed 30 days and 2^31 ms', () => {
    const { clock, cache } = setUp({ ttl: '30d' });
    cache
      .set('a', 1)
      .set('b', 1, { ttl: 2 ** 31 })
      .set('c', 1, { ttl: Number.MAX_VALUE });
    clock.time = 2 ** 31;
    expect(['a', 'b', 'c'].map((key) => cache.has(key))).toEqual([true, false, true]);
    clock.time = 30 * DAY - 1;
    expect(cache.expiresInMs('a')).toBe(1);
    clock.time = 30 * DAY;
    expect([...cache.keys()]).toEqual(['c']);
  });

  it('A ttl may be the smallest positive number', () => {
    const { clock, cache } = setUp({ ttl: Number.MIN_VALUE });
    cache.set('a', 1);
    expect(cache.has('a')).toBe(true);
    clock.time = Number.MIN_VALUE;
    expect(cache.has('a')).toBe(false);
  });

  it('An invalid ttl is rejected and nothing is stored', () => {
    const { cache } = setUp();
    cache.set('a', 1);
    for (const ttl of INVALID_DURATIONS as never[]) {
      expect(() => make({ capacity: 1, ttl }), inspect(ttl)).toThrow(InvalidOptionError);
      expect(() => cache.set('a', 2, { ttl }), inspect(ttl)).toThrow(InvalidOptionError);
      expect(() => cache.set('b', 2, { ttl }), inspect(ttl)).toThrow(/"ttl" must be milliseconds or a string like/);
    }
    expect([...cache]).toEqual([['a', 1]]);
  });

  it('After a clock steps back, entries still expire and none is lost', () => {
    const { clock, cache } = setUp({ ttl: 100 });
    clock.time = 1000;
    cache.set('before', 1);
    clock.time = 500;
    cache.set('after', 2).set('never', 3, { ttl: Infinity });
    expect([cache.size, cache.purgeExpired()]).toEqual([3, 0]);
    clock.time = 600;
    expect([cache.purgeExpired(), [...cache.keys()].sort()]).toEqual([1, ['before', 'never']]);
    clock.time = 1100;
    expect([cache.purgeExpired(), [...cache.keys()]]).toEqual([1, ['never']]);
  });

  it('expiresInMs is above 0 for a live entry even if the clock advances at each reading', () => {
    let now = 0;
    const clock = { now: () => now++, setTimeout: () => 0, clearTimeout: () => {} };
    const cache = make<string, number>({ capacity: 1, clock });
    for (let ttl = 1; ttl < 10; ttl++) {
      cache.set('a', 1, { ttl });
      for (let left = cache.expiresInMs('a'); left !== undefined; left = cache.expiresInMs('a')) {
        expect(left).toBeGreaterThan(0);
      }
    }
  });

  it.skipIf(name === 'TtlCache')('The clock is not read while no entry can expire', () => {
    const clock = { now: () => expect.unreachable(), setTimeout: () => 0, clearTimeout: () => {} };
    const cache = make<string, number>({ capacity: 2, clock }).set('a', 1).set('b', 2, { ttl: Infinity }).set('c', 3);
    expect([cache.size, cache.has('x'), [...cache].length, cache.delete('y'), cache.purgeExpired()]).toEqual([
      ...[2, false, 2, false, 0],
    ]);
  });
});

describe.each(CACHES)('%s.purgeExpired', (_name, make) => {
  it('purgeExpired removes all expired entries and returns their number', () => {
    const clock = new ManualClock();
    const cache = make<number, number>({ capacity: 100, clock });
    for (let n = 0; n < 90; n++) cache.set(n, n, { ttl: n % 3 === 0 ? Infinity : ((n * 37) % 90) + 1 });
    let purged = 0;
    for (clock.time = 0; clock.time <= 100; clock.time += 7) purged += cache.purgeExpired();
    expect([purged, cache.size, cache.purgeExpired(), cache.stats.expirations]).toEqual([60, 30, 0, 60]);
  });

  it('purgeExpired returns the number of removed entries even if listeners set them again', () => {
    const clock = new ManualClock();
    const cache = make<number, number>({ capacity: 10, clock });
    cache.set(1, 1, { ttl: 5 }).set(2, 2, { ttl: 5 }).set(3, 3);
    cache.on('remove', ({ key, value }) => cache.set(key, value));
    clock.time = 5;
    expect([cache.purgeExpired(), cache.size]).toEqual([2, 3]);
  });
});
