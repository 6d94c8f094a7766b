/** What listeners are told of what leaves the cache, and what they may do about it. */
import { isDeepStrictEqual } from 'node:util';
import { type Cache, RandomCache } from 'breakwater/cache';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';
import { CACHES, toldOf } from './caches.js';

type Letters = Cache<string, number>;

/** One that leaves out an entry, or has one twice, or counts wrongly, is not whole. */
function expectWhole(cache: Letters): void {
  const { entries } = cache.dump();
  const keys = entries.map(({ key }) => key);
  const weight = entries.reduce((sum, entry) => sum + (entry.weight ?? 1), 0);
  const seen = [[...cache], new Set(keys).size, cache.size, cache.weight, cache.size <= cache.capacity];
  const expected = [entries.map(({ key }) => [key, cache.peek(key)]), keys.length, keys.length, weight, true];
  // `expect` alone would take most of the time there is.
  if (!isDeepStrictEqual(seen, expected)) expect(seen).toEqual(expected);
}

/** Each way to make an entry leave: `a` does, with this reason. */
const LEAVES: readonly (readonly [reason: string, leave: (cache: Letters, clock: ManualClock) => unknown])[] = [
  ['evicted', (cache) => cache.resize(1)],
  ['expired', (_cache, clock) => (clock.time = 100)],
  ['deleted', (cache) => cache.delete('a')],
  ['replaced', (cache) => cache.set('a', 9, { ttl: 1000 })],
  ['cleared', (cache) => cache.clear()],
];

/** What a listener may do in the middle of that. */
const REACTIONS: readonly (readonly [name: string, react: (cache: Letters, key: string) => unknown])[] = [
  ['sets another key', (cache) => cache.set('x', 7)],
  ['sets the same key', (cache, key) => cache.set(key, 7)],
  ['sets both', (cache, key) => cache.set(key, 7).set('x', 7)],
  ['deletes another key', (cache) => cache.delete('b')],
  ['deletes the same key', (cache, key) => cache.delete(key)],
  ['clears', (cache) => cache.clear()],
  ['makes it smaller', (cache) => cache.resize(1)],
  ['makes it larger', (cache) => cache.resize(40)],
  ['fills it', (cache) => 'klmnopqrst'.split('').map((key) => cache.set(key, 8))],
  ['reads all of it', (cache) => [...cache].map(([key]) => cache.get(key))],
  ['restores it', (cache) => cache.restore(cache.dump())],
  ['purges it', (cache) => cache.purgeExpired()],
  ['disposes of it', (cache) => cache[Symbol.dispose]()],
];

describe.each(CACHES)('listeners of %s', (_name, make) => {
  const setUp = (capacity = 3) => {
    const clock = new ManualClock();
    const cache: Letters = make({ capacity, clock, maxWeight: 1000, weigh: () => 2 });
    return { cache, clock, told: toldOf(cache) };
  };

  it.each(LEAVES)('are told that an entry was %s, and which', (reason, leave) => {
    const { cache, clock, told } = setUp();
    cache.set('a', 1, { ttl: 100 });
    if (reason === 'evicted') for (const key of 'bc') cache.set(key, 2).get(key);
    leave(cache, clock);
    expect(cache.size).toBe(Number(reason === 'replaced' || reason === 'evicted'));
    const evicted = reason === 'evicted' ? ['b=2 evicted', 'c=2 evicted', 'a=1 evicted'] : [`a=1 ${reason}`];
    expect(evicted).toEqual(expect.arrayContaining(told));
    expect(told).toHaveLength(reason === 'evicted' ? 2 : 1);
    leave(cache, clock);
    expect([cache.purgeExpired(), told.length]).toEqual([0, reason === 'evicted' ? 2 : 1]);
  });

  it('are told of all that a clear takes away, in the order of the cache', () => {
    const { cache, told } = setUp();
    cache.set('a', 1).set('b', 2).set('c', 3);
    const expected = [...cache].map(([key, value]) => `${key}=${value} cleared`);
    cache.clear();
    expect(told).toEqual(expected);
  });

  it('are told of a replaced value, but not when it is replaced by itself', () => {
    const { cache, told } = setUp();
    cache.set('a', 1).set('a', 1).set('a', Number.NaN).set('a', Number.NaN).set('a', 2);
    expect(told).toEqual(['a=1 replaced', 'a=NaN replaced']);
    expect(cache.stats.updates).toBe(4);
  });

  it('are told in the order in which they came, each of them, until they are taken off', () => {
    const cache: Letters = make({ capacity: 3 });
    const told: string[] = [];
    const off = cache.on('remove', ({ key }) => told.push(`first ${key}`));
    cache.on('remove', ({ key }) => told.push(`second ${key}`));
    cache.set('a', 1).delete('a');
    off();
    off();
    cache.set('b', 1).delete('b');
    expect(told).toEqual(['first a', 'second a', 'second b']);
    expect(() => cache.on('remove', 'me' as never)).toThrow(/must be a function/);
  });

  it('are not told of what left before they came, nor of what was not there', () => {
    const cache: Letters = make({ capacity: 3 });
    cache.set('a', 1).set('b', 2).delete('a');
    const told = toldOf(cache);
    cache.delete('a');
    cache.delete('c');
    cache.get('c');
    expect(told).toEqual([]);
    cache.delete('b');
    expect(told).toEqual(['b=2 deleted']);
  });

  it('are told of what others cause after what caused it', () => {
    const { cache } = setUp();
    const told: string[] = [];
    cache.on('remove', ({ key, reason }) => {
      told.push(`before ${key} ${reason}`);
      if (key === 'a') cache.delete('b');
      told.push(`after ${key} ${reason}`);
    });
    cache.set('a', 1).set('b', 2).delete('a');
    expect(told).toEqual(['before a deleted', 'after a deleted', 'before b deleted', 'after b deleted']);
  });

  it.each(REACTIONS)('one that %s finds a whole cache, and leaves one', (_what, react) => {
    for (const [reason, leave] of LEAVES) {
      const { cache, clock, told } = setUp();
      let reactions = 0;
      cache.on('remove', ({ key, value }) => {
        expectWhole(cache);
        if (key === 'a' && reason === 'replaced' && value === 1) expect(cache.peek('a')).toBe(9);
        if (reactions++ < 3) react(cache, key);
        expectWhole(cache);
      });
      cache.set('a', 1, { ttl: 100 }).set('b', 2).set('c', 3);
      leave(cache, clock);
      cache.get('a');
      expectWhole(cache);
      for (const key of 'abcdefgh') cache.set(key, 5);
      expectWhole(cache);
      expect(reactions, reason).toBeGreaterThan(0);
      expect(reactions, reason).toBe(told.length);
      // Nothing leaves unseen: what came in and is not there was told of, once.
      const left = told.filter((event) => !event.endsWith('replaced')).length;
      expect(cache.stats.inserts - left, reason).toBe(cache.size);
    }
  });

  it('that throw are reported, and change nothing', async () => {
    using uncaught = catchUncaught();
    const { cache, clock } = setUp(2);
    const heard: string[] = [];
    cache.on('remove', ({ key, reason }) => {
      throw new Error(`${key} ${reason}`);
    });
    cache.on('remove', ({ key }) => heard.push(key));
    cache.set('a', 1).set('a', 2).delete('a');
    cache.set('b', 1, { ttl: 5 });
    clock.time = 5;
    expect(cache.get('b')).toBeUndefined();
    for (const key of 'cd') expect(cache.set(key, 1).peek(key)).toBe(1);
    cache.resize(1);
    expectWhole(cache);
    cache.clear();
    expect(cache.getOrInsert('e', 5)).toBe(5);
    expect([...cache]).toEqual([['e', 5]]);
    await settle();
    expect(heard.slice(0, 3)).toEqual(['a', 'a', 'b']);
    expect(uncaught.errors.map((error) => (error as Error).message)).toEqual([
      ...['a replaced', 'a deleted', 'b expired'],
      ...[`${heard[3]} evicted`, `${heard[4]} cleared`],
    ]);
  });

  it('that put back what is evicted, for ever, end with an error', async () => {
    using uncaught = catchUncaught();
    const { cache } = setUp(2);
    let calls = 0;
    cache.on('remove', ({ key, value, reason }) => {
      if (++calls < 100_000 && reason === 'evicted') cache.set(key, value);
    });
    cache.set('a', 1).set('b', 2).set('c', 3).set('d', 4);
    expect(calls).toBeLessThan(100_000);
    expectWhole(cache);
    await settle();
    expect(uncaught.errors.length).toBeGreaterThan(0);
    expect(uncaught.errors.every((error) => error instanceof RangeError)).toBe(true);
    calls = 0;
    expect(cache.set('e', 5).size).toBe(2); // and tells of what comes after
    expect(calls).toBeGreaterThan(0);
    await settle();
  });

  it('that answer each removal with two more end with an error too', async () => {
    using uncaught = catchUncaught();
    const { cache } = setUp(2);
    let calls = 0;
    cache.on('remove', () => {
      if (++calls < 100_000) cache.set(`${calls}`, 1).set(`${calls}'s`, 2);
    });
    for (const key of 'abc') cache.set(key, 1);
    expect(calls).toBeLessThan(100_000);
    expectWhole(cache);
    await settle();
    expect(uncaught.errors.length).toBeGreaterThan(0);
  });
});

it('a removal that a random source has spoilt by throwing is told of later, not lost', () => {
  let isIll = false;
  const random = () => {
    if (isIll) throw new Error('no dice');
    return 0;
  };
  const cache = new RandomCache<string, number>({ capacity: 2, random });
  const told = toldOf(cache);
  cache.set('a', 1).set('b', 2);
  isIll = true;
  expect(() => cache.set('c', 3)).toThrow('no dice');
  expect([cache.size, cache.has('c'), told]).toEqual([2, false, []]);
  isIll = false;
  expect([cache.set('c', 3).size, told.length]).toEqual([2, 1]);
});
