/** What a cache holds on to: what is in it, and nothing else. */
import type { Cache } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { CACHES } from './caches.js';

/** How many of them are still there after a few collections. */
async function countLeft(refs: readonly WeakRef<object>[]): Promise<number> {
  const left = () => refs.filter((ref) => ref.deref() !== undefined).length;
  for (let turn = 0; turn < 10 && left() > 0; turn++) {
    await settle(); // a WeakRef that was read holds until the turn ends
    collectGarbage();
  }
  await settle();
  return left();
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
    'has expired and was looked for': (cache, key, clock) => {
      clock.time = 100;
      cache.has(key);
    },
    'has expired and was purged': (cache, _key, clock) => {
      clock.time = 100;
      cache.purgeExpired();
    },
    'had no room any more': (cache) => cache.resize(1),
    'was replaced by what a dump had': (cache) => cache.restore({ entries: [] }),
  };

  it.each(Object.keys(LEAVES))('lets go of what %s', async (how) => {
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
    expect(await countLeft(refs)).toBe(0);
    expect(cache.size).toBe(1);
  });

  it('lets go of a value that was replaced', async () => {
    const cache = make<string, object>({ capacity: 4 });
    const replaced = (() => {
      const value = {};
      cache.set('a', value).set('a', { another: 'value' });
      return new WeakRef(value);
    })();
    expect([await countLeft([replaced]), cache.size]).toEqual([0, 1]);
  });

  it('holds no more after a million others have passed through it than before', async () => {
    const cache = make<number, number>({ capacity: 200 });
    const pass = (from: number, count: number) => {
      for (let n = from; n < from + count; n++) cache.set(n, n).get(n);
    };
    pass(0, 1000);
    cache.resize(100); // leaves places unused
    pass(1000, 50_000);
    const before = await heapUsed();
    pass(51_000, 1_000_000);
    expect((await heapUsed()) - before).toBeLessThan(4_000_000);
    expect(cache.size).toBe(100);
  });

  it('lets go of iterators that were abandoned, though nothing has changed since', async () => {
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
    expect(await countLeft(refs)).toBe(0);
    abandon(1000);
    const before = await heapUsed();
    for (let turn = 0; turn < 20; turn++) {
      abandon(2000);
      await settle(); // a WeakRef that was made holds until the turn ends
      collectGarbage();
    }
    expect((await heapUsed()) - before).toBeLessThan(2_000_000);
    expect(cache.size).toBe(100);
  });
});
