import type { Clock, Duration, InvalidOptionError, Observable, Random } from 'breakwater';
import {
  type Cache,
  type CacheDump,
  type CacheEvents,
  type CacheOptions,
  type CacheStats,
  ClockCache,
  type DumpedEntry,
  FifoCache,
  LfuCache,
  LruCache,
  RandomCache,
  type RandomCacheOptions,
  type RemoveReason,
  type SetOptions,
  TinyLfuCache,
  TtlCache,
} from 'breakwater/cache';
import { LRUCache } from 'lru-cache';
import { describe, expectTypeOf, it } from 'vitest';

interface User {
  readonly name: string;
}
declare const user: User;
declare const cache: LruCache<string, User>;

describe('The types of a cache', () => {
  it('the types of keys and values are given or inferred from weigh', () => {
    expectTypeOf(new LruCache<string, User>({ capacity: 1 })).toEqualTypeOf<LruCache<string, User>>();
    expectTypeOf(new LruCache({ capacity: 1 })).toEqualTypeOf<LruCache<unknown, unknown>>();
    const weigh = ({ value }: { key: number; value: User }) => value.name.length;
    expectTypeOf(new LruCache({ capacity: 1, maxWeight: 5, weigh })).toEqualTypeOf<LruCache<number, User>>();
    const typed: LruCache<number, User> = new LruCache({ capacity: 1 });
    expectTypeOf(typed.get(1)).toEqualTypeOf<User | undefined>();
  });

  it('every class is a Cache', () => {
    expectTypeOf(new LruCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new LfuCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new FifoCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new RandomCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new ClockCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new TinyLfuCache<number, User>({ capacity: 1 })).toExtend<Cache<number, User>>();
    expectTypeOf(new TtlCache<number, User>({ capacity: 1, ttl: 1 })).toExtend<Cache<number, User>>();
    // @ts-expect-error: a TTL is required
    new TtlCache<number, User>({ capacity: 1 });
  });

  it('a read value may be undefined, and an inserted value may not', () => {
    expectTypeOf(cache.get('a')).toEqualTypeOf<User | undefined>();
    expectTypeOf(cache.peek('a')).toEqualTypeOf<User | undefined>();
    expectTypeOf(cache.has('a')).toEqualTypeOf<boolean>();
    expectTypeOf(cache.delete('a')).toEqualTypeOf<boolean>();
    expectTypeOf(cache.getOrInsert('a', user)).toEqualTypeOf<User>();
    expectTypeOf(cache.expiresInMs('a')).toEqualTypeOf<number | undefined>();
    cache.getOrInsertComputed('a', (key) => {
      expectTypeOf(key).toEqualTypeOf<string>();
      return user;
    });
    // @ts-expect-error: the value has another type
    cache.getOrInsertComputed('a', () => 5);
    // @ts-expect-error: a promise is not the value
    cache.getOrInsertComputed('a', async () => user);
  });

  it('keys and values have the types of the cache, and properties are read-only', () => {
    // @ts-expect-error: the key has another type
    cache.get(5);
    // @ts-expect-error: the value has another type
    cache.set('a', 'Ada');
    // @ts-expect-error: the size is read-only
    cache.size = 5;
    // @ts-expect-error: the capacity is read-only
    cache.capacity = 5;
    // @ts-expect-error: the statistics are read-only
    cache.stats.hits = 0;
  });

  it('set returns the type of its own class', () => {
    expectTypeOf(cache.set('a', user)).toEqualTypeOf<LruCache<string, User>>();
    expectTypeOf(new TtlCache<string, number>({ capacity: 1, ttl: 1 }).set('a', 1).set('b', 2)).toEqualTypeOf<
      TtlCache<string, number>
    >();
    expectTypeOf<Parameters<typeof cache.set>[2]>().toEqualTypeOf<SetOptions | undefined>();
    cache.set('a', user, { ttl: '5m', weight: 3 }).set('a', user, { ttl: undefined });
    // @ts-expect-error: not a duration
    cache.set('a', user, { ttl: '5 minutes' });
    // @ts-expect-error: no such option
    cache.set('a', user, { tll: 5 });
  });

  it('iteration has the types of a Map', () => {
    for (const [key, value] of cache) {
      expectTypeOf(key).toEqualTypeOf<string>();
      expectTypeOf(value).toEqualTypeOf<User>();
    }
    expectTypeOf([...cache.keys()]).toEqualTypeOf<string[]>();
    expectTypeOf([...cache.values()]).toEqualTypeOf<User[]>();
    expectTypeOf(new Map(cache)).toEqualTypeOf<Map<string, User>>();
    cache.forEach((value, key, all) => {
      expectTypeOf([value, key]).toEqualTypeOf<(User | string)[]>();
      expectTypeOf(all).toEqualTypeOf<LruCache<string, User>>();
    });
  });
});

describe('The events of a cache', () => {
  it('a remove event contains the key, the value and the reason', () => {
    expectTypeOf(cache).toExtend<Observable<CacheEvents<string, User>>>();
    const off = cache.on('remove', ({ key, value, reason }) => {
      expectTypeOf(key).toEqualTypeOf<string>();
      expectTypeOf(value).toEqualTypeOf<User>();
      expectTypeOf(reason).toEqualTypeOf<RemoveReason>();
    });
    expectTypeOf(off).toEqualTypeOf<() => void>();
    expectTypeOf<RemoveReason>().toEqualTypeOf<'evicted' | 'expired' | 'deleted' | 'replaced' | 'cleared'>();
    // @ts-expect-error: no such event
    cache.on('removed', () => {});
  });
});

describe('The options of a cache', () => {
  it('options are read-only and may be undefined, and only capacity is required', () => {
    expectTypeOf<CacheOptions<string, User>>().toEqualTypeOf<{
      readonly capacity: number;
      readonly ttl?: Duration | undefined;
      readonly touchOnGet?: boolean | undefined;
      readonly maxWeight?: number | undefined;
      readonly weigh?: ((entry: { readonly key: string; readonly value: User }) => number) | undefined;
      readonly purgeEvery?: Duration | undefined;
      readonly clone?: 'structured' | ((value: User) => User) | undefined;
      readonly name?: string | undefined;
      readonly clock?: Clock | undefined;
    }>();
    expectTypeOf<RandomCacheOptions<string, User>['random']>().toEqualTypeOf<Random | undefined>();
    // @ts-expect-error: a capacity is required
    new LruCache({});
    // @ts-expect-error: the name in lru-cache
    new LruCache({ max: 5 });
    // @ts-expect-error: LruCache draws no random numbers
    new LruCache({ capacity: 1, random: Math.random });
    // @ts-expect-error: the options are required
    new LruCache();
    expectTypeOf<SetOptions>().toEqualTypeOf<{
      readonly ttl?: Duration | undefined;
      readonly weight?: number | undefined;
    }>();
  });
});

describe('The data of a cache', () => {
  it('dumps and statistics are plain data', () => {
    expectTypeOf(cache.dump()).toEqualTypeOf<CacheDump<string, User>>();
    expectTypeOf(cache.dump().entries[0]).toEqualTypeOf<DumpedEntry<string, User> | undefined>();
    expectTypeOf(cache.restore).parameters.toEqualTypeOf<[CacheDump<string, User>]>();
    // @ts-expect-error: the keys have another type
    cache.restore(new LruCache<number, User>({ capacity: 1 }).dump());
    expectTypeOf<CacheStats>().toEqualTypeOf<{
      readonly hits: number;
      readonly misses: number;
      readonly inserts: number;
      readonly updates: number;
      readonly evictions: number;
      readonly expirations: number;
      readonly rejections: number;
    }>();
    expectTypeOf(cache.purgeExpired()).toEqualTypeOf<number>();
    expectTypeOf(cache.resize(5)).toEqualTypeOf<void>();
    expectTypeOf(cache).toExtend<Disposable>();
    expectTypeOf<InvalidOptionError>().toExtend<TypeError>();
  });
});

describe('Structural types of a cache', () => {
  /** The part of a cache that a caching strategy needs. */
  interface CacheLike<K, V> {
    get(key: K): V | undefined;
    set(key: K, value: V, options?: { ttl?: number }): unknown;
    delete(key: K): boolean;
  }

  it('a cache can replace a Map or an lru-cache', () => {
    expectTypeOf<LruCache<string, User>>().toExtend<CacheLike<string, User>>();
    expectTypeOf<Cache<string, User>>().toExtend<CacheLike<string, User>>();
    expectTypeOf<TinyLfuCache<string, User>>().toExtend<CacheLike<string, User>>();
    expectTypeOf<Map<string, User>>().toExtend<CacheLike<string, User>>();
    expectTypeOf(new LRUCache<string, User>({ max: 1 })).toExtend<CacheLike<string, User>>();
    expectTypeOf<LruCache<string, User>>().not.toExtend<CacheLike<string, number>>();
    expectTypeOf<LruCache<string, User>>().not.toExtend<CacheLike<number, User>>();
  });

  it('a cache is iterable and has the read methods of a Map', () => {
    expectTypeOf<LruCache<string, User>>().toExtend<Iterable<[string, User]>>();
    expectTypeOf<LruCache<string, User>>().toExtend<Pick<ReadonlyMap<string, User>, 'get' | 'has' | 'size'>>();
  });
});
