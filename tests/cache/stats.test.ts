import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES } from './caches.js';

const NONE = { hits: 0, misses: 0, inserts: 0, updates: 0, evictions: 0, expirations: 0, rejections: 0 };

describe.each(CACHES)('the statistics of %s', (_name, make) => {
  const setUp = () => {
    const clock = new ManualClock();
    return { clock, cache: make<string, number>({ capacity: 2, clock, maxWeight: 10, weigh: ({ value }) => value }) };
  };

  it('The statistics begin at 0', () => {
    expect(setUp().cache.stats).toEqual(NONE);
  });

  it('get and getOrInsert count as hits and misses', () => {
    const { cache } = setUp();
    cache.get('a');
    cache.getOrInsert('a', 1);
    cache.getOrInsertComputed('b', () => 2);
    expect(cache.stats).toEqual({ ...NONE, misses: 3, inserts: 2 });
    cache.get('a');
    cache.getOrInsert('a', 3);
    cache.getOrInsertComputed('b', () => 4);
    expect(cache.stats).toEqual({ ...NONE, misses: 3, hits: 3, inserts: 2 });
  });

  it('has, peek, expiresInMs, size and iteration are not counted', () => {
    const { cache } = setUp();
    cache.set('a', 1);
    const { stats } = cache;
    for (const key of ['a', 'b']) {
      cache.has(key);
      cache.peek(key);
      cache.expiresInMs(key);
    }
    expect([cache.size, cache.weight, [...cache].length, cache.dump().entries.length]).toEqual([1, 1, 1, 1]);
    cache.forEach(() => {});
    expect(cache.stats).toEqual(stats);
  });

  it('Inserts, updates, evictions, expirations and rejections are counted separately', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1).set('a', 1).set('a', 2);
    expect(cache.stats).toEqual({ ...NONE, inserts: 1, updates: 2 });
    cache.set('b', 1).set('c', 1);
    expect(cache.stats).toEqual({ ...NONE, inserts: 3, updates: 2, evictions: 1 });
    cache.set('d', 11);
    expect(cache.stats).toEqual({ ...NONE, inserts: 3, updates: 2, evictions: 1, rejections: 1 });
    cache.clear();
    cache.set('e', 1, { ttl: 5 });
    clock.time = 5;
    cache.set('e', 2); // an insert, since the previous entry has expired
    expect(cache.stats).toEqual({ ...NONE, inserts: 5, updates: 2, evictions: 1, rejections: 1, expirations: 1 });
    cache.delete('e');
    cache.delete('e');
    expect(cache.stats).toEqual({ ...NONE, inserts: 5, updates: 2, evictions: 1, rejections: 1, expirations: 1 });
  });

  it('An expiration is counted once whichever method detects it', () => {
    const { cache, clock } = setUp();
    cache.set('a', 1, { ttl: 5 }).set('b', 1, { ttl: 5 });
    clock.time = 5;
    expect([cache.get('a'), cache.get('a'), cache.size, cache.purgeExpired()]).toEqual([undefined, undefined, 0, 0]);
    expect(cache.stats).toEqual({ ...NONE, inserts: 2, expirations: 2, misses: 2 });
  });

  it('The statistics are a snapshot', () => {
    const { cache } = setUp();
    const { stats } = cache;
    cache.set('a', 1);
    expect(stats).toEqual(NONE);
  });

  it('The statistics continue after a clear and a restore', () => {
    const { cache } = setUp();
    cache.set('a', 1).get('a');
    const dump = cache.dump();
    cache.clear();
    expect(cache.stats).toEqual({ ...NONE, inserts: 1, hits: 1 });
    cache.restore(dump);
    expect(cache.stats).toEqual({ ...NONE, inserts: 2, hits: 1 });
  });
});
