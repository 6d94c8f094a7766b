/** `purgeEvery`: one timer that exists only while an entry can expire, and that does not keep the process alive. */
import { inspect } from 'node:util';
import { type Clock, InvalidOptionError } from 'breakwater';
import type { Cache } from 'breakwater/cache';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { collectGarbage } from '../support/garbage.js';
import { settle } from '../support/promises.js';
import { CACHES, removalTextsOf } from './caches.js';

describe.each(CACHES)('purgeEvery of %s', (_name, make) => {
  const setUp = (options: { ttl?: number } = {}) => {
    const clock = new TestClock();
    const cache = make<string, number>({ capacity: 100, clock, purgeEvery: 100, ...options });
    return { clock, cache, removals: removalTextsOf(cache) };
  };

  it('The timer removes expired entries without a read', async () => {
    const { clock, cache, removals } = setUp();
    cache.set('a', 1, { ttl: 50 }).set('b', 2, { ttl: 150 }).set('c', 3);
    await clock.advance(99);
    expect(removals).toEqual([]);
    await clock.advance(1);
    expect([removals, cache.stats.expirations]).toEqual([['a=1 expired'], 1]);
    await clock.advance(100);
    expect([removals, [...cache.keys()]]).toEqual([['a=1 expired', 'b=2 expired'], ['c']]);
  });

  it('One timer serves any number of entries', async () => {
    const { clock, cache } = setUp({ ttl: 1000 });
    for (let n = 0; n < 100; n++) {
      cache.set(`${n}`, n, { ttl: 10 + n });
      expect(clock.pendingTimers).toBe(1);
    }
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(1);
  });

  it('No timer exists while no entry can expire', async () => {
    const { clock, cache } = setUp();
    expect(clock.pendingTimers).toBe(0);
    cache.set('a', 1).set('b', 2, { ttl: Infinity });
    expect(clock.pendingTimers).toBe(0);
    cache.set('c', 3, { ttl: 10 });
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect([clock.pendingTimers, cache.size]).toEqual([0, 2]);
    cache.set('d', 4).set('a', 5, { ttl: Infinity });
    cache.get('a');
    expect(clock.pendingTimers).toBe(0);
    cache.set('d', 4, { ttl: 10 });
    expect(clock.pendingTimers).toBe(1);
  });

  it.each(['delete', 'clear', 'replace'] as const)(
    'The timer fires at most once more after a %s of all entries that expire',
    async (how) => {
      const { clock, cache } = setUp();
      cache.set('a', 1, { ttl: 1e6 });
      if (how === 'delete') cache.delete('a');
      if (how === 'clear') cache.clear();
      if (how === 'replace') cache.set('a', 1);
      await clock.advance(100);
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('The timer is repeated while an entry will expire', async () => {
    const { clock, cache } = setUp();
    cache.set('a', 1, { ttl: 10_000 });
    await clock.advance(9_999);
    expect([clock.pendingTimers, cache.size]).toEqual([1, 1]);
    await clock.advance(1);
    expect([clock.pendingTimers, cache.stats.expirations]).toEqual([0, 1]);
  });

  it('An expired entry is absent before the timer fires', async () => {
    const { clock, cache } = setUp();
    cache.set('a', 1, { ttl: 10 });
    await clock.advance(10);
    expect([cache.has('a'), clock.pendingTimers]).toEqual([false, 1]);
  });

  it('The timer is set again for entries that a listener sets again', async () => {
    const { clock, cache } = setUp({ ttl: 150 });
    let puts = 0;
    cache.on('remove', ({ key, value }) => puts++ < 3 && cache.set(key, value));
    cache.set('a', 1);
    await clock.advance(1000);
    expect([cache.stats.expirations, puts, clock.pendingTimers]).toEqual([4, 4, 0]);
  });

  it('dispose stops the timer for good and keeps the entries', async () => {
    const { clock, cache } = setUp({ ttl: 1000 });
    cache.set('a', 1);
    cache[Symbol.dispose]();
    cache[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
    cache.set('b', 2);
    expect([clock.pendingTimers, cache.get('a'), cache.size]).toEqual([0, 1, 2]);
    await clock.advance(1000);
    expect(cache.size).toBe(0);
  });

  it('`using` stops the timer', () => {
    const clock = new TestClock();
    {
      using cache = make<string, number>({ capacity: 1, clock, ttl: 1, purgeEvery: 1 });
      expect(cache.set('a', 1).size).toBe(1);
      expect(clock.pendingTimers).toBe(1);
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('A listener may dispose of the cache during a purge', async () => {
    const { clock, cache } = setUp({ ttl: 50 });
    cache.on('remove', () => cache[Symbol.dispose]());
    cache.set('a', 1).set('b', 1, { ttl: 500 });
    await clock.advance(100);
    expect([clock.pendingTimers, cache.size]).toEqual([0, 1]);
  });

  it('The timer and its repetitions do not keep the process alive', async () => {
    const timers = new TestClock();
    const held = new Set<unknown>();
    const clock: Clock = {
      now: () => timers.now(),
      setTimeout(callback, ms) {
        const early = ms > 1 ? ms - 0.5 : ms; // platform timers may fire early
        const handle = { timer: timers.setTimeout(callback, early), unref: () => held.delete(handle) };
        held.add(handle);
        return handle;
      },
      clearTimeout: (handle) => timers.clearTimeout((handle as { timer: unknown }).timer),
    };
    const cache = make<string, number>({ capacity: 1, clock, purgeEvery: 10 }).set('a', 1, { ttl: 35 });
    for (let time = 0; time < 50; time += 0.5) {
      expect(held.size, `at ${time}`).toBe(0);
      await timers.advance(0.5);
    }
    expect(cache.stats.expirations).toBe(1);
  });

  it('A cache without purgeEvery has no timer', () => {
    const clock = new TestClock();
    const cache = make<string, number>({ capacity: 10, clock, ttl: 1 }).set('a', 1);
    cache[Symbol.dispose]();
    expect(clock.pendingTimers).toBe(0);
  });

  it('purgeEvery must be a finite duration above 0', () => {
    for (const purgeEvery of [0, -1, Number.NaN, Infinity, '5', '', null, true, {}] as never[]) {
      expect(() => make({ capacity: 1, purgeEvery }), inspect(purgeEvery)).toThrow(InvalidOptionError);
    }
    for (const purgeEvery of [1, '1s', '30d', undefined] as const) make({ capacity: 1, purgeEvery });
  });

  it('A cache with a timer can be garbage collected, and its timer then stops', async () => {
    const clock = new TestClock();
    const forgotten = (() => {
      const cache: Cache<string, object> = make({ capacity: 10, clock, purgeEvery: 100 });
      const value = { large: 'value' };
      cache.set('a', value, { ttl: '30d' });
      return [new WeakRef(cache), new WeakRef(value)];
    })();
    for (let turn = 0; turn < 50 && forgotten.some((one) => one.deref() !== undefined); turn++) {
      await settle();
      collectGarbage();
    }
    expect(forgotten.map((one) => one.deref())).toEqual([undefined, undefined]);
    expect(clock.pendingTimers).toBe(1);
    await clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
  });
});

describe.each(CACHES)('%s on the clock of the platform', (_name, make) => {
  afterEach(() => void vi.useRealTimers());

  it('The clock and the timers are read at each use, so that fake timers apply', () => {
    // The cache is created before the timers are faked.
    const cache = make<string, number>({ capacity: 10, ttl: '1h', purgeEvery: '1h' });
    vi.useFakeTimers();
    const removals = removalTextsOf(cache);
    cache.set('a', 1).set('b', 1, { ttl: '30d' });
    vi.advanceTimersByTime(3_599_999);
    expect([cache.has('a'), removals]).toEqual([true, []]);
    vi.advanceTimersByTime(1);
    expect(removals).toEqual(['a=1 expired']);
    vi.advanceTimersByTime(30 * 86_400_000);
    expect([removals, vi.getTimerCount()]).toEqual([['a=1 expired', 'b=1 expired'], 0]);
  });
});
