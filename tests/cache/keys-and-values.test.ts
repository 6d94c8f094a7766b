import { describe, expect, it } from 'vitest';
import { CACHES } from './caches.js';

describe.each(CACHES)('%s', (_name, make) => {
  it('NaN and -0 are keys as in a Map, and null is a value', () => {
    const cache = make<number, null>({ capacity: 5 }).set(Number.NaN, null).set(-0, null);
    expect([cache.get(Number.NaN), cache.get(0), cache.has(-0), cache.size]).toEqual([null, null, true, 2]);
  });

  it('The key __proto__ is counted and does not change the prototype of objects', () => {
    const cache = make<string, object>({ capacity: 2 }).set('__proto__', { polluted: true });
    expect([cache.size, cache.get('__proto__'), [...cache.keys()]]).toEqual([1, { polluted: true }, ['__proto__']]);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect([cache.set('a', {}).size, cache.delete('__proto__'), cache.has('__proto__'), cache.size]).toEqual([
      2,
      true,
      false,
      1,
    ]);
  });

  it('The keys constructor and toString are missing before they are set, count, and can be evicted', () => {
    const cache = make<string, number>({ capacity: 2 });
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    expect(names.map((key) => [cache.has(key), cache.get(key)])).toEqual(names.map(() => [false, undefined]));
    for (const key of names) cache.set(key, 1);
    expect([cache.size, cache.stats.inserts, cache.stats.evictions]).toEqual([2, 4, 2]);
  });

  it('A key may be undefined', () => {
    const cache = make<undefined, number>({ capacity: 2 }).set(undefined, 1);
    expect([cache.get(undefined), cache.has(undefined), [...cache.keys()]]).toEqual([1, true, [undefined]]);
    expect([cache.delete(undefined), cache.size]).toEqual([true, 0]);
  });

  it('A value of undefined is stored and does not delete the key', () => {
    const cache = make<string, undefined>({ capacity: 2 }).set('a', undefined);
    expect([cache.has('a'), cache.size, cache.getOrInsertComputed('a', () => expect.unreachable())]).toEqual([
      ...[true, 1, undefined],
    ]);
  });

  it("The number 1 and the string '1' are two keys, and so are two objects", () => {
    const [one, other] = [{}, {}];
    const cache = make<unknown, string>({ capacity: 9 })
      .set(1, 'number')
      .set('1', 'text')
      .set(one, 'one')
      .set(other, 'other');
    expect([1, '1', one, other].map((key) => cache.get(key))).toEqual(['number', 'text', 'one', 'other']);
    expect(cache.size).toBe(4);
  });

  it('Keys are compared by SameValueZero', () => {
    const cache = make<unknown, number>({ capacity: 9 });
    const pairs = [
      [Number.NaN, Number.NaN],
      [0, -0],
      ['a', `${'a'}`],
      [1n, 1n],
      [null, null],
    ] as const;
    for (const [key, same] of pairs) expect([cache.set(key, 1).has(same), cache.delete(same)]).toEqual([true, true]);
    const others = [
      [1, '1'],
      [1, 1n],
      [null, undefined],
      [true, 1],
      ['', 0],
      [Symbol('s'), Symbol('s')],
    ] as const;
    for (const [key, other] of others) expect([cache.set(key, 1).has(other), cache.delete(key)]).toEqual([false, true]);
  });
});
