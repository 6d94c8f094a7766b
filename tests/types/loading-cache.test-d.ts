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

it('a loading cache has what its loader brings', async () => {
  const byId = loadingCache({ load: async (id: number) => ({ id }), capacity: 10 });
  expectTypeOf(byId.get(7)).toEqualTypeOf<Promise<{ id: number }>>();
  expectTypeOf(byId.getSync(7)).toEqualTypeOf<{ id: number } | undefined>();
  expectTypeOf(byId.getMany([7])).toEqualTypeOf<Promise<{ id: number }[]>>();
  // @ts-expect-error a key of another type
  byId.get('7');
  const many = loadingCache({ loadMany: (_: readonly number[]) => new Map<number, string>(), capacity: 10 });
  expectTypeOf(many.get(7)).toEqualTypeOf<Promise<string>>();
});

it('any cache will do, if it holds entries', () => {
  type Entry = CachedEntry<User>;
  loadingCache({ load, cache: new Map<string, Entry>() });
  loadingCache({ load, cache: new LRUCache<string, Entry>({ max: 10 }) });
  loadingCache({ load, cache: new LruCache<string, Entry>({ capacity: 10 }) });
  // @ts-expect-error what is kept is entries, not values
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
  // @ts-expect-error what do calls share a value by?
  memoize((a: number, b: number) => a + b, { capacity: 10 });
  // @ts-expect-error an object is another one each time
  memoize((user: User) => user.name, { capacity: 10 });
  // @ts-expect-error nobody has arguments to load with
  add.cache.get('1,2');
});

it('two tiers have what their loader brings, or what may not be there', () => {
  const users = tiered({ capacity: 10 }, strings, { load, ttl: '1m' });
  expectTypeOf(users).toEqualTypeOf<TieredCache<User>>();
  expectTypeOf(users.get('7')).toEqualTypeOf<Promise<User>>();
  const kept = tiered<User>({ capacity: 10 }, strings, { ttl: '1m' });
  expectTypeOf(kept.get('7')).toEqualTypeOf<Promise<User | undefined>>();
  tiered(new Map<string, CachedEntry<User>>(), strings, { load });
  // @ts-expect-error the keys of a second tier are strings
  tiered({ capacity: 10 }, strings, { load: async (id: number) => ({ id }) });
});

it('a store of bytes needs somebody who makes bytes of values', () => {
  expectTypeOf(tiered({ capacity: 10 }, bytes, { load, serializer: v8 })).toEqualTypeOf<TieredCache<User>>();
  // @ts-expect-error no serializer
  tiered({ capacity: 10 }, bytes, { load });
});

it('what can be invalidated can be shared', () => {
  const bus = { publish: (_: string) => {}, subscribe: () => () => {} };
  shareInvalidations(loadingCache({ load, capacity: 10 }), bus);
  shareInvalidations(tiered({ capacity: 10 }, strings, { load }), bus);
  shareInvalidations(memoize(load, { capacity: 10 }).cache, bus);
  // @ts-expect-error an object does not survive being a message
  shareInvalidations(loadingCache({ load: (key: User) => key.name, capacity: 10 }), bus);
});

it('policies stand around loads, and coalesce is one', () => {
  loadingCache({ load, capacity: 10, policy: retry() });
  expectTypeOf(coalesce().execute(() => 7, { key: 'k' })).toEqualTypeOf<Promise<number>>();
});

it('a loader that takes its signal leaves the value to be inferred', () => {
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
  const again = loadingCache({
    load: async (_: number, { previous }: LoadContext<User>) => previous ?? { name: 'new' },
    capacity: 10,
  });
  expectTypeOf(again.get(7)).toEqualTypeOf<Promise<User>>();
});
