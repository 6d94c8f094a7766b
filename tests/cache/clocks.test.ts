import { InvalidOptionError } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../support/manual-clock.js';
import { CACHES, removalTextsOf } from './caches.js';

afterEach(() => void vi.useRealTimers());

describe.each(CACHES)('%s', (_name, make) => {
  it('A ttl is exact at time 0, on a clock that steps back, and after dump and restore', () => {
    const clock = new ManualClock(0);
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

  it('One timer purges entries of any ttl, Infinity never expires, and an invalid ttl is rejected', async () => {
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

  it('The purge timer of the platform waits longer than 2³¹-1 ms and follows fake timers installed later', () => {
    const cache = make<string, number>({ capacity: 9, purgeEvery: '30d' });
    vi.useFakeTimers();
    const removals = removalTextsOf(cache);
    cache.set('a', 1, { ttl: 1 });
    vi.advanceTimersByTime(1); // a delay above 2³¹-1 would fire here
    expect([removals, vi.getTimerCount()]).toEqual([[], 1]);
    vi.advanceTimersByTime(30 * 86_400_000);
    expect([removals, vi.getTimerCount()]).toEqual([['a=1 expired'], 0]);
  });
});
