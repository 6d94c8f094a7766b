import { Emitter, type Observable } from '../core/events.js';
import { checkString, readOptions } from '../core/options.js';
import { type CacheLike, checkCacheLike } from '../loading-cache/cache-like.js';
import { createSource } from '../loading-cache/create-source.js';
import type { CachedEntry } from '../loading-cache/entry.js';
import type { LoadingCacheSetOptions } from '../loading-cache/entry-store.js';
import { checkInvalidation, type EntryMatch, type Invalidation } from '../loading-cache/invalidation.js';
import {
  createCache,
  type LoadingCache,
  type LoadingCacheGetOptions,
  type LoadingCacheImpl,
} from '../loading-cache/loading-cache.js';
import type { WithLoad } from '../loading-cache/options.js';
import type { Source } from '../loading-cache/source.js';
import type { WarmUpOptions, WarmUpResult } from '../loading-cache/warm-up.js';
import type { CacheStore } from './cache-store.js';
import {
  checkTieredOptions,
  type FirstTier,
  type Fixed,
  type NeedsSerializer,
  readTieredOptions,
  type TieredLoadingOptions,
  type TieredOptions,
} from './options.js';
import { SecondTier } from './second-tier.js';
import type { TieredCacheEvents, TieredCacheStats } from './stats.js';
import { type EntryLifetimes, noOrigin, TieredSource } from './tiered-source.js';

/** The types of events. */
const EVENTS = ['load', 'loadError', 'invalidate', 'secondTier'] as const;

type ReadingVerbs = 'get' | 'getMany' | 'getSync' | 'peek' | 'refresh' | 'warmUp' | 'loading';

/**
 * A cache with two tiers, made by `tiered`. Each change is applied to this process's tier synchronously. The returned
 * promise is for the second tier: it resolves with true once the second tier can no longer return an older value, and
 * with false if the store failed or was too slow. It never rejects because of the store. While a change is not
 * confirmed, its keys are not read from the second tier, and a failed change is retried in the background.
 */
export interface TieredCache<V> extends Pick<LoadingCache<string, V>, ReadingVerbs>, Observable<TieredCacheEvents> {
  /** Stores a value in both tiers. */
  set(key: string, value: V, options?: LoadingCacheSetOptions): Promise<boolean>;
  /** Deletes a value from both tiers. */
  delete(key: string): Promise<boolean>;
  /** Makes the value in this process stale, and deletes it from the second tier. */
  expire(key: string): Promise<boolean>;
  /** Deletes all entries that match from both tiers. */
  deleteMatching(match: EntryMatch): Promise<boolean>;
  /** Makes all entries that match stale in this process, and deletes them from the second tier. */
  expireMatching(match: EntryMatch): Promise<boolean>;
  /** Deletes all entries: in the second tier, all entries whose key begins with `prefix`. */
  clear(): Promise<boolean>;
  /** Applies to this process's tier an invalidation that another process has applied to both tiers. */
  applyInvalidation: LoadingCache<string, V>['applyInvalidation'];
  /**
   * Resolves when no write to the second tier is pending. Loads do not wait for their write to the second tier, so call
   * it before the process ends, or in a test.
   */
  onIdle(): Promise<void>;
  /** The counters of both tiers and of the origin since the cache was made: a copy. */
  readonly stats: TieredCacheStats;
}

/** The parts of a tiered cache. */
export interface Tiers<V> {
  readonly name: string;
  readonly first: LoadingCacheImpl<string, V>;
  readonly second: SecondTier<V, unknown>;
  readonly source: TieredSource<V>;
  readonly lifetimes: EntryLifetimes<V>;
  /** Whether a value deleted from both tiers can be loaded again. */
  readonly canReload: boolean;
}

/** Implements `TieredCache`: the first tier is a loading cache that loads from the second tier. */
export class TwoTierCache<V> implements TieredCache<V> {
  readonly #tiers: Tiers<V>;
  readonly #events: Emitter<TieredCacheEvents>;

  /** @param events - the events other than `load` and `loadError`, which the first tier emits. */
  constructor(tiers: Tiers<V>, events: Emitter<TieredCacheEvents>) {
    this.#tiers = tiers;
    this.#events = events;
  }

  get loading(): number {
    return this.#tiers.first.loading;
  }

  get stats(): TieredCacheStats {
    const { first, second, source } = this.#tiers;
    const { hits, staleHits, misses } = first.stats;
    const reads = hits + staleHits + misses;
    const hitRatio = reads === 0 ? 0 : (hits + staleHits) / reads;
    return { l1: { ...first.stats, hitRatio }, l2: second.stats, origin: source.stats };
  }

  on<E extends keyof TieredCacheEvents>(type: E, listener: (event: TieredCacheEvents[E]) => void): () => void {
    if (type === 'load' || type === 'loadError') return this.#tiers.first.on(type, listener as never);
    return this.#events.on(type, listener);
  }

  get(key: string, options?: LoadingCacheGetOptions): Promise<V> {
    return this.#tiers.first.get(key, options);
  }

  getMany(keys: Iterable<string>, options?: LoadingCacheGetOptions): Promise<V[]> {
    return this.#tiers.first.getMany(keys, options);
  }

  getSync(key: string): V | undefined {
    return this.#tiers.first.getSync(key);
  }

  peek(key: string): V | undefined {
    return this.#tiers.first.peek(key);
  }

  refresh(key: string, options?: LoadingCacheGetOptions): Promise<V> {
    const { first, source, canReload } = this.#tiers;
    return first.refreshFrom(canReload ? source.originSource : source, key, options);
  }

  warmUp(keys: Iterable<string> | AsyncIterable<string>, options?: WarmUpOptions<string>): Promise<WarmUpResult> {
    return this.#tiers.first.warmUp(keys, options);
  }

  async set(key: string, value: V, options?: LoadingCacheSetOptions): Promise<boolean> {
    const { name, first, second, lifetimes } = this.#tiers;
    const metadata = lifetimes.metadataOf(value, checkString(name, 'key', key), options);
    const { freshMs, tags } = lifetimes.inFirstTier(metadata);
    first.set(key, value, { ttl: freshMs, tags });
    return this.#emitInvalidate({ kind: 'delete', key }, await second.set(key, value, metadata));
  }

  async delete(key: string): Promise<boolean> {
    return this.#invalidate({ kind: 'delete', key: checkString(this.#tiers.name, 'key', key) });
  }

  async expire(key: string): Promise<boolean> {
    return this.#invalidate({ kind: 'expire', key: checkString(this.#tiers.name, 'key', key) });
  }

  async deleteMatching(match: EntryMatch): Promise<boolean> {
    return this.#invalidate({ kind: 'deleteMatching', match });
  }

  async expireMatching(match: EntryMatch): Promise<boolean> {
    return this.#invalidate({ kind: 'expireMatching', match });
  }

  async clear(): Promise<boolean> {
    return this.#invalidate({ kind: 'clear' });
  }

  applyInvalidation(invalidation: Invalidation<string>): void {
    const { name, first, second, canReload } = this.#tiers;
    first.applyInvalidation(invalidation);
    if (invalidation.isRebroadcast || !canReload) return;
    second.invalidateRecentWrites(checkInvalidation(name, invalidation)).then((wereAny) => {
      // Another process may have read the deleted values from the second tier.
      if (wereAny) this.#emitInvalidate({ ...invalidation, isRebroadcast: true }, true);
    });
  }

  onIdle(): Promise<void> {
    return this.#tiers.second.onIdle();
  }

  async #invalidate(invalidation: Invalidation<string>): Promise<boolean> {
    const { name, first, second } = this.#tiers;
    const checked = checkInvalidation(name, invalidation);
    first.applyInvalidation(invalidation);
    return this.#emitInvalidate(invalidation, await second.invalidate(checked));
  }

  /** Emits `invalidate` after the second tier has been changed, so that other processes read the new state there. */
  #emitInvalidate(invalidation: Invalidation<string>, isDone: boolean): boolean {
    if (this.#events.has('invalidate')) this.#events.emit('invalidate', invalidation);
    return isDone;
  }
}

/**
 * Creates a cache with two tiers: a small one in this process in front of a large store that processes share, such as
 * Redis.
 *
 * Use it if many processes load the same values, or if a restart must not send every read to the origin. The first tier
 * is a `loadingCache`. It loads a missing value from the second tier, and if that has none, from the origin (`load` or
 * `loadMany`). Without a loader the cache returns only values that were set, and `undefined` for other keys.
 *
 * - A value lives in the first tier no longer than in the second, counted from before the second tier was read.
 * - A value that was read or loaded before an invalidation is kept in neither tier after it, even if the second tier is
 *   slow to apply the invalidation. A key whose invalidation the second tier has not confirmed is not read from it.
 * - The second tier cannot make a call fail: each call to it has a timeout and a circuit breaker, and each failure
 *   counts as a miss.
 * - `shareInvalidations` sends invalidations to other processes over a bus. Without a bus other processes may serve an
 *   outdated value for up to `l1Ttl`.
 *
 * Cost: O(1) per read. If the store has `getMany`, all keys that the first tier misses in one turn of the event loop
 * are read in one call. Otherwise each key is read in a call of its own, without waiting for the end of the turn.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * declare const store: CacheStore; // an adapter, for example of Redis
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
  l1: FirstTier<Fixed<V>>,
  l2: CacheStore<D>,
  options: WithLoad<string, V, TieredLoadingOptions<V, D>> & NeedsSerializer<D>,
): TieredCache<V>;
export function tiered<V, D = string>(
  l1: FirstTier<Fixed<V>>,
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
  const events = new Emitter<TieredCacheEvents>(EVENTS);
  const second = new SecondTier<V, D>(tier, events);
  const { name, clock } = loading;
  const canReload = own.load !== undefined || own.loadMany !== undefined;
  const origin = canReload ? createSource<string, V>(owner, own, clock) : (noOrigin as Source<string, never>);
  const source = new TieredSource<V>(name, second, origin, lifetimes, clock);
  const first = createCache<string, V>(owner, firstTierOf(owner, l1), loading, source);
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
