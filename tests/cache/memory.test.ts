/** A cache retains its entries and nothing else. */
import type { Cache } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { CACHES } from './caches.js';

/** The number of objects that are still alive after a few collections. */
async function countAlive(refs: readonly WeakRef<object>[]): Promise<number> {
  const alive = () => refs.filter((ref) => ref.deref() !== undefined).length;
  for (let turn = 0; turn < 10 && alive() > 0; turn++) {
    await settle(); // a WeakRef that was read retains its object until the turn ends
    collectGarbage();
  }
  await settle();
  return alive();
}

const heapUsed = async () => {
  await settle();
  collectGarbage();
  return process.memoryUsage().heapUsed;
};

describe.each(CACHES)('%s', (_name, make) => {
  const LEAVES: Record<string, (cache: Cache<object, object>, key: object, clock: ManualClock) => unknown> = {
    'was deleted': (cache, key) => cache.delete(key),
    'was cleared': (cache) => cache.clear(),
    'has expired and was looked up': (cache, key, clock) => {
      clock.time = 100;
      cache.has(key);
    },
    'has expired and was purged': (cache, _key, clock) => {
      clock.time = 100;
      cache.purgeExpired();
    },
    'was evicted by resize': (cache) => cache.resize(1),
    'was replaced by restore': (cache) => cache.restore({ entries: [] }),
  };

  it.each(Object.keys(LEAVES))('The cache does not retain an entry that %s', async (how) => {
    const clock = new ManualClock();
    const cache = make<object, object>({ capacity: 40, clock });
    cache.on('remove', () => {});
    const refs = (() => {
      const keys = Array.from({ length: 30 }, () => ({}));
      const values = keys.map(() => ({}));
      for (const [n, key] of keys.entries()) cache.set(key, values[n]!, { ttl: 100 }).get(key);
      for (const key of keys) LEAVES[how]?.(cache, key, clock);
      return [...keys, ...values].map((one) => new WeakRef(one));
    })();
    cache.set(refs, refs);
    expect(await countAlive(refs)).toBe(0);
    expect(cache.size).toBe(1);
  });

  it('The cache does not retain a replaced value', async () => {
    const cache = make<string, object>({ capacity: 4 });
    const replaced = (() => {
      const value = {};
      cache.set('a', value).set('a', { another: 'value' });
      return new WeakRef(value);
    })();
    expect([await countAlive([replaced]), cache.size]).toEqual([0, 1]);
  });

  it('A million entries that pass through a cache leave no memory behind', async () => {
    const cache = make<number, number>({ capacity: 200 });
    const pass = (from: number, count: number) => {
      for (let n = from; n < from + count; n++) cache.set(n, n).get(n);
    };
    pass(0, 1000);
    cache.resize(100); // leaves unused slots
    pass(1000, 50_000);
    const before = await heapUsed();
    pass(51_000, 1_000_000);
    expect((await heapUsed()) - before).toBeLessThan(4_000_000);
    expect(cache.size).toBe(100);
  });

  it('The cache does not retain abandoned iterators', async () => {
    const cache = make<number, number>({ capacity: 100 });
    for (let n = 0; n < 100; n++) cache.set(n, n);
    const abandon = (count: number) => {
      for (let n = 0; n < count; n++) cache.keys().next();
    };
    const refs = (() => {
      const iterators = Array.from({ length: 30 }, () => cache.keys());
      for (const iterator of iterators) iterator.next();
      return iterators.map((iterator) => new WeakRef(iterator));
    })();
    expect(await countAlive(refs)).toBe(0);
    abandon(1000);
    const before = await heapUsed();
    for (let turn = 0; turn < 20; turn++) {
      abandon(2000);
      await settle(); // a WeakRef that was created retains its object until the turn ends
      collectGarbage();
    }
    expect((await heapUsed()) - before).toBeLessThan(2_000_000);
    expect(cache.size).toBe(100);
  });
});
