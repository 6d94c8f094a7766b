import { type CachedEntry, constantBackoff, memoize, retry } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { describe, expect, it } from 'vitest';
import { settle } from '../support/promises.js';

describe('memoize', () => {
  it('A single argument is the cache key and is compared as in a Map', async () => {
    const seen: unknown[] = [];
    const double = memoize(
      (value: string | number | bigint | boolean | null | undefined) => {
        seen.push(value);
        return `${String(value)}!`;
      },
      { capacity: 10 },
    );
    for (const value of [1, '1', 1, null, undefined, true, 1n, '1']) await double(value);
    expect(seen).toEqual([1, '1', null, undefined, true, 1n]);
    expect(double.cache.peek(1)).toBe('1!');
  });

  it('A function without arguments is cached under undefined', async () => {
    let calls = 0;
    const once = memoize(async () => ++calls, { capacity: 1 });
    expect([await once(), await once(), once.cache.peek(undefined)]).toEqual([1, 1, 1]);
  });

  it('The key function maps all arguments to a key, and the first call with a key passes its arguments to the function', async () => {
    const seen: unknown[] = [];
    const load = memoize(
      async (id: number, options: { full: boolean }) => {
        seen.push([id, options]);
        return id;
      },
      { key: (id, { full }) => `${id}:${full}`, capacity: 10 },
    );
    await Promise.all([load(1, { full: true }), load(1, { full: true }), load(1, { full: false })]);
    expect(seen).toEqual([
      [1, { full: true }],
      [1, { full: false }],
    ]);
    load.cache.deleteMatching({ prefix: '1:t' });
    await load(1, { full: true });
    expect(seen.length).toBe(3);
  });

  it('Arguments that cannot be a key are rejected without a key function, and an error of the key function rejects the call', async () => {
    const load = memoize((...args: unknown[]) => args.length, { capacity: 10 } as never);
    for (const args of [[{}], [[]], [() => 1], [1, 2]]) {
      await expect(load(...args)).rejects.toThrow(/memoize: "key" is required/);
    }
    const thrower = memoize((id: number) => id, {
      capacity: 10,
      key: () => {
        throw new Error('no key');
      },
    });
    await expect(thrower(1)).rejects.toThrow('no key');
  });

  it('memoize accepts the options of loadingCache', async () => {
    const clock = new TestClock();
    let calls = 0;
    const load = memoize(
      async (id: string) => {
        if (++calls % 2 === 1) throw new Error('hiccup');
        return `${id} ${calls}`;
      },
      {
        cache: new Map<string, CachedEntry<string>>(),
        ttl: 100,
        staleWhileRevalidate: 100,
        policy: retry({ backoff: constantBackoff(1), clock }),
        tags: (_, key) => [key],
        clock,
      },
    );
    const first = load('a');
    await clock.advance(5);
    expect(await first).toBe('a 2');
    await clock.advance(100);
    expect(await load('a')).toBe('a 2'); // starts a refresh with the arguments of this call
    await clock.advance(5);
    await settle();
    expect(await load('a')).toBe('a 4');
    load.cache.deleteMatching({ tag: 'a' });
    expect(load.cache.peek('a')).toBe(undefined);
    expect(load.cache.stats).toMatchObject({ staleHits: 1, refreshes: 1, hits: 1 });
  });

  it('A memoized call rejects with the error of the function, and the error is not cached', async () => {
    let calls = 0;
    const load = memoize(
      (id: string) => {
        throw new Error(`${id} ${++calls}`);
      },
      { capacity: 1 },
    );
    await expect(load('a')).rejects.toThrow('a 1');
    await expect(load('a')).rejects.toThrow('a 2');
  });

  it.each([
    [undefined, {}, 'fn'],
    [() => 1, undefined, 'capacity'],
    [() => 1, { capacity: 1, key: 'k' }, 'key'],
    [() => 1, { capacity: 1, load: () => 1 }, 'load'],
    [() => 1, { capacity: 1, policy: {} }, 'policy'],
  ])('memoize rejects the function %o with the options %o', (fn, options, option) => {
    expect(() => memoize(fn as never, options as never)).toThrow(new RegExp(`^memoize: "${option}"`));
  });
});
