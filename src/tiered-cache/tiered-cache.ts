import { Emitter, type Observable } from '../core/events.js';
import { checkString, readOptions } from '../core/options.js';
import { type CacheLike, checkCacheLike } from '../loading-cache/cache-like.js';
import { createSource } from '../loading-cache/create-source.js';
import type { CachedEntry } from '../loading-cache/entry.js';
import type { LoadingCacheSetOptions } from '../loading-cache/entry-store.js';
import { checkInvalidation, type EntryMatch, type Invalidation } from '../loading-cache/invalidation.js';
import { type LoadingCache, type LoadingCacheGetOptions, LoadingCacheImpl } from '../loading-cache/loading-cache.js';
import type { WithLoad } from '../loading-cache/options.js';
import type { Source } from '../loading-cache/source.js';
import type { WarmUpOptions, WarmUpResult } from '../loading-cache/warm-up.js';
import type { CacheStore } from './cache-store.js';
import {
  checkTieredOptions,
  type FirstTier,
  type NeedsSerializer,
  readTieredOptions,
  type TieredLoadingOptions,
  type TieredOptions,
} from './options.js';
import { SecondTier } from './second-tier.js';
import type { TieredCacheEvents, TieredCacheStats } from './stats.js';
import { type EntryLifetimes, noOrigin, TieredSource } from './tiered-source.js';

type ReadingVerbs = 'get' | 'getMany' | 'getSync' | 'peek' | 'refresh' | 'warmUp' | 'loading';

/**
 * A cache in two tiers. What changes it happens in this process at once; the promise says what became of it in the second
 * tier, and never rejects for that: true when it can no longer bring back anything older.
 */
export interface TieredCache<V> extends Pick<LoadingCache<string, V>, ReadingVerbs>, Observable<TieredCacheEvents> {
  /** Stores a value in both tiers. */
  set(key: string, value: V, options?: LoadingCacheSetOptions): Promise<boolean>;
  /** Removes a value from both tiers. */
  delete(key: string): Promise<boolean>;
  /** Makes the value of this process stale, where that may be served; the second tier drops its own. */
  expire(key: string): Promise<boolean>;
  /** `delete` for all that matches. */
  deleteMatching(match: EntryMatch): Promise<boolean>;
  /** `expire` for all that matches. */
  expireMatching(match: EntryMatch): Promise<boolean>;
  /** `delete` for all there is: in the second tier, all whose key begins with `prefix`. */
  clear(): Promise<boolean>;
  /** Does in this process what another one has done to both tiers. */
  applyInvalidation: LoadingCache<string, V>['applyInvalidation'];
  /** Resolves when no value is on its way to the second tier any more, since loaded ones are not waited for. */
  onIdle(): Promise<void>;
  readonly stats: TieredCacheStats;
}

/** What makes up two tiers. */
export interface Tiers<V> {
  readonly name: string;
  readonly first: LoadingCacheImpl<string, V>;
  readonly second: SecondTier<V, unknown>;
  readonly source: TieredSource<V>;
  readonly lifetimes: EntryLifetimes<V>;
  /** Whether what is deleted in both tiers can be had again. */
  readonly canReload: boolean;
}

/** The first tier is a loading cache, which loads from the second; what is changed, is changed in both. */
export class TwoTierCache<V> implements TieredCache<V> {
  readonly #tiers: Tiers<V>;
  readonly #events: Emitter<TieredCacheEvents>;

  /** @param events - those that the first tier does not have. */
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
    return this.#tell({ kind: 'delete', key }, await second.set(key, value, metadata));
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
    if (invalidation.isEcho || !canReload) return;
    second.invalidateRecentWrites(checkInvalidation(name, invalidation)).then((wereAny) => {
      if (wereAny) this.#tell({ ...invalidation, isEcho: true }, true); // somebody may have read them there
    });
  }

  onIdle(): Promise<void> {
    return this.#tiers.second.onIdle();
  }

  async #invalidate(invalidation: Invalidation<string>): Promise<boolean> {
    const { name, first, second } = this.#tiers;
    const checked = checkInvalidation(name, invalidation);
    first.applyInvalidation(invalidation);
    return this.#tell(invalidation, await second.invalidate(checked));
  }

  /** Others are told when the second tier has done it: what they read there from then on is what there is to read. */
  #tell(invalidation: Invalidation<string>, isDone: boolean): boolean {
    if (this.#events.has('invalidate')) this.#events.emit('invalidate', invalidation);
    return isDone;
  }
}

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
