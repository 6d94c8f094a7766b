import { describe, expect, it } from 'vitest';
import { CACHES } from './caches.js';

const capacity = 10;

describe.each(CACHES)('%s', (_name, make) => {
  describe('getOrInsert', () => {
    it('getOrInsert stores a missing value and returns an existing one', () => {
      const cache = make<string, number>({ capacity });
      expect([cache.getOrInsert('a', 1), cache.getOrInsert('a', 2), cache.get('a')]).toEqual([1, 1, 1]);
      expect(cache.stats).toMatchObject({ hits: 2, misses: 1, inserts: 1, updates: 0 });
    });

    it('The value is returned even if it is too heavy to be stored', () => {
      const cache = make<string, number>({ capacity, maxWeight: 5, weigh: ({ value }) => value });
      expect([cache.getOrInsert('a', 6), cache.size]).toEqual([6, 0]);
      expect([cache.getOrInsertComputed('a', () => 7), cache.size]).toEqual([7, 0]);
    });
  });

  describe('getOrInsertComputed', () => {
    it('A missing value is computed once from the key', () => {
      const cache = make<string, string>({ capacity });
      const calls: unknown[] = [];
      const compute = (...args: [string]) => {
        calls.push(args);
        return `${args[0]}!`;
      };
      expect([cache.getOrInsertComputed('a', compute), cache.getOrInsertComputed('a', compute)]).toEqual(['a!', 'a!']);
      expect(calls).toEqual([['a']]);
      expect(cache.stats).toMatchObject({ hits: 1, misses: 1, inserts: 1 });
    });

    it('An error of the function stores nothing, and the next call computes again', () => {
      const cache = make<string, number>({ capacity });
      const error = new Error('no');
      const fail = () => {
        throw error;
      };
      expect(() => cache.getOrInsertComputed('a', fail)).toThrow(error);
      expect([cache.has('a'), cache.size, cache.stats.inserts]).toEqual([false, 0, 0]);
      expect(cache.getOrInsertComputed('a', () => 2)).toBe(2);
    });

    it('A computed undefined is stored', () => {
      const cache = make<string, number | undefined>({ capacity });
      expect(cache.getOrInsertComputed('a', () => undefined)).toBeUndefined();
      expect(cache.has('a')).toBe(true);
      expect(cache.getOrInsertComputed('a', () => 1)).toBeUndefined();
    });

    it('The computed value replaces one that the function itself has stored, as in a Map', () => {
      const cache = make<string, number>({ capacity });
      const value = cache.getOrInsertComputed('a', (key) => {
        cache.set(key, 1);
        return 2;
      });
      expect([value, cache.get('a'), cache.size]).toEqual([2, 2, 1]);
    });

    it('getOrInsertComputed may be nested for the same key and for others', () => {
      const cache = make<number, number>({ capacity: 100 });
      const fibonacci = (n: number): number =>
        n < 2 ? n : cache.getOrInsertComputed(n - 1, fibonacci) + cache.getOrInsertComputed(n - 2, fibonacci);
      expect(cache.getOrInsertComputed(60, fibonacci)).toBe(1548008755920);
      const nested = cache.getOrInsertComputed(-1, (key) => cache.getOrInsertComputed(key, () => 1) + 1);
      expect([nested, cache.get(-1)]).toEqual([2, 2]);
    });

    it.each(['delete', 'clear', 'resize', 'fill', 'dispose'] as const)(
      'The function of getOrInsertComputed may %s the cache',
      (what) => {
        const cache = make<string, number>({ capacity }).set('other', 0);
        const value = cache.getOrInsertComputed('a', (key) => {
          if (what === 'delete') cache.delete(key);
          if (what === 'clear') cache.clear();
          if (what === 'resize') cache.resize(2);
          if (what === 'fill') for (let n = 0; n < 30; n++) cache.set(`${n}`, n);
          if (what === 'dispose') cache[Symbol.dispose]();
          return 1;
        });
        expect(value).toBe(1);
        expect(cache.size).toBe([...cache.keys()].length);
        expect(cache.size).toBeLessThanOrEqual(cache.capacity);
        if (what !== 'fill') expect(cache.peek('a')).toBe(1);
      },
    );

    it.each([undefined, null, 1, 'compute', {}])(
      'getOrInsertComputed rejects %j as function for existing and missing keys',
      (bad) => {
        const cache = make<string, number>({ capacity }).set('a', 1);
        for (const key of ['a', 'b']) {
          expect(() => cache.getOrInsertComputed(key, bad as never)).toThrow(/"compute" must be a function/);
        }
        expect(cache.stats).toMatchObject({ hits: 0, misses: 0 });
      },
    );
  });
});
