/** Notifications of listeners about removed entries, and the calls that listeners may make. */
import { isDeepStrictEqual } from 'node:util';
import { type Cache, RandomCache } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { CACHES, removalTextsOf } from './caches.js';

type Letters = Cache<string, number>;

/** Fails if the cache omits or repeats an entry, or if size or weight is wrong. */
function expectConsistent(cache: Letters): void {
  const { entries } = cache.dump();
  const keys = entries.map(({ key }) => key);
  const weight = entries.reduce((sum, entry) => sum + (entry.weight ?? 1), 0);
  const seen = [[...cache], new Set(keys).size, cache.size, cache.weight, cache.size <= cache.capacity];
  const expected = [entries.map(({ key }) => [key, cache.peek(key)]), keys.length, keys.length, weight, true];
  // `expect` alone would take most of the run time.
  if (!isDeepStrictEqual(seen, expected)) expect(seen).toEqual(expected);
}

/** Each way to remove the entry `a`, with its reason. */
const LEAVES: readonly (readonly [reason: string, leave: (cache: Letters, clock: ManualClock) => unknown])[] = [
  ['evicted', (cache) => cache.resize(1)],
  ['expired', (_cache, clock) => (clock.time = 100)],
  ['deleted', (cache) => cache.delete('a')],
  ['replaced', (cache) => cache.set('a', 9, { ttl: 1000 })],
  ['cleared', (cache) => cache.clear()],
];

/** The calls that a listener may make during a removal. */
const REACTIONS: readonly (readonly [name: string, react: (cache: Letters, key: string) => unknown])[] = [
  ['sets another key', (cache) => cache.set('x', 7)],
  ['sets the same key', (cache, key) => cache.set(key, 7)],
  ['sets both keys', (cache, key) => cache.set(key, 7).set('x', 7)],
  ['deletes another key', (cache) => cache.delete('b')],
  ['deletes the same key', (cache, key) => cache.delete(key)],
  ['clears the cache', (cache) => cache.clear()],
  ['makes the cache smaller', (cache) => cache.resize(1)],
  ['makes the cache larger', (cache) => cache.resize(40)],
  ['fills the cache', (cache) => 'klmnopqrst'.split('').map((key) => cache.set(key, 8))],
  ['reads all entries', (cache) => [...cache].map(([key]) => cache.get(key))],
  ['restores the cache', (cache) => cache.restore(cache.dump())],
  ['purges the cache', (cache) => cache.purgeExpired()],
  ['disposes of the cache', (cache) => cache[Symbol.dispose]()],
];

describe.each(CACHES)('listeners of %s', (_name, make) => {
  const setUp = (capacity = 3) => {
    const clock = new ManualClock();
    const cache: Letters = make({ capacity, clock, maxWeight: 1000, weigh: () => 2 });
    return { cache, clock, removals: removalTextsOf(cache) };
  };

  it.each(LEAVES)('Listeners are notified once of an entry that was %s', (reason, leave) => {
    const { cache, clock, removals } = setUp();
    cache.set('a', 1, { ttl: 100 });
    if (reason === 'evicted') for (const key of 'bc') cache.set(key, 2).get(key);
    leave(cache, clock);
    expect(cache.size).toBe(Number(reason === 'replaced' || reason === 'evicted'));
    const evicted = reason === 'evicted' ? ['b=2 evicted', 'c=2 evicted', 'a=1 evicted'] : [`a=1 ${reason}`];
    expect(evicted).toEqual(expect.arrayContaining(removals));
    expect(removals).toHaveLength(reason === 'evicted' ? 2 : 1);
    leave(cache, clock);
    expect([cache.purgeExpired(), removals.length]).toEqual([0, reason === 'evicted' ? 2 : 1]);
  });

  it('Listeners are notified of all entries that clear removes, in the order of the cache', () => {
    const { cache, removals } = setUp();
    cache.set('a', 1).set('b', 2).set('c', 3);
    const expected = [...cache].map(([key, value]) => `${key}=${value} cleared`);
    cache.clear();
    expect(removals).toEqual(expected);
  });

  it('Listeners are notified of a replaced value unless the new value is the same', () => {
    const { cache, removals } = setUp();
    cache.set('a', 1).set('a', 1).set('a', Number.NaN).set('a', Number.NaN).set('a', 2);
    expect(removals).toEqual(['a=1 replaced', 'a=NaN replaced']);
    expect(cache.stats.updates).toBe(4);
  });

  it('Listeners are notified in the order of their registration until they are removed', () => {
    const cache: Letters = make({ capacity: 3 });
    const removals: string[] = [];
    const off = cache.on('remove', ({ key }) => removals.push(`first ${key}`));
    cache.on('remove', ({ key }) => removals.push(`second ${key}`));
    cache.set('a', 1).delete('a');
    off();
    off();
    cache.set('b', 1).delete('b');
    expect(removals).toEqual(['first a', 'second a', 'second b']);
    expect(() => cache.on('remove', 'me' as never)).toThrow(/must be a function/);
  });

  it('Listeners are not notified of earlier removals or of missing keys', () => {
    const cache: Letters = make({ capacity: 3 });
    cache.set('a', 1).set('b', 2).delete('a');
    const removals = removalTextsOf(cache);
    cache.delete('a');
    cache.delete('c');
    cache.get('c');
    expect(removals).toEqual([]);
    cache.delete('b');
    expect(removals).toEqual(['b=2 deleted']);
  });

  it('A removal caused by a listener is reported after the removal that caused it', () => {
    const { cache } = setUp();
    const removals: string[] = [];
    cache.on('remove', ({ key, reason }) => {
      removals.push(`before ${key} ${reason}`);
      if (key === 'a') cache.delete('b');
      removals.push(`after ${key} ${reason}`);
    });
    cache.set('a', 1).set('b', 2).delete('a');
    expect(removals).toEqual(['before a deleted', 'after a deleted', 'before b deleted', 'after b deleted']);
  });

  it.each(REACTIONS)('A listener that %s sees and leaves a consistent cache', (_what, react) => {
    for (const [reason, leave] of LEAVES) {
      const { cache, clock, removals } = setUp();
      let reactions = 0;
      cache.on('remove', ({ key, value }) => {
        expectConsistent(cache);
        if (key === 'a' && reason === 'replaced' && value === 1) expect(cache.peek('a')).toBe(9);
        if (reactions++ < 3) react(cache, key);
        expectConsistent(cache);
      });
      cache.set('a', 1, { ttl: 100 }).set('b', 2).set('c', 3);
      leave(cache, clock);
      cache.get('a');
      expectConsistent(cache);
      for (const key of 'abcdefgh') cache.set(key, 5);
      expectConsistent(cache);
      expect(reactions, reason).toBeGreaterThan(0);
      expect(reactions, reason).toBe(removals.length);
      // Each inserted entry that is no longer in the cache was reported once.
      const left = removals.filter((event) => !event.endsWith('replaced')).length;
      expect(cache.stats.inserts - left, reason).toBe(cache.size);
    }
  });

  it('An error thrown by a listener is reported as uncaught and changes nothing', async () => {
    using uncaught = catchUncaught();
    const { cache, clock } = setUp(2);
    const notified: string[] = [];
    cache.on('remove', ({ key, reason }) => {
      throw new Error(`${key} ${reason}`);
    });
    cache.on('remove', ({ key }) => notified.push(key));
    cache.set('a', 1).set('a', 2).delete('a');
    cache.set('b', 1, { ttl: 5 });
    clock.time = 5;
    expect(cache.get('b')).toBeUndefined();
    for (const key of 'cd') expect(cache.set(key, 1).peek(key)).toBe(1);
    cache.resize(1);
    expectConsistent(cache);
    cache.clear();
    expect(cache.getOrInsert('e', 5)).toBe(5);
    expect([...cache]).toEqual([['e', 5]]);
    await settle();
    expect(notified.slice(0, 3)).toEqual(['a', 'a', 'b']);
    expect(uncaught.errors.map((error) => (error as Error).message)).toEqual([
      ...['a replaced', 'a deleted', 'b expired'],
      ...[`${notified[3]} evicted`, `${notified[4]} cleared`],
    ]);
  });

  it('Listeners that set each evicted key again without end are stopped by an error', async () => {
    using uncaught = catchUncaught();
    const { cache } = setUp(2);
    let calls = 0;
    cache.on('remove', ({ key, value, reason }) => {
      if (++calls < 100_000 && reason === 'evicted') cache.set(key, value);
    });
    cache.set('a', 1).set('b', 2).set('c', 3).set('d', 4);
    expect(calls).toBeLessThan(100_000);
    expectConsistent(cache);
    await settle();
    expect(uncaught.errors.length).toBeGreaterThan(0);
    expect(uncaught.errors.every((error) => error instanceof RangeError)).toBe(true);
    calls = 0;
    expect(cache.set('e', 5).size).toBe(2); // later removals are reported
    expect(calls).toBeGreaterThan(0);
    await settle();
  });

  it('Listeners that cause two removals at each removal are stopped by an error', async () => {
    using uncaught = catchUncaught();
    const { cache } = setUp(2);
    let calls = 0;
    cache.on('remove', () => {
      if (++calls < 100_000) cache.set(`${calls}`, 1).set(`${calls}'s`, 2);
    });
    for (const key of 'abc') cache.set(key, 1);
    expect(calls).toBeLessThan(100_000);
    expectConsistent(cache);
    await settle();
    expect(uncaught.errors.length).toBeGreaterThan(0);
  });
});

it('A removal that failed because the random source threw is reported by the next set', () => {
  let isFailing = false;
  const random = () => {
    if (isFailing) throw new Error('no dice');
    return 0;
  };
  const cache = new RandomCache<string, number>({ capacity: 2, random });
  const removals = removalTextsOf(cache);
  cache.set('a', 1).set('b', 2);
  isFailing = true;
  expect(() => cache.set('c', 3)).toThrow('no dice');
  expect([cache.size, cache.has('c'), removals]).toEqual([2, false, []]);
  isFailing = false;
  expect([cache.set('c', 3).size, removals.length]).toEqual([2, 1]);
});
