/** Behaviour that caches share with a Map. */
import { describe, expect, it } from 'vitest';
import { CACHES, removalsOf } from './caches.js';

const KEYS: readonly unknown[] = [
  ...[1, '1', 0, '0', Number.NaN, 'NaN', 1.5, -1, Infinity, -Infinity, 2 ** 53, 10n, '10', 10],
  ...[undefined, 'undefined', null, 'null', true, 'true', false, '', ' '],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'valueOf', '\ud800', 'a\0b'],
  ...[Symbol('s'), Symbol('s'), Symbol.for('s'), Symbol.iterator],
  ...[{}, {}, [], [1], () => 1, new Date(0), new Date(0), new Map(), Object.create(null)],
];

const capacity = 100;

describe.each(CACHES)('%s as a Map', (_name, make) => {
  it('Keys are distinguished as in a Map', () => {
    const [cache, map] = [make<unknown, number>({ capacity }), new Map<unknown, number>()];
    for (const one of [cache, map]) for (const [n, key] of KEYS.entries()) one.set(key, n);
    expect(cache.size).toBe(KEYS.length);
    expect(KEYS.map((key) => [cache.has(key), cache.get(key), cache.peek(key)])).toEqual(
      KEYS.map((_key, n) => [true, n, n]),
    );
    expect(new Map(cache)).toEqual(map);
    for (const [n, key] of KEYS.entries()) {
      expect([cache.delete(key), cache.delete(key), cache.has(key), cache.get(key)]).toEqual([
        true,
        false,
        false,
        undefined,
      ]);
      expect(cache.size).toBe(KEYS.length - n - 1);
    }
  });

  it('A key that resembles a stored one is missing', () => {
    const cache = make<unknown, number>({ capacity }).set({}, 1).set('1', 2).set(Symbol('s'), 3);
    expect([{}, 1, Symbol('s'), '__proto__', 'constructor', undefined].map((key) => cache.has(key))).not.toContain(
      true,
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    cache.set('__proto__', { polluted: true } as never);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('The key -0 is stored and returned as 0', () => {
    const cache = make<number, string>({ capacity });
    const removals = removalsOf(cache);
    cache.set(-0, 'a');
    expect([cache.get(0), cache.get(-0), cache.size]).toEqual(['a', 'a', 1]);
    const keys = [[...cache.keys()][0], cache.dump().entries[0]?.key];
    cache.set(-0, 'b').delete(-0);
    cache.set(-0, 'c').clear();
    keys.push(...removals.map(({ key }) => key));
    expect(removals.map(({ reason }) => reason)).toEqual(['replaced', 'deleted', 'cleared']);
    expect(keys.map((key) => Object.is(key, 0))).toEqual([true, true, true, true, true]);
  });

  it('The key -0 is passed to functions of the caller as 0, as in Map.getOrInsertComputed', () => {
    const seen: number[] = [];
    const weigh = ({ key }: { key: number }) => seen.push(key);
    const cache = make<number, string>({ capacity, maxWeight: 100, weigh });
    cache.getOrInsertComputed(-0, (key) => `${seen.push(key)}`);
    expect(seen.map((key) => Object.is(key, 0))).toEqual([true, true]);
  });

  it('The values undefined, null and NaN are stored', () => {
    const cache = make<string, unknown>({ capacity }).set('u', undefined).set('n', null).set('nan', Number.NaN);
    expect(['u', 'n', 'nan', 'no'].map((key) => cache.has(key))).toEqual([true, true, true, false]);
    expect(cache.size).toBe(3);
    expect([cache.get('u'), cache.get('n'), cache.get('nan')]).toEqual([undefined, null, Number.NaN]);
    expect(cache.stats).toMatchObject({ hits: 3, misses: 0 });
    expect(cache.getOrInsert('u', 'another')).toBeUndefined();
    expect(cache.getOrInsertComputed('n', () => 'another')).toBeNull();
    expect(new Map(cache)).toEqual(
      new Map<string, unknown>([
        ['u', undefined],
        ['n', null],
        ['nan', Number.NaN],
      ]),
    );
    expect(cache.delete('u')).toBe(true);
    expect(cache.has('u')).toBe(false);
  });

  it('set returns the cache', () => {
    const cache = make<string, number>({ capacity });
    expect(cache.set('a', 1).set('a', 2).set('b', 3)).toBe(cache);
    expect([cache.size, cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([2, 2, 3, undefined]);
  });

  it('clear removes all entries, and later ones are stored', () => {
    const cache = make<number, number>({ capacity });
    for (let round = 0; round < 3; round++) {
      for (let n = 0; n < 40; n++) cache.set(n, round);
      cache.clear();
      expect([cache.size, cache.weight, [...cache], cache.has(0)]).toEqual([0, 0, [], false]);
      cache.clear();
    }
    cache.set(1, 7);
    expect([...cache]).toEqual([[1, 7]]);
  });

  it('keys, values, entries, forEach and the cache itself iterate in the same order', () => {
    const cache = make<string, number>({ capacity }).set('a', 1).set('b', 2).set('c', 3);
    const entries = [...cache];
    expect(new Map(entries)).toEqual(new Map(Object.entries({ a: 1, b: 2, c: 3 })));
    expect([...cache.entries()]).toEqual(entries);
    expect([...cache.keys()]).toEqual(entries.map(([key]) => key));
    expect([...cache.values()]).toEqual(entries.map(([, value]) => value));
    const seen: unknown[] = [];
    const self = {};
    const see = function (this: unknown, value: number, key: string, of: unknown) {
      seen.push([key, value], this === self, of === cache);
    };
    expect(cache.forEach(see, self)).toBeUndefined();
    expect(seen).toEqual(entries.flatMap((entry) => [entry, true, true]));
    expect(() => cache.forEach('see' as never)).toThrow(/"callback" must be a function/);
  });

  it('Iterators are iterable and stay done after their end', () => {
    const cache = make<string, number>({ capacity }).set('a', 1);
    for (const iterator of [cache.keys(), cache.values(), cache.entries(), cache[Symbol.iterator]()]) {
      expect(iterator[Symbol.iterator]()).toBe(iterator);
      expect(iterator.next().done).toBe(false);
      expect(iterator.next()).toEqual({ done: true, value: undefined });
      cache.set(`${cache.size}`, 2);
      expect(iterator.next()).toEqual({ done: true, value: undefined });
      cache.clear();
      cache.set('a', 1);
    }
  });

  it('Iterated entries are copies whose changes do not reach the cache', () => {
    const cache = make<string, number>({ capacity }).set('a', 1);
    for (const entry of cache) entry[1] = 99;
    expect(cache.get('a')).toBe(1);
  });

  it('An error thrown by a forEach callback is rethrown and leaves the cache consistent', () => {
    const cache = make<string, number>({ capacity }).set('a', 1).set('b', 2);
    const stop = () => {
      throw new Error('stop');
    };
    expect(() => cache.forEach(stop)).toThrow('stop');
    expect(cache.set('c', 3).size).toBe(3);
  });
});
