import { TinyLfuCache } from 'breakwater/cache';
import { seededRandom } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { removalTextsOf } from './caches.js';

/** A cache with `frequentKeys` keys of `uses` uses each, filled with other keys afterwards. */
function withFrequentKeys(capacity: number, frequentKeys: number, uses: number) {
  const cache = new TinyLfuCache<number, number>({ capacity });
  for (let use = 0; use < uses; use++) for (let n = 0; n < frequentKeys; n++) cache.getOrInsert(n, n);
  for (let n = 0; n < capacity; n++) cache.getOrInsert(1e6 + n, n);
  const kept = () => Array.from({ length: frequentKeys }, (_, n) => n).filter((n) => cache.has(n)).length;
  return { cache, kept };
}

describe('TinyLfuCache', () => {
  it.each([20, 100, 1000, 5000])('Frequent keys survive a scan (capacity %i)', (capacity) => {
    const { cache, kept } = withFrequentKeys(capacity, capacity / 5, 5);
    for (let n = 0; n < 5 * capacity; n++) cache.getOrInsert(2e6 + n, n);
    expect(kept()).toBeGreaterThan(0.9 * (capacity / 5));
  });

  it('Formerly frequent keys are evicted for newly frequent ones although their counters were saturated', () => {
    const { cache, kept } = withFrequentKeys(100, 80, 20);
    for (let use = 0; use < 100; use++) for (let n = 0; n < 80; n++) cache.getOrInsert(-1 - n, n);
    expect(Array.from({ length: 80 }, (_, n) => -1 - n).filter((key) => cache.has(key)).length).toBeGreaterThan(75);
    expect(kept()).toBeLessThan(25);
  });

  it('A new entry can be read right after its set', () => {
    const { cache } = withFrequentKeys(100, 100, 15);
    for (let n = 0; n < 500; n++) expect(cache.set(3e6 + n, n).get(3e6 + n)).toBe(n);
  });

  it('A new key that is requested often enough stays', () => {
    const { cache } = withFrequentKeys(100, 100, 3);
    for (let n = 0; n < 2000; n++) {
      cache.getOrInsert(4e6 + n, n); // a scan
      if (n % 20 === 0) cache.getOrInsert(-7, 7);
    }
    expect(cache.has(-7)).toBe(true);
  });

  it('The frequency of a key is kept after its removal', () => {
    const { cache } = withFrequentKeys(100, 0, 0);
    for (let n = 0; n < 12; n++) cache.getOrInsert(-7, 7);
    cache.delete(-7);
    cache.set(-7, 7);
    for (let n = 0; n < 300; n++) cache.getOrInsert(5e6 + n, n);
    expect(cache.has(-7)).toBe(true);
  });

  it('Keys of any type are counted separately', () => {
    const keys: unknown[] = [
      ...[undefined, null, true, Number.NaN, 1.5, Infinity, 2 ** 40, -1, 10n, 'text', '', '\ud800', 'x'.repeat(10_000)],
      ...[Symbol('a'), Symbol(), Symbol.for('b'), {}, [], () => 1, Object.create(null), new Proxy({}, {}), /r/],
    ];
    const cache = new TinyLfuCache<unknown, number>({ capacity: 80 });
    for (let use = 0; use < 6; use++) for (const [n, key] of keys.entries()) cache.getOrInsert(key, n);
    for (let n = 0; n < 500; n++) cache.getOrInsert(`scan ${n}`, n);
    expect(keys.filter((key) => cache.has(key)).length).toBeGreaterThan(keys.length - 3);
    const frozen = Object.freeze({});
    expect(cache.set(frozen, 1).get(frozen)).toBe(1);
  });

  it.each([
    ['numbers', (n: number) => n],
    ['multiples of 4096', (n: number) => n * 4096],
    ['fractions', (n: number) => n / 3],
    ['texts', (n: number) => `user:${n}`],
    ['texts that differ only in their first letter', (n: number) => `${String.fromCharCode(n)}-an-end-they-share`],
    ['bigints', (n: number) => BigInt(n) * 2n ** 64n],
    ['objects', () => ({})],
    ['symbols', (n: number) => Symbol(`${n}`)],
    ['functions', () => () => {}],
  ])('Frequent keys are distinguished from infrequent ones when keys are %s', (_what, keyOf) => {
    const setUp = () => {
      const cache = new TinyLfuCache<unknown, number>({ capacity: 200 });
      /** Uses `count` keys `times` times each, in turn. Returns a function that counts the keys still cached. */
      const use = (from: number, count: number, times: number) => {
        const keys: unknown[] = Array.from({ length: count }, (_, n) => keyOf(from + n));
        for (let n = 0; n < times; n++) for (const key of keys) cache.getOrInsert(key, 1);
        return () => keys.filter((key) => cache.has(key)).length;
      };
      return use;
    };
    const [use, useAnother] = [setUp(), setUp()];
    const often = use(0, 40, 8);
    use(1000, 1000, 1);
    expect(often()).toBeGreaterThan(35); // keys used once do not evict frequent ones
    useAnother(0, 200, 1);
    expect(useAnother(2000, 120, 6)()).toBeGreaterThan(110); // keys used once do not keep frequent ones out
  });

  it('Frequent keys survive a scan if weight is the limit', () => {
    const cache = new TinyLfuCache<number, number>({ capacity: 1000, maxWeight: 100, weigh: () => 1 });
    for (let use = 0; use < 10; use++) for (let n = 0; n < 20; n++) cache.getOrInsert(n, 1);
    for (let n = 1000; n < 1500; n++) cache.set(n, 1);
    expect(Array.from({ length: 20 }, (_, n) => n).filter((n) => cache.has(n)).length).toBeGreaterThan(17);
  });

  it('A frequent key whose value grows heavier stays', () => {
    const cache = new TinyLfuCache<number, number>({ capacity: 100, maxWeight: 100, weigh: ({ value }) => value });
    for (let use = 0; use < 10; use++) for (let n = 0; n < 20; n++) cache.getOrInsert(n, 1);
    for (let n = 1000; n < 1200; n++) cache.set(n, 1);
    for (let n = 0; n < 20; n++) cache.set(n, 2); // each evicts another entry
    for (let n = 2000; n < 2500; n++) cache.set(n, 1);
    expect(Array.from({ length: 20 }, (_, n) => n).filter((n) => cache.has(n)).length).toBeGreaterThan(17);
  });

  it('A larger window evicts no frequent key without a comparison of frequencies', () => {
    const { cache, kept } = withFrequentKeys(200, 40, 8);
    for (let n = 0; n < 2500; n++) cache.getOrInsert(8e6 + n, n); // the first sample ends, and the window grows
    expect(kept()).toBeGreaterThan(36);
  });

  it('Frequent keys survive a smaller and then a larger capacity', () => {
    const { cache, kept } = withFrequentKeys(200, 20, 10);
    cache.resize(50);
    expect([cache.size, kept()]).toEqual([50, 20]);
    for (const capacity of [50, 200]) {
      cache.resize(capacity);
      // Each key is used twice, which is more than a frequent key whose count was lost.
      for (let n = 0; n < 2 * capacity; n++) cache.set(capacity * 1e6 + n, n).get(capacity * 1e6 + n);
      expect([cache.size, kept()]).toEqual([capacity, 20]);
    }
  });

  it('Frequent keys and the order survive dump and restore', () => {
    const { cache } = withFrequentKeys(200, 40, 10);
    const other = new TinyLfuCache<number, number>({ capacity: 200 });
    other.restore(JSON.parse(JSON.stringify(cache.dump())));
    expect([...other]).toEqual([...cache]);
    for (let n = 0; n < 1000; n++) other.getOrInsert(7e6 + n, n);
    expect(Array.from({ length: 40 }, (_, n) => n).filter((n) => other.has(n)).length).toBeGreaterThan(36);
  });

  it('Capacity and weight limits hold over a long random sequence of operations', () => {
    const random = seededRandom(3);
    const clock = new ManualClock();
    const cache = new TinyLfuCache<number, number>({
      capacity: 300,
      maxWeight: 500,
      weigh: ({ value }) => value,
      clock,
    });
    const removals = removalTextsOf(cache);
    for (let n = 0; n < 30_000; n++) {
      const key = Math.floor(2000 * random() ** 3);
      const what = random();
      if (what < 0.6) cache.getOrInsert(key, Math.floor(random() * 4));
      else if (what < 0.9) cache.set(key, Math.floor(random() * 4), { ttl: 1 + Math.floor(random() * 500) });
      else if (what < 0.98) cache.delete(key);
      else if (what < 0.981) cache.resize(100 + Math.floor(random() * 400));
      clock.time += Math.floor(random() * 3);
      if (n % 100 !== 0) continue;
      const keys = [...cache.keys()];
      expect([new Set(keys).size, cache.size]).toEqual([keys.length, keys.length]);
      expect(cache.size).toBeLessThanOrEqual(cache.capacity);
      expect(cache.weight).toBe([...cache.values()].reduce((a, b) => a + b, 0));
      expect(cache.weight).toBeLessThanOrEqual(500);
      const left = removals.filter((event) => !event.endsWith('replaced')).length;
      expect(cache.stats.inserts - left).toBe(cache.size);
    }
    const { evictions, expirations, hits } = cache.stats;
    expect(Math.min(evictions, expirations, hits)).toBeGreaterThan(300);
  });

  it('A cold cache keeps recent keys and keys that were used five times', () => {
    const cache = new TinyLfuCache<number, number>({ capacity: 1000 });
    for (let use = 0; use < 4; use++) for (let n = 0; n < 100; n++) cache.getOrInsert(n, n); // four uses are not enough
    for (let use = 0; use < 5; use++) for (let n = 100; n < 200; n++) cache.getOrInsert(n, n);
    for (let n = 1000; n < 2500; n++) cache.getOrInsert(n, n);
    const kept = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) => from + n).filter((n) => cache.has(n)).length;
    expect(kept(100, 200)).toBe(100);
    expect(kept(1600, 2500)).toBeGreaterThan(880);
    expect(kept(0, 100)).toBeLessThan(20);
  });

  it('Keys that were frequent before the cache was first full survive a scan', () => {
    const { cache, kept } = withFrequentKeys(100, 60, 100);
    for (let n = 0; n < 150; n++) cache.getOrInsert(2e6 + n, n);
    expect(kept()).toBeGreaterThan(55);
  });

  it('The cache adapts to LRU for recency-based traffic and keeps frequent keys again under scans', () => {
    const cache = new TinyLfuCache<number, number>({ capacity: 1000 });
    const hits = (keyOf: (n: number) => number) => {
      const before = cache.stats.hits;
      for (let n = 0; n < 10_000; n++) cache.getOrInsert(keyOf(n), 1);
      return cache.stats.hits - before;
    };
    // Each key is requested three times, 900 requests apart.
    const recent = (n: number) => Math.floor(n / 900) % 3;
    for (let round = 0; round < 3; round++) hits((n) => 1e6 * (round + 1) + n - 900 * recent(n));
    expect(hits((n) => 9e6 + n - 900 * recent(n))).toBeGreaterThan(6000);
    // 800 frequent keys among keys that are used once: LRU has no hit, since 1,600 keys lie between two uses.
    const frequentKeys = (n: number) => (n % 2 === 0 ? (n / 2) % 800 : 1e8 + n);
    for (let round = 0; round < 6; round++) hits((n) => (n % 2 === 0 ? frequentKeys(n) : 1e8 * (round + 2) + n));
    expect(hits(frequentKeys)).toBeGreaterThan(4000);
  });

  it('A cache whose weight limit allows far fewer entries than its capacity still learns the best window', () => {
    const cache = new TinyLfuCache<number, number>({ capacity: 100_000, maxWeight: 500_000, weigh: () => 1000 });
    for (let n = 0; n < 100_000; n++) cache.getOrInsert(n % 600, 1); // a loop over more keys than fit
    const before = cache.stats.hits;
    for (let n = 0; n < 6000; n++) cache.getOrInsert(n % 600, 1);
    expect(cache.stats.hits - before).toBeGreaterThan(4500);
  });
});
