import { Emitter } from '../core/events.js';
import { readOptions } from '../core/options.js';
import { type CacheLike, checkCacheLike } from '../loading-cache/cache-like.js';
import type { CachedEntry } from '../loading-cache/entry.js';
import { LoadingCacheImpl } from '../loading-cache/loader-cache.js';
import type { WithLoad } from '../loading-cache/options.js';
import type { Source } from '../loading-cache/source.js';
import { createSource } from '../loading-cache/create-source.js';
import type { CacheStore } from './cache-store.js';
import type { TieredCacheEvents } from './stats.js';
import {
  checkTieredOptions,
  type FirstTier,
  type NeedsSerializer,
  readTieredOptions,
  type TieredLoadingOptions,
  type TieredOptions,
} from './options.js';
import { SecondTier } from './second-tier.js';
import { type TieredCache, TwoTierCache } from './tiered-cache.js';
import { noOrigin, TieredSource } from './tiered-source.js';

/**
 * A cache in two tiers: a small one in this process in front of a large one that processes share.
 *
 * The first tier is a `loadingCache`; what it has not, it loads from the second, and what that has not from where the
 * values come from. Four rules hold between them:
 *
 * - A value lives in the first tier no longer than in the second, counted from before it was asked for.
 * - What was read or loaded before an invalidation is kept in neither tier after it, even when the second tier was slow to
 *   take it in; and what the second tier could not be told is not read from it until it has been.
 * - The second tier takes no call down: it has a deadline and a breaker, and whatever goes wrong there is a miss.
 * - One process tells the others by a bus (`shareInvalidations`); without one they may serve for `l1Ttl` what is out of
 *   date.
 *
 * Without `load` and `loadMany` it has what was put there, and undefined for the rest.
 *
 * O(1) a read. All keys that the first tier misses in one turn of the event loop are one call to the second tier, if the
 * store has `getMany`; else each key is one call, made at once.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * declare const store: CacheStore; // an adapter of Redis, say
 * const users = tiered({ capacity: 10_000 }, store, {
 *   load: async (id: string, { signal }) => (await fetch(`https://example.com/users/${id}`, { signal })).json(),
 *   ttl: '10m',
 *   l1Ttl: '10s',
 *   prefix: 'users:',
 * });
 * console.log(await users.get('7'));
 * ```
 */
export function tiered<V, D = string>(
  l1: FirstTier<V | undefined>,
  l2: CacheStore<D>,
  options?: TieredOptions<V | undefined, D> & NeedsSerializer<D>,
): TieredCache<V | undefined>;
export function tiered<V, D = string>(
  l1: FirstTier<NoInfer<V>>,
  l2: CacheStore<D>,
  options: WithLoad<string, V, TieredLoadingOptions<V, D>> & NeedsSerializer<D>,
): TieredCache<V>;
export function tiered<V, D = string>(
  l1: FirstTier<NoInfer<V>>,
  l2: CacheStore<D>,
  options: TieredLoadingOptions<V, D> & NeedsSerializer<D>,
): TieredCache<V>;
export function tiered<V, D>(
  l1: FirstTier<V>,
  l2: CacheStore<D>,
  options: TieredLoadingOptions<V, D> | WithLoad<string, V, TieredLoadingOptions<V, D>> = {},
): TieredCache<V> {
  const owner = 'tiered';
  const own = readTieredOptions(owner, options as TieredLoadingOptions<V, D>);
  const { loading, tier, lifetimes } = checkTieredOptions<V, D>(owner, l2, own);
  const events = new Emitter<TieredCacheEvents>();
  const second = new SecondTier<V, D>(tier, events);
  const { name, clock } = loading;
  const canReload = own.load !== undefined || own.loadMany !== undefined;
  const origin = canReload ? createSource<string, V>(owner, own, clock) : (noOrigin as Source<string, never>);
  const source = new TieredSource<V>(name, second, origin, lifetimes, clock);
  const first = new LoadingCacheImpl(owner, firstTierOf(owner, l1), loading, source);
  return new TwoTierCache({ name, first, second, source, lifetimes, canReload }, events);
}

function firstTierOf<V>(
  owner: string,
  l1: FirstTier<V>,
): { capacity?: number; cache?: CacheLike<string, CachedEntry<V>> } {
  if (typeof l1 === 'object' && l1 !== null && !('get' in l1))
    return readOptions(owner, l1, { capacity: undefined }, 'l1');
  return { cache: checkCacheLike(owner, 'l1', l1) };
}
