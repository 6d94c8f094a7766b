import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { CACHES } from './caches.js';

describe.each(CACHES)('%s', (_name, make) => {
  it('A listener that sets another key leaves size and iteration consistent', () => {
    const cache = make<string, number>({ capacity: 2 });
    let isFirst = true;
    cache.on('remove', () => {
      if (isFirst) cache.set('from the listener', 1);
      isFirst = false;
    });
    cache.set('a', 1).set('b', 2).set('c', 3);
    expect([cache.size, [...cache].length, new Set(cache.keys()).size]).toEqual([2, 2, 2]);
  });

  it('A listener that sets the same key again leaves a cache whose iteration ends', () => {
    const cache = make<string, number>({ capacity: 2 });
    let times = 0;
    cache.on('remove', ({ key, value }) => {
      if (++times < 5) cache.set(key, value + 1);
    });
    cache.set('a', 1).set('b', 2).set('b', 3).set('c', 4);
    let steps = 0;
    for (const _ of cache.keys()) expect(++steps).toBeLessThanOrEqual(2);
    expect([steps, cache.size, times]).toEqual([2, 2, 5]);
  });

  it('An error of a listener does not fail the set call, and the value is stored', async () => {
    using uncaught = catchUncaught();
    const cache = make<string, number>({ capacity: 1 });
    cache.on('remove', () => {
      throw new Error('ill');
    });
    expect(cache.set('a', 1).set('b', 2).get('b')).toBe(2);
    await settle();
    expect(uncaught.errors).toMatchObject([{ message: 'ill' }]);
  });

  it('A listener that sets a removed key again creates no duplicate key', () => {
    const cache = make<string, number>({ capacity: 3 });
    let times = 0;
    cache.on('remove', ({ reason }) => {
      if (reason === 'evicted' && ++times < 4) cache.set('d', times);
    });
    for (const key of 'abcde') cache.set(key, 0);
    const keys = [...cache.keys()];
    expect([new Set(keys).size, cache.size]).toEqual([keys.length, keys.length]);
  });

  it('Listeners run one after the other on a consistent cache, and a listener loop is cut off', async () => {
    using uncaught = catchUncaught();
    const cache = make<number, number>({ capacity: 3 });
    let [depth, calls] = [0, 0];
    cache.on('remove', ({ key, value }) => {
      expect([++depth, cache.size, [...cache].length, cache.has(key)]).toEqual([1, 3, 3, false]);
      if (++calls < 50_000) cache.set(key, value);
      depth--;
    });
    for (let n = 0; n < 4; n++) cache.set(n, n);
    await settle();
    expect(calls).toBeLessThan(50_000);
    expect(uncaught.errors).toMatchObject([{ name: 'RangeError' }]);
    expect(cache.size).toBe(3);
  });
});
