/**
 * What caches in the process get wrong: B is a row of section 3b of the caches research (behaviour probes, from the top),
 * C is a rule of its section 5.
 *
 * Not here, because they are about loading, sharing or refreshing, and a cache of this folder does none of it:
 * B13, B14 and the second table of 3b (concurrent loads, loads that reject, writes during a load), C1 to C4 (versions,
 * waiters, rejections, aborts of loads), C11 (a second level, a bus), C13 (stale while revalidating).
 */
import { InvalidOptionError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CACHES, HandClock, toldOf } from '../cache/caches.js';
import { settle } from '../support/promises.js';
import { catchUncaught } from '../support/uncaught.js';

afterEach(() => void vi.useRealTimers());

describe.each(CACHES)('%s', (_name, make) => {
  it('B1: NaN and -0 are keys as in a Map, null is a value', () => {
    const cache = make<number, null>({ capacity: 5 }).set(Number.NaN, null).set(-0, null);
    expect([cache.get(Number.NaN), cache.get(0), cache.has(-0), cache.size]).toEqual([null, null, true, 2]);
  });

  it('B2: __proto__ is a key that counts, and pollutes nothing', () => {
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

  it('B3: constructor and toString are not there before they are set, count, and can be evicted', () => {
    const cache = make<string, number>({ capacity: 2 });
    const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    expect(names.map((key) => [cache.has(key), cache.get(key)])).toEqual(names.map(() => [false, undefined]));
    for (const key of names) cache.set(key, 1);
    expect([cache.size, cache.stats.inserts, cache.stats.evictions]).toEqual([2, 4, 2]);
  });

  it('B4: undefined is a key', () => {
    const cache = make<undefined, number>({ capacity: 2 }).set(undefined, 1);
    expect([cache.get(undefined), cache.has(undefined), [...cache.keys()]]).toEqual([1, true, [undefined]]);
    expect([cache.delete(undefined), cache.size]).toEqual([true, 0]);
  });

  it('B5: undefined is a value: to set it is not to delete', () => {
    const cache = make<string, undefined>({ capacity: 2 }).set('a', undefined);
    expect([cache.has('a'), cache.size, cache.getOrInsertComputed('a', () => expect.unreachable())]).toEqual([
      ...[true, 1, undefined],
    ]);
  });

  it('B6: 1 and ‘1’ are two keys, and so are two objects', () => {
    const [one, other] = [{}, {}];
    const cache = make<unknown, string>({ capacity: 9 })
      .set(1, 'number')
      .set('1', 'text')
      .set(one, 'one')
      .set(other, 'other');
    expect([1, '1', one, other].map((key) => cache.get(key))).toEqual(['number', 'text', 'one', 'other']);
    expect(cache.size).toBe(4);
  });

  it('B7: all of six keys are visited while each is deleted', () => {
    const cache = make<number, number>({ capacity: 6 });
    for (let n = 0; n < 6; n++) cache.set(n, n);
    const visited: number[] = [];
    for (const key of cache.keys()) {
      visited.push(key);
      cache.delete(key);
    }
    expect([visited.sort(), cache.size]).toEqual([[0, 1, 2, 3, 4, 5], 0]);
  });

  it('B8: iteration ends while each step inserts', () => {
    const cache = make<number, number>({ capacity: 4 });
    for (let n = 0; n < 4; n++) cache.set(n, n);
    let steps = 0;
    for (const _ of cache.keys()) {
      expect(++steps).toBeLessThanOrEqual(4);
      cache.set(100 + steps, 0);
    }
    expect([cache.size, steps > 0]).toEqual([4, true]);
  });

  it('B9: a listener that sets another key leaves size and iteration in agreement', () => {
    const cache = make<string, number>({ capacity: 2 });
    let isFirst = true;
    cache.on('remove', () => {
      if (isFirst) cache.set('from the listener', 1);
      isFirst = false;
    });
    cache.set('a', 1).set('b', 2).set('c', 3);
    expect([cache.size, [...cache].length, new Set(cache.keys()).size]).toEqual([2, 2, 2]);
  });

  it('B10: a listener that sets the same key again leaves a cache whose iteration ends', () => {
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

  it('B11: a listener that throws does not throw out of set, and what was set is stored', async () => {
    using uncaught = catchUncaught();
    const cache = make<string, number>({ capacity: 1 });
    cache.on('remove', () => {
      throw new Error('ill');
    });
    expect(cache.set('a', 1).set('b', 2).get('b')).toBe(2);
    await settle();
    expect(uncaught.errors).toMatchObject([{ message: 'ill' }]);
  });

  it('B12: no key is there twice after a listener has put it back', () => {
    const cache = make<string, number>({ capacity: 3 });
    let times = 0;
    cache.on('remove', ({ reason }) => {
      if (reason === 'evicted' && ++times < 4) cache.set('d', times);
    });
    for (const key of 'abcde') cache.set(key, 0);
    const keys = [...cache.keys()];
    expect([new Set(keys).size, cache.size]).toEqual([keys.length, keys.length]);
  });

  it('C5: listeners run when the cache is whole, one after the other, and not without end', async () => {
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

  it('C6: 0 is a time, a clock may step back, and what is dumped counts on from when it is restored', () => {
    const clock = new HandClock(0);
    const cache = make<string, number>({ capacity: 3, clock }).set('a', 1, { ttl: 10 });
    clock.time = 4;
    const dump = cache.dump();
    clock.time = -100;
    expect(cache.get('a')).toBe(1);
    clock.time = 10;
    expect(cache.has('a')).toBe(false);
    clock.time = 5_000_000;
    cache.restore(JSON.parse(JSON.stringify(dump)));
    clock.time += 5;
    expect(cache.expiresInMs('a')).toBe(1);
    clock.time += 1;
    expect(cache.has('a')).toBe(false);
  });

  it('C7: one timer a cache, for any length of ttl; Infinity is never, and what is no duration is refused', async () => {
    const clock = new TestClock();
    const cache = make<string, number>({ capacity: 9, clock, purgeEvery: '30d' });
    cache.set('a', 1, { ttl: '30d' }).set('b', 2, { ttl: '60d' }).set('never', 3, { ttl: Infinity });
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(30 * 86_400_000 - 1);
    expect(cache.stats.expirations).toBe(0);
    await clock.advance(1);
    expect([cache.stats.expirations, clock.pendingTimers]).toEqual([1, 1]);
    await clock.advance(30 * 86_400_000);
    expect([cache.stats.expirations, clock.pendingTimers, cache.size]).toEqual([2, 0, 1]);
    for (const ttl of [Number.NaN, -1, 0]) expect(() => cache.set('c', 1, { ttl })).toThrow(InvalidOptionError);
  });

  it('C7, C8: the platform’s timer waits longer than 2³¹-1 ms, and fake timers put in place later are seen', () => {
    const cache = make<string, number>({ capacity: 9, purgeEvery: '30d' });
    vi.useFakeTimers();
    const told = toldOf(cache);
    cache.set('a', 1, { ttl: 1 });
    vi.advanceTimersByTime(1); // where a delay above 2³¹-1 would have rung
    expect([told, vi.getTimerCount()]).toEqual([[], 1]);
    vi.advanceTimersByTime(30 * 86_400_000);
    expect([told, vi.getTimerCount()]).toEqual([['a=1 expired'], 0]);
  });

  it('C9: keys are compared by SameValueZero', () => {
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

  it('C10: iteration ends whatever each step does, and goes over no key twice', () => {
    const changes: Record<string, (key: number, step: number) => unknown> = {
      'sets its own key anew': (key) => cache.delete(key) && cache.set(key, 0),
      'uses all of them': () => [0, 1, 2, 3].map((key) => cache.get(key)),
      'fills it anew': (_key, step) => [cache.clear(), cache.set(step, 0).set(step + 1, 0)],
      'resizes it': (_key, step) => cache.resize(step),
      'restores it': () => cache.restore(cache.dump()),
    };
    const cache = make<number, number>({ capacity: 4 });
    for (const [what, change] of Object.entries(changes)) {
      cache.resize(4);
      for (let n = 0; n < 4; n++) cache.set(n, n);
      const visited: number[] = [];
      for (const key of cache.keys()) {
        expect(visited.push(key), what).toBeLessThanOrEqual(4);
        change(key, visited.length);
      }
      expect(new Set(visited).size, what).toBe(visited.length);
    }
  });

  it('C12: weights follow updates; what is too heavy, weighs nothing or is no number does no harm', () => {
    const cache = make<string, number>({ capacity: 9, maxWeight: 10, weigh: ({ value }) => value });
    cache.set('a', 4).set('b', 4).set('a', 6);
    expect([cache.weight, cache.size]).toEqual([10, 2]);
    cache.set('c', 11);
    expect([cache.weight, cache.size, cache.has('c'), cache.stats.rejections]).toEqual([10, 2, false, 1]);
    cache.set('a', 11); // nor is the older value kept
    expect([...cache]).toEqual([['b', 4]]);
    cache.set('nothing', 0);
    expect([cache.weight, cache.size]).toEqual([4, 2]);
    for (const weight of [Number.NaN, Infinity, -1]) expect(() => cache.set('b', weight)).toThrow(InvalidOptionError);
    expect([cache.weight, cache.get('b')]).toEqual([4, 4]);
  });
});
