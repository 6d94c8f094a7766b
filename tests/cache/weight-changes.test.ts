import { InvalidOptionError } from 'breakwater';
import { describe, expect, it } from 'vitest';
import { CACHES } from './caches.js';

describe.each(CACHES)('%s', (_name, make) => {
  it('The total weight follows updates, and an entry of an invalid weight changes nothing', () => {
    const cache = make<string, number>({ capacity: 9, maxWeight: 10, weigh: ({ value }) => value });
    cache.set('a', 4).set('b', 4).set('a', 6);
    expect([cache.weight, cache.size]).toEqual([10, 2]);
    cache.set('c', 11);
    expect([cache.weight, cache.size, cache.has('c'), cache.stats.rejections]).toEqual([10, 2, false, 1]);
    cache.set('a', 11); // the older value is not kept
    expect([...cache]).toEqual([['b', 4]]);
    cache.set('nothing', 0);
    expect([cache.weight, cache.size]).toEqual([4, 2]);
    for (const weight of [Number.NaN, Infinity, -1]) expect(() => cache.set('b', weight)).toThrow(InvalidOptionError);
    expect([cache.weight, cache.get('b')]).toEqual([4, 4]);
  });
});
