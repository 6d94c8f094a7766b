/** What caches have in common with a Map. */
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
  it('tells the same keys apart as a Map does', () => {
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

  it('finds nothing under a key that only looks like one that is there', () => {
    const cache = make<unknown, number>({ capacity }).set({}, 1).set('1', 2).set(Symbol('s'), 3);
    expect([{}, 1, Symbol('s'), '__proto__', 'constructor', undefined].map((key) => cache.has(key))).not.toContain(
      true,
    );
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    cache.set('__proto__', { polluted: true } as never);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('-0 is 0, wherever the key comes out', () => {
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

  it('-0 is 0 for the functions of the caller too, as in Map.getOrInsertComputed', () => {
    const seen: number[] = [];
    const weigh = ({ key }: { key: number }) => seen.push(key);
    const cache = make<number, string>({ capacity, maxWeight: 100, weigh });
    cache.getOrInsertComputed(-0, (key) => `${seen.push(key)}`);
    expect(seen.map((key) => Object.is(key, 0))).toEqual([true, true]);
  });

  it('keeps undefined, null and NaN as values', () => {
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

  it('set gives the cache, over and over', () => {
    const cache = make<string, number>({ capacity });
    expect(cache.set('a', 1).set('a', 2).set('b', 3)).toBe(cache);
    expect([cache.size, cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([2, 2, 3, undefined]);
  });

  it('clear leaves nothing, and what comes after is kept', () => {
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

  it('keys, values, entries, forEach and the cache itself go the same way round', () => {
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

  it('its iterators can be iterated, and stay at their end', () => {
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

  it('entries are fresh pairs: changing one changes nothing', () => {
    const cache = make<string, number>({ capacity }).set('a', 1);
    for (const entry of cache) entry[1] = 99;
    expect(cache.get('a')).toBe(1);
  });

  it('errors thrown by a forEach callback come out, and nothing is out of order', () => {
    const cache = make<string, number>({ capacity }).set('a', 1).set('b', 2);
    const stop = () => {
      throw new Error('stop');
    };
    expect(() => cache.forEach(stop)).toThrow('stop');
    expect(cache.set('c', 3).size).toBe(3);
  });
});
