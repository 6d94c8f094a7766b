import v8 from 'node:v8';
import { LruCache } from 'breakwater/cache';
import { coalesce } from 'breakwater/coalesce';
import {
  type CachedEntry,
  type LoadContext,
  loadingCache,
  memoize,
  shareInvalidations,
} from 'breakwater/loading-cache';
import { retry } from 'breakwater/retry';
import { type CacheStore, type TieredCache, tiered } from 'breakwater/tiered-cache';
import { LRUCache } from 'lru-cache';
import { expectTypeOf, it } from 'vitest';

declare const strings: CacheStore;
declare const bytes: CacheStore<Uint8Array>;

interface User {
  readonly name: string;
}
declare function load(key: string): Promise<User>;

it('a loading cache has the types of its loader', async () => {
  const byId = loadingCache({ load: async (id: number) => ({ id }), capacity: 10 });
  expectTypeOf(byId.get(7)).toEqualTypeOf<Promise<{ id: number }>>();
  expectTypeOf(byId.getSync(7)).toEqualTypeOf<{ id: number } | undefined>();
  expectTypeOf(byId.getMany([7])).toEqualTypeOf<Promise<{ id: number }[]>>();
  // @ts-expect-error a key of another type
  byId.get('7');
  const many = loadingCache({ loadMany: (_: readonly number[]) => new Map<number, string>(), capacity: 10 });
  expectTypeOf(many.get(7)).toEqualTypeOf<Promise<string>>();
});

it('a loading cache accepts any cache of entries', () => {
  type Entry = CachedEntry<User>;
  loadingCache({ load, cache: new Map<string, Entry>() });
  loadingCache({ load, cache: new LRUCache<string, Entry>({ max: 10 }) });
  loadingCache({ load, cache: new LruCache<string, Entry>({ capacity: 10 }) });
  // @ts-expect-error the cache stores entries, not values
  loadingCache({ load, cache: new Map<string, User>() });
});

it('a memoized function keeps its parameters', () => {
  const add = memoize((a: number, b: number) => a + b, { key: (a, b) => `${a},${b}`, capacity: 10 });
  expectTypeOf(add).parameters.toEqualTypeOf<[number, number]>();
  expectTypeOf(add(1, 2)).toEqualTypeOf<Promise<number>>();
  add.cache.delete('1,2');
  memoize((id: number) => id, { capacity: 10 });
  memoize(() => 7, { capacity: 10 });
  memoize((id?: string) => id, { capacity: 10 });
  // @ts-expect-error a key function is required for several arguments
  memoize((a: number, b: number) => a + b, { capacity: 10 });
  // @ts-expect-error a key function is required for objects
  memoize((user: User) => user.name, { capacity: 10 });
  // @ts-expect-error the arguments of a load are missing
  add.cache.get('1,2');
});

it('a tiered cache has the type of its loader, or may be undefined without a loader', () => {
  const users = tiered({ capacity: 10 }, strings, { load, ttl: '1m' });
  expectTypeOf(users).toEqualTypeOf<TieredCache<User>>();
  expectTypeOf(users.get('7')).toEqualTypeOf<Promise<User>>();
  const kept = tiered<User>({ capacity: 10 }, strings, { ttl: '1m' });
  expectTypeOf(kept.get('7')).toEqualTypeOf<Promise<User | undefined>>();
  tiered(new Map<string, CachedEntry<User>>(), strings, { load });
  // @ts-expect-error the keys of a second tier are strings
  tiered({ capacity: 10 }, strings, { load: async (id: number) => ({ id }) });
});

it('a store of bytes requires a serializer', () => {
  expectTypeOf(tiered({ capacity: 10 }, bytes, { load, serializer: v8 })).toEqualTypeOf<TieredCache<User>>();
  // @ts-expect-error no serializer
  tiered({ capacity: 10 }, bytes, { load });
});

it('a cache with string keys can share its invalidations', () => {
  const bus = { publish: (_: string) => {}, subscribe: () => () => {} };
  shareInvalidations(loadingCache({ load, capacity: 10 }), bus);
  shareInvalidations(tiered({ capacity: 10 }, strings, { load }), bus);
  shareInvalidations(memoize(load, { capacity: 10 }).cache, bus);
  // @ts-expect-error an object cannot be serialized as a message
  shareInvalidations(loadingCache({ load: (key: User) => key.name, capacity: 10 }), bus);
});

it('a loading cache accepts a policy, and coalesce is a policy', () => {
  loadingCache({ load, capacity: 10, policy: retry() });
  expectTypeOf(coalesce().execute(() => 7, { key: 'k' })).toEqualTypeOf<Promise<number>>();
});

it('the value type is inferred from a loader that uses its signal', () => {
  const query = (_: number, __: AbortSignal) => Promise.resolve({ team: 'a' });
  const teams = loadingCache({
    load: (id: number, { signal }) => query(id, signal),
    tags: ({ team }) => [team],
    policy: retry(),
    capacity: 10,
  });
  expectTypeOf(teams.get(7)).toEqualTypeOf<Promise<{ team: string }>>();
  const two = tiered({ capacity: 10 }, strings, { load: async (id, { signal }) => ({ id, signal }) });
  expectTypeOf(two.get('7')).toEqualTypeOf<Promise<{ id: string; signal: AbortSignal }>>();
  const reloading = loadingCache({
    load: async (_: number, { previous }: LoadContext<User>) => previous ?? { name: 'new' },
    capacity: 10,
  });
  expectTypeOf(reloading.get(7)).toEqualTypeOf<Promise<User>>();
});
