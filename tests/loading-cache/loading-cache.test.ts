import { AsyncLocalStorage } from 'node:async_hooks';
import { type CachedEntry, type LoadingCache, LruCache, loadingCache } from 'breakwater';
import { TestClock } from 'breakwater/testing';
import { LRUCache } from 'lru-cache';
import { describe, expect, it } from 'vitest';
import { type Deferred, defer, microtasks, settle, watch } from '../support/promises.js';
import { countingController } from '../support/signals.js';
import { catchUncaught } from '../support/uncaught.js';
import { setUp, setUpWith } from './setup.js';

describe('reads', () => {
  it('A miss loads the value and later reads are hits', async () => {
    const { cache, calls } = await setUpWith('a');
    expect(await cache.get('k')).toBe('a');
    expect([cache.getSync('k'), cache.peek('k'), calls.length]).toEqual(['a', 'a', 0]);
    expect(cache.stats).toMatchObject({ hits: 2, misses: 1, loads: 1, coalesced: 0 });
  });

  it('Concurrent misses of a key share one load that starts synchronously', async () => {
    const { cache, calls } = setUp();
    const reads = Array.from({ length: 50 }, () => cache.get('k'));
    expect([calls.length, cache.loading]).toEqual([1, 1]);
    calls[0]!.resolve('a');
    expect(new Set(await Promise.all(reads))).toEqual(new Set(['a']));
    expect(cache.stats).toMatchObject({ misses: 50, coalesced: 49, loads: 1 });
    expect(cache.loading).toBe(0);
  });

  it('All waiters receive the rejection of a load, and the rejection is not cached', async () => {
    const { cache, calls } = setUp();
    const reads = [cache.get('k'), cache.get('k')].map(watch);
    const error = new Error('down');
    calls[0]!.reject(error);
    await settle();
    expect(reads.map((read) => read.error)).toEqual([error, error]);
    watch(cache.get('k'));
    expect(calls.length).toBe(2);
    expect(cache.stats).toMatchObject({ loadFailures: 1, loads: 2 });
  });

  it('A loader may return a value or throw synchronously', async () => {
    const cache = loadingCache<string, string>({
      load: (key) => {
        if (key === 'bad') throw new Error('thrown');
        return `value of ${key}`;
      },
      capacity: 10,
    });
    expect(await cache.get('k')).toBe('value of k');
    await expect(cache.get('bad')).rejects.toThrow('thrown');
    expect(cache.loading).toBe(0);
  });

  it('A loaded undefined is cached like any other value', async () => {
    let loads = 0;
    const cache = loadingCache<string, undefined>({ load: () => void loads++, capacity: 10 });
    expect([await cache.get('k'), await cache.get('k'), loads]).toEqual([undefined, undefined, 1]);
  });

  it('A loader may read other keys of the same cache', async () => {
    const cache: LoadingCache<number, number> = loadingCache({
      load: async (n: number) => (n < 2 ? n : (await cache.get(n - 1)) + (await cache.get(n - 2))),
      capacity: 100,
    });
    expect(await cache.get(30)).toBe(832_040);
    expect(cache.stats.loads).toBe(31);
  });

  it('A loader that waits for its own key is rejected by the hard timeout', async () => {
    const clock = new TestClock();
    const cache: LoadingCache<string, string> = loadingCache({
      load: (key: string) => cache.get(key),
      capacity: 10,
      hardTimeout: '1s',
      clock,
    });
    const read = watch(cache.get('k'));
    await clock.advance(1000);
    expect(read.error).toMatchObject({ code: 'ERR_TIMEOUT', timeoutMs: 1000, policy: 'loadingCache' });
    expect([cache.loading, clock.pendingTimers]).toEqual([0, 0]);
  });

  it('The loader runs in the async context of the first waiter', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const gate = defer<string>();
    const cache = loadingCache<string, string>({
      load: async () => {
        seen.push(storage.getStore());
        const value = await gate.promise;
        seen.push(storage.getStore());
        return value;
      },
      capacity: 10,
    });
    const first = storage.run('first', () => cache.get('k'));
    const second = storage.run('second', async () => {
      await cache.get('k');
      seen.push(storage.getStore());
    });
    gate.resolve('a');
    await Promise.all([first, second]);
    expect(seen).toEqual(['first', 'first', 'second']);
  });

  it('getMany returns values in the order of the keys and loads each key once', async () => {
    const { cache, calls } = setUp();
    const read = cache.getMany(['a', 'b', 'a']);
    expect(calls.map(({ key }) => key)).toEqual(['a', 'b']);
    calls[1]!.resolve('B');
    calls[0]!.resolve('A');
    expect(await read).toEqual(['A', 'B', 'A']);
  });

  it('getSync and peek return undefined for a missing key and for a cached failure', async () => {
    const { cache, calls } = setUp({ negativeTtl: '1s' });
    expect([cache.getSync('k'), cache.peek('k'), calls.length]).toEqual([undefined, undefined, 0]);
    const read = watch(cache.get('k'));
    calls[0]!.reject(new Error('down'));
    await read.done;
    expect([cache.getSync('k'), cache.peek('k'), calls.length]).toEqual([undefined, undefined, 1]);
  });
});

describe('invalidation during a load', () => {
  it('set gives waiters the new value, aborts the load and discards its result', async () => {
    const { cache, calls } = setUp();
    const reads = [cache.get('k'), cache.get('k')].map(watch);
    const { signal } = calls[0]!.context;
    cache.set('k', 'NEW');
    await settle();
    expect(reads.map((read) => read.value)).toEqual(['NEW', 'NEW']);
    expect(signal.aborted).toBe(true);
    calls[0]!.resolve('old');
    await settle();
    expect([await cache.get('k'), calls.length, cache.stats.discarded]).toEqual(['NEW', 1, 0]);
  });

  it('A rejection of a load superseded by set is neither reported nor counted', async () => {
    const { cache, calls } = setUp();
    using uncaught = catchUncaught();
    const read = cache.get('k');
    cache.set('k', 'NEW');
    calls[0]!.reject(new Error('late'));
    expect(await read).toBe('NEW');
    await settle();
    expect([await cache.get('k'), uncaught.rejections, cache.stats.loadFailures]).toEqual(['NEW', [], 0]);
  });

  it.each([
    ['delete', (cache) => cache.delete('k')],
    ['expire', (cache) => cache.expire('k')],
    ['clear', (cache) => cache.clear()],
    ['deleteMatching a prefix', (cache) => cache.deleteMatching({ prefix: 'k' })],
    ['deleteMatching a glob', (cache) => cache.deleteMatching({ glob: '?' })],
    ['expireMatching a prefix', (cache) => cache.expireMatching({ prefix: '' })],
  ] satisfies [string, (cache: ReturnType<typeof setUp>['cache']) => unknown][])(
    '%s gives earlier waiters the loaded value, discards it, and later readers start another load',
    async (_, invalidate) => {
      const { cache, calls } = setUp();
      const before = watch(cache.get('k'));
      invalidate(cache);
      const after = watch(cache.get('k'));
      expect(calls.length).toBe(2);
      calls[0]!.resolve('old');
      await settle();
      expect([before.value, after.state, cache.peek('k')]).toEqual(['old', 'pending', undefined]);
      calls[1]!.resolve('new');
      await settle();
      expect([after.value, cache.peek('k'), cache.stats.discarded]).toEqual(['new', 'new', 1]);
    },
  );

  it('Waiters of a deleted load receive the value of a newer load that settled first', async () => {
    const { cache, calls } = setUp();
    const before = cache.get('k');
    cache.delete('k');
    const after = cache.get('k');
    calls[1]!.resolve('new');
    expect(await after).toBe('new');
    calls[0]!.resolve('old');
    expect([await before, await cache.get('k')]).toEqual(['new', 'new']);
  });

  it('Waiters of a deleted load receive a value set later although the load fails', async () => {
    const { cache, calls } = setUp();
    const before = [cache.get('k'), cache.refresh('k')];
    cache.delete('k');
    cache.set('k', 'new');
    calls[0]!.reject(new Error('down'));
    expect(await Promise.all(before)).toEqual(['new', 'new']);
    expect(cache.stats.staleHits).toBe(0);
  });

  it('Waiters of a deleted load receive its failure if no newer value exists, and the failure is not cached', async () => {
    const { cache, calls } = setUp({ negativeTtl: '1m' });
    const before = watch(cache.get('k'));
    cache.delete('k');
    calls[0]!.reject(new Error('down'));
    await before.done;
    expect(before.error).toEqual(new Error('down'));
    watch(cache.get('k'));
    expect(calls.length).toBe(2); // the failure was not cached
  });

  it('Waiters from before a tag deletion receive the loaded value, and later waiters a value loaded afterwards', async () => {
    const { cache, calls } = setUp({ tags: () => ['t'] });
    const before = watch(cache.get('k'));
    cache.deleteMatching({ tag: 't' });
    const after = watch(cache.get('k'));
    expect(calls.length).toBe(1); // the tags of the value are unknown until the load settles
    calls[0]!.resolve('old');
    await settle();
    expect([before.value, after.state, calls.length, cache.peek('k')]).toEqual(['old', 'pending', 2, undefined]);
    calls[1]!.resolve('new');
    await settle();
    expect([after.value, cache.peek('k'), cache.loading]).toEqual(['new', 'new', 0]);
  });

  it('A waiter from between two tag deletions receives a value loaded after both', async () => {
    const { cache, calls } = setUp({ tags: () => ['t'] });
    cache.get('k');
    cache.deleteMatching({ tag: 't' });
    const between = watch(cache.get('k'));
    cache.deleteMatching({ tag: 't' });
    calls[0]!.resolve('old');
    await settle();
    expect([between.state, calls.length]).toEqual(['pending', 2]);
    calls[1]!.resolve('new');
    await settle();
    expect(between.value).toBe('new');
  });

  it('An expired tag that the loaded value does not have neither discards nor repeats the load', async () => {
    const { cache, calls } = setUp({ tags: (value) => [value] });
    const before = cache.get('k');
    cache.expireMatching({ tag: 'other' });
    const after = cache.get('k');
    calls[0]!.resolve('own');
    expect([await before, await after, cache.peek('k'), calls.length]).toEqual(['own', 'own', 'own', 1]);
  });

  it('A load repeated after a tag deletion runs in the async context of its waiter and ends with the signal of its waiter', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: (string | undefined)[] = [];
    const gates: Deferred<string>[] = [];
    const cache = loadingCache<string, string>({
      load: () => {
        seen.push(storage.getStore());
        const gate = defer<string>();
        gates.push(gate);
        return gate.promise;
      },
      tags: () => ['t'],
      capacity: 10,
    });
    const { controller, listeners } = countingController();
    storage.run('before', () => void cache.get('k'));
    cache.deleteMatching({ tag: 't' });
    const after = storage.run('after', () => watch(cache.get('k', { signal: controller.signal })));
    gates[0]!.resolve('old');
    await settle();
    expect(seen).toEqual(['before', 'after']);
    controller.abort(new Error('enough'));
    await settle();
    expect([after.error, cache.loading, listeners()]).toEqual([new Error('enough'), 0, 0]);
  });

  it('A waiter that aborts before its load is repeated after a tag deletion starts no load', async () => {
    for (let count = 0; count < 12; count++) {
      const { cache, calls } = setUp({ tags: () => ['t'] });
      const controller = new AbortController();
      watch(cache.get('k'));
      cache.deleteMatching({ tag: 't' });
      const after = watch(cache.get('k', { signal: controller.signal }));
      controller.abort();
      await microtasks(count);
      calls[0]!.resolve('old');
      await settle();
      expect([after.state, cache.loading, calls[0]!.context.signal.aborted]).toEqual(['rejected', 0, false]);
    }
  });

  it('A waiter from after a tag deletion receives the cached failure of a newer load without another load', async () => {
    const { cache, calls } = setUp({ tags: () => ['t'], negativeTtl: '1m' });
    watch(cache.get('k'));
    cache.deleteMatching({ tag: 't' });
    const after = watch(cache.get('k'));
    cache.delete('k');
    watch(cache.get('k'));
    calls[1]!.reject(new Error('down'));
    await settle();
    calls[0]!.resolve('old');
    await settle();
    expect([after.error, calls.length, cache.loading]).toEqual([new Error('down'), 2, 0]);
  });

  it('A waiter from after a tag deletion receives a value that a load listener has set', async () => {
    const { cache, calls } = setUp({ tags: () => ['t'] });
    cache.on('load', ({ key }) => cache.set(key, 'NEW'));
    watch(cache.get('k'));
    cache.deleteMatching({ tag: 't' });
    const after = watch(cache.get('k'));
    calls[0]!.resolve('old');
    await settle();
    expect([after.value, calls.length]).toEqual(['NEW', 1]);
  });

  it('A value set by the ttl function supersedes the loaded value', async () => {
    const { cache, calls } = setUp({
      ttl: (value, key) => {
        if (value === 'old') cache.set(key, 'NEW');
        return 1000;
      },
    });
    const read = cache.get('k');
    calls[0]!.resolve('old');
    expect([await read, cache.peek('k')]).toEqual(['NEW', 'NEW']);
  });

  it('Invalidation of other keys does not affect the load', async () => {
    const { cache, calls } = setUp({ tags: () => ['t'] });
    const read = cache.get('k');
    cache.set('other', 'x');
    cache.delete('other');
    cache.expire('other');
    cache.deleteMatching({ prefix: 'kk' });
    cache.expireMatching({ tag: 'u' });
    calls[0]!.resolve('a');
    expect([await read, cache.peek('k'), cache.stats.discarded]).toEqual(['a', 'a', 0]);
  });

  it('The loaded value is kept although the entry that it replaces was evicted', async () => {
    const { cache, calls } = setUp({ capacity: 1 });
    cache.set('k', 'old', { ttl: 0 });
    const read = cache.get('k');
    cache.set('other', 'x');
    calls[0]!.resolve('a');
    expect([await read, cache.peek('k')]).toEqual(['a', 'a']);
  });
});

describe('abort', () => {
  it('An abort ends one wait, and the load is aborted with its last waiter', async () => {
    const { cache, calls } = setUp();
    const [one, two] = [new AbortController(), new AbortController()];
    const reads = [one, two].map(({ signal }) => watch(cache.get('k', { signal })));
    const { signal } = calls[0]!.context;
    one.abort(new Error('one'));
    await settle();
    expect([reads[0]!.error, reads[1]!.state, signal.aborted]).toEqual([new Error('one'), 'pending', false]);
    two.abort(new Error('two'));
    await settle();
    expect([reads[1]!.error, signal.reason, cache.loading]).toEqual([new Error('two'), new Error('two'), 0]);
  });

  it('A load continues while one waiter without a signal remains', async () => {
    const { cache, calls } = setUp();
    const controller = new AbortController();
    const [aborted, other] = [watch(cache.get('k', { signal: controller.signal })), cache.get('k')];
    controller.abort();
    await aborted.done;
    calls[0]!.resolve('a');
    expect([await other, calls[0]!.context.signal.aborted]).toEqual(['a', false]);
  });

  it('A read after an aborted load starts another load, and the result of the aborted load is discarded', async () => {
    const { cache, calls } = setUp();
    const controller = new AbortController();
    watch(cache.get('k', { signal: controller.signal }));
    controller.abort();
    await settle();
    const read = cache.get('k');
    calls[0]!.resolve('aborted');
    await settle();
    expect([cache.peek('k'), cache.stats.discarded]).toEqual([undefined, 0]);
    calls[1]!.resolve('a');
    expect(await read).toBe('a');
  });

  it('A value that settled before the abort is returned and cached', async () => {
    const { cache, calls } = setUp();
    const controller = new AbortController();
    const read = cache.get('k', { signal: controller.signal });
    calls[0]!.resolve('a');
    controller.abort();
    expect([await read, cache.peek('k')]).toEqual(['a', 'a']);
  });

  it('A signal that is already aborted rejects reads of cached and missing keys and starts no load', async () => {
    const { cache, calls } = await setUpWith('a');
    const signal = AbortSignal.abort(new Error('no'));
    await expect(cache.get('k', { signal })).rejects.toThrow('no');
    await expect(cache.get('l', { signal })).rejects.toThrow('no');
    await expect(cache.refresh('k', { signal })).rejects.toThrow('no');
    expect(calls).toEqual([]);
  });

  it('No listener remains on the signal after an abort, a value or a failure', async () => {
    const { cache, calls } = setUp();
    const { controller, listeners } = countingController();
    const { signal } = controller;
    for (let i = 0; i < 3; i++) watch(cache.get(`${i}`, { signal }));
    watch(cache.get('0', { signal }));
    expect(listeners()).toBe(1);
    calls[0]!.resolve('a');
    calls[1]!.reject(new Error('down'));
    cache.set('2', 'set');
    await settle();
    expect(listeners()).toBe(0);
    await cache.get('0', { signal });
    expect(listeners()).toBe(0);
    watch(cache.get('3', { signal }));
    controller.abort();
    await settle();
    expect(listeners()).toBe(0);
  });

  it('The abort of the last waiter aborts a load that was invalidated', async () => {
    const { cache, calls } = setUp();
    const controller = new AbortController();
    watch(cache.get('k', { signal: controller.signal }));
    cache.delete('k');
    const after = cache.get('k');
    controller.abort();
    await settle();
    expect(calls.map(({ context }) => context.signal.aborted)).toEqual([true, false]);
    calls[1]!.resolve('a');
    expect(await after).toBe('a');
  });

  it('An abort listener of a load may read the cache', async () => {
    const { cache, calls } = setUp();
    const controller = new AbortController();
    watch(cache.get('k', { signal: controller.signal }));
    let again: Promise<string> | undefined;
    calls[0]!.context.signal.addEventListener('abort', () => {
      again = cache.get('k');
    });
    controller.abort();
    await settle();
    calls[1]!.resolve('a');
    expect([await again, cache.peek('k')]).toEqual(['a', 'a']);
  });
});

describe('the entry cache', () => {
  it.each([
    ['a Map', () => new Map<string, CachedEntry<string>>()],
    ['an lru-cache', () => new LRUCache<string, CachedEntry<string>>({ max: 10 })],
    ['an LruCache', () => new LruCache<string, CachedEntry<string>>({ capacity: 10 })],
    [
      'an object with only get, set and delete',
      () => {
        const map = new Map<string, CachedEntry<string>>();
        return {
          get: (key: string) => map.get(key),
          set: (key: string, value: CachedEntry<string>) => map.set(key, value),
          delete: (key: string) => map.delete(key),
        };
      },
    ],
  ])('The entry cache may be %s', async (_, make) => {
    const { cache, calls } = await setUpWith('a', { cache: make() });
    expect([await cache.get('k'), cache.peek('k'), calls.length]).toEqual(['a', 'a', 0]);
    cache.clear();
    expect([cache.peek('k'), cache.delete('k')]).toEqual([undefined, false]);
    cache.set('k', 'b');
    expect([cache.getSync('k'), cache.delete('k'), cache.getSync('k')]).toEqual(['b', true, undefined]);
  });

  it('A hit and a miss each look the key up once in the entry cache', async () => {
    const map = new Map<string, CachedEntry<string>>();
    const lookups: string[] = [];
    const counting = {
      get: (key: string) => {
        lookups.push(key);
        return map.get(key);
      },
      set: (key: string, value: CachedEntry<string>) => map.set(key, value),
      delete: (key: string) => map.delete(key),
    };
    const { cache, calls } = setUp({ cache: counting });
    const read = cache.get('k');
    expect(lookups).toEqual(['k']);
    calls[0]!.resolve('a');
    await read;
    lookups.length = 0;
    expect([await cache.get('k'), lookups]).toEqual(['a', ['k']]);
  });

  it('clear empties the entry cache', () => {
    const map = new Map<string, CachedEntry<string>>();
    const { cache } = setUp({ cache: map });
    cache.set('k', 'a');
    cache.clear();
    expect(map.size).toBe(0);
  });

  it('An error thrown by the entry cache on set is reported as uncaught while waiters receive the value', async () => {
    using uncaught = catchUncaught();
    const map = new Map<string, CachedEntry<string>>();
    const full = Object.assign(Object.create(map), {
      get: (key: string) => map.get(key),
      set: () => {
        throw new Error('full');
      },
      delete: (key: string) => map.delete(key),
    });
    const { cache, calls } = setUp({ cache: full, negativeTtl: '1s' });
    const read = cache.get('k');
    calls[0]!.resolve('a');
    expect(await read).toBe('a');
    const failed = watch(cache.get('k'));
    calls[1]!.reject(new Error('down'));
    await settle();
    expect([failed.error, uncaught.errors]).toEqual([new Error('down'), [new Error('full'), new Error('full')]]);
    expect(cache.loading).toBe(0);
    expect(() => cache.set('k', 'b')).toThrow('full');
  });
});

describe('load events', () => {
  it('load and loadError events report duration, refresh and outcome of each load', async () => {
    const { cache, calls, clock } = setUp();
    const events: unknown[] = [];
    cache.on('load', (event) => events.push(event));
    cache.on('loadError', (event) => events.push(event));
    watch(cache.get('k'));
    await clock.advance(5);
    calls[0]!.resolve('a');
    await settle();
    watch(cache.get('l'));
    cache.delete('l');
    calls[1]!.resolve('b');
    await settle();
    watch(cache.refresh('k'));
    await clock.advance(1);
    calls[2]!.reject('no');
    await settle();
    expect(events).toEqual([
      { key: 'k', durationMs: 5, isRefresh: false, isKept: true },
      { key: 'l', durationMs: 0, isRefresh: false, isKept: false },
      { key: 'k', error: 'no', durationMs: 1, isRefresh: false },
    ]);
  });

  it('An error thrown by a listener is reported as uncaught and the value is cached', async () => {
    using uncaught = catchUncaught();
    const { cache, calls } = setUp();
    cache.on('load', () => {
      throw new Error('listener');
    });
    const read = cache.get('k');
    calls[0]!.resolve('a');
    expect([await read, cache.peek('k')]).toEqual(['a', 'a']);
    await settle();
    expect(uncaught.errors).toEqual([new Error('listener')]);
  });

  it('A load listener may delete the loaded key', async () => {
    const { cache, calls } = setUp();
    cache.on('load', ({ key }) => cache.delete(key));
    const read = cache.get('k');
    calls[0]!.resolve('a');
    expect([await read, cache.peek('k')]).toEqual(['a', undefined]);
  });
});

it('peek and the deletion of a missing key do not count as uses in the eviction order', () => {
  const { cache } = setUp({ cache: new LruCache({ capacity: 2 }) });
  cache.set('a', '1');
  cache.set('b', '2');
  expect([cache.peek('a'), cache.delete('c')]).toEqual(['1', false]);
  cache.set('c', '3');
  expect([cache.peek('a'), cache.peek('b'), cache.peek('c')]).toEqual([undefined, '2', '3']);
});

it('delete and expire return whether the key had an entry that could be served', () => {
  const { cache } = setUp({ staleIfError: '1h' });
  cache.set('a', '1', { tags: ['t'] });
  cache.set('b', '2');
  cache.deleteMatching({ tag: 't' });
  expect([cache.delete('a'), cache.expire('a')]).toEqual([false, false]);
  expect([cache.expire('b'), cache.delete('b'), cache.delete('b')]).toEqual([true, true, false]);
});

it('Options of get, refresh and set are validated as strictly as those of loadingCache', async () => {
  const { cache } = setUp();
  const call = (options: unknown) => options as never;
  expect(() => cache.set('k', 'v', call(20))).toThrow('"options" must be an object, got 20');
  expect(() => cache.set('k', 'v', call({ tag: ['t'] }))).toThrow('"tag" is unknown (did you mean "tags"?)');
  await expect(cache.get('k', call({ timeout: 5 }))).rejects.toThrow('"timeout" is unknown');
  await expect(cache.refresh('k', call('now'))).rejects.toThrow('"options" must be an object');
  expect([cache.peek('k'), cache.loading]).toEqual([undefined, 0]);
});
