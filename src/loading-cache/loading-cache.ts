import { LruCache } from '../cache/lru-cache.js';
import { checkSignal } from '../core/abort-scope.js';
import { rejectNextMicrotask } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkCallOptions, checkInteger, NOTHING, unpolluted } from '../core/options.js';
import { type CacheLike, checkCacheLike } from './cache-like.js';
import { createSource } from './create-source.js';
import type { CachedEntry } from './entry.js';
import { EntryStore, type LoadingCacheSetOptions } from './entry-store.js';
import { InFlightLoads } from './in-flight-loads.js';
import { type CheckedInvalidation, checkInvalidation, type EntryMatch, type Invalidation } from './invalidation.js';
import { InvalidationLog } from './invalidation-log.js';
import {
  checkLoadingOptions,
  type LoadingCacheOptions,
  type LoadingSettings,
  readLoadingOptions,
  type WithLoad,
} from './options.js';
import type { Source } from './source.js';
import type { LoadingCacheEvents, LoadingCacheStats } from './stats.js';
import { type WarmUpOptions, type WarmUpResult, warmUpKeys } from './warm-up.js';

/** The types of events. */
const EVENTS = ['load', 'invalidate', 'loadError'] as const;

/**
 * Creates a cache that loads a missing value with `load` or `loadMany`, once for all concurrent callers (single
 * flight).
 *
 * Use it in front of a slow data source that is read more often than it changes. It supports stale-while-revalidate,
 * stale-if-error, refresh ahead, negative caching, tags and invalidation.
 *
 * - Each missing key has at most one load in flight. Callers of `get` join it, and each caller can leave it through its
 *   own `signal`. When the last caller has left, the load is aborted.
 * - A loaded value is kept only if its key was not set or invalidated since the load began. A slow load therefore never
 *   overwrites a newer value and never restores a deleted one. The callers that waited for it still get a result.
 * - A loader that reads its own key from the same cache waits for itself. `hardTimeout` ends that wait.
 *
 * Cost: O(1) per read; one lookup and one promise for a fresh value. Timers run only while a caller waits.
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const users = loadingCache({
 *   load: async (id: number, { signal }) => (await fetch(`https://example.com/users/${id}`, { signal })).json(),
 *   capacity: 10_000,
 *   ttl: '1m',
 *   staleWhileRevalidate: '10m',
 * });
 * console.log(await users.get(7));
 * ```
 */
export function loadingCache<K, V>(options: WithLoad<K, V, LoadingCacheOptions<K, V>>): LoadingCache<K, V>;
export function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V>;
export function loadingCache<K, V>(options: LoadingCacheOptions<K, V>): LoadingCache<K, V> {
  const owner = 'loadingCache';
  const own = readLoadingOptions(owner, options);
  const settings = checkLoadingOptions(owner, own);
  return createCache(owner, own, settings, createSource(owner, own, settings.clock));
}

/** The options of one read. */
export interface LoadingCacheGetOptions {
  /** Ends the wait of this read only: the read rejects with the signal's reason. Other callers keep waiting. */
  readonly signal?: AbortSignal | null | undefined;
}

/** A cache that loads missing values, made by `loadingCache`. */
export interface LoadingCache<K, V> extends Observable<LoadingCacheEvents<K>> {
  /** Returns the value: the fresh one, a stale one if the options allow it, or otherwise a loaded one. */
  get(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** Returns the values in the order of the keys. Rejects with the first failure; the other loads continue. */
  getMany(keys: Iterable<K>, options?: LoadingCacheGetOptions): Promise<V[]>;
  /**
   * Returns the value without a promise if `get` could serve it from the cache. Returns undefined if `get` would wait
   * or reject. Counts as a use and may start a background refresh, as `get` does, but never starts a load that a caller
   * would wait for.
   */
  getSync(key: K): V | undefined;
  /** Returns the fresh or stale value without any effect: it does not count as a use and starts no refresh. */
  peek(key: K): V | undefined;
  /**
   * Stores a value. A load of the key in flight is aborted, its value is not kept, and the callers that wait for it get
   * the stored value immediately.
   */
  set(key: K, value: V, options?: LoadingCacheSetOptions): void;
  /**
   * Removes the value of a key and returns whether there was one. A load of the key in flight is not kept: its waiters
   * still get its value, and the next read starts another load.
   */
  delete(key: K): boolean;
  /**
   * Makes the value of a key stale now: only `staleWhileRevalidate` and `staleIfError` still allow it to be served.
   * Returns whether a value remains that they allow. A load of the key in flight is not kept, as with `delete`.
   */
  expire(key: K): boolean;
  /**
   * Deletes all entries that match, and does not keep matching loads in flight. O(1) for a tag; O(loads in flight) for
   * a prefix or a glob. The cost does not depend on the number of entries: an entry is compared with newer
   * invalidations when it is next read.
   */
  deleteMatching(match: EntryMatch): void;
  /** Makes all entries that match stale now. Otherwise like `deleteMatching`. */
  expireMatching(match: EntryMatch): void;
  /** Deletes all entries, and does not keep any load in flight. */
  clear(): void;
  /** Applies an invalidation of another cache with the same data, without emitting an `invalidate` event. */
  applyInvalidation(invalidation: Invalidation<K>): void;
  /** Loads the value again, or joins the load in flight. Rejects if the load fails, even if there is a stale value. */
  refresh(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** Gets all keys with limited concurrency and returns how many loads succeeded and failed. */
  warmUp(keys: Iterable<K> | AsyncIterable<K>, options?: WarmUpOptions<K>): Promise<WarmUpResult>;
  /** The number of loads in flight that a read could join. */
  readonly loading: number;
  /** The counters since the cache was made: a copy. */
  readonly stats: LoadingCacheStats;
}

const GET_OPTIONS = ['signal'] as const;

/** Implements `LoadingCache`: the entries are in an `EntryStore`, the loads in flight in `InFlightLoads`. */
export class LoadingCacheImpl<K, V> implements LoadingCache<K, V> {
  readonly #settings: LoadingSettings<K, V>;
  readonly #source: Source<K, V>;
  readonly #store: EntryStore<K, V>;
  readonly #loads: InFlightLoads<K, V>;
  readonly #events = new Emitter<LoadingCacheEvents<K>>(EVENTS);
  readonly #counts = {
    ...{ hits: 0, misses: 0, staleHits: 0, coalesced: 0 },
    ...{ loads: 0, refreshes: 0, loadFailures: 0, discarded: 0 },
  };

  constructor(
    owner: string,
    own: Pick<LoadingCacheOptions<K, V>, 'capacity' | 'cache'>,
    settings: LoadingSettings<K, V>,
    source: Source<K, V>,
  ) {
    this.#settings = settings;
    this.#source = source;
    this.#store = new EntryStore(settings, cacheOf(owner, own), new InvalidationLog(own.capacity));
    this.#loads = new InFlightLoads(settings, this.#store, this.#counts, this.#events);
  }

  get loading(): number {
    return this.#loads.size;
  }

  get stats(): LoadingCacheStats {
    return { ...this.#counts };
  }

  on<E extends keyof LoadingCacheEvents<K>>(type: E, listener: (event: LoadingCacheEvents<K>[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  get(key: K, options?: LoadingCacheGetOptions): Promise<V> {
    if (options !== undefined) return this.getFrom(this.#source, key, options);
    const entry = this.#store.find(key);
    return entry !== undefined && this.#isFastHit(entry)
      ? Promise.resolve(entry.value)
      : this.#getSlowly(key, entry, null, this.#source);
  }

  /** Reads a key with a given source. Never throws: each failure rejects the promise. */
  getFrom(source: Source<K, V>, key: K, options: LoadingCacheGetOptions = {}): Promise<V> {
    try {
      const signal = this.#checkSignal(options);
      if (signal?.aborted) return rejectNextMicrotask(signal.reason);
      return this.#getSlowly(key, this.#store.find(key), signal, source);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async getMany(keys: Iterable<K>, options?: LoadingCacheGetOptions): Promise<V[]> {
    return Promise.all(Array.from(keys, (key) => this.get(key, options)));
  }

  getSync(key: K): V | undefined {
    const entry = this.#store.find(key);
    if (entry === undefined) return undefined;
    return this.#isFastHit(entry) || this.#canServe(key, entry, this.#source) ? entry.value : undefined;
  }

  peek(key: K): V | undefined {
    const entry = this.#store.peek(key);
    if (entry === undefined) return undefined;
    const age = this.#store.ageOf(entry, this.#settings.clock.now());
    return age === 'fresh' || age === 'stale' ? entry.value : undefined;
  }

  set(key: K, value: V, options?: LoadingCacheSetOptions): void {
    const now = this.#settings.clock.now();
    const entry = this.#store.make(key, value, now, 0, options);
    const load = this.#loads.detach(key);
    this.#store.keep(key, entry, now);
    this.#loads.supersede(load, value);
    this.#emitInvalidate({ kind: 'delete', key });
  }

  delete(key: K): boolean {
    return this.#invalidateAndEmit({ kind: 'delete', key });
  }

  expire(key: K): boolean {
    return this.#invalidateAndEmit({ kind: 'expire', key });
  }

  deleteMatching(match: EntryMatch): void {
    this.#invalidateAndEmit({ kind: 'deleteMatching', match });
  }

  expireMatching(match: EntryMatch): void {
    this.#invalidateAndEmit({ kind: 'expireMatching', match });
  }

  clear(): void {
    this.#invalidateAndEmit({ kind: 'clear' });
  }

  applyInvalidation(invalidation: Invalidation<K>): void {
    this.#invalidate(checkInvalidation(this.#settings.name, invalidation));
  }

  refresh(key: K, options?: LoadingCacheGetOptions): Promise<V> {
    return this.refreshFrom(this.#source, key, options);
  }

  async refreshFrom(source: Source<K, V>, key: K, options: LoadingCacheGetOptions = {}): Promise<V> {
    const signal = this.#checkSignal(options);
    if (signal?.aborted) throw signal.reason;
    return this.#loads.wait(key, this.#store.find(key), source, signal, false);
  }

  warmUp(keys: Iterable<K> | AsyncIterable<K>, options?: WarmUpOptions<K>): Promise<WarmUpResult> {
    return warmUpKeys(this.#settings.name, keys, options, (key, signal) => this.get(key, { signal }));
  }

  #invalidateAndEmit(invalidation: Invalidation<K>): boolean {
    const wasThere = this.#invalidate(checkInvalidation(this.#settings.name, invalidation));
    this.#emitInvalidate(invalidation);
    return wasThere;
  }

  #emitInvalidate(invalidation: Invalidation<K>): void {
    if (this.#events.has('invalidate')) this.#events.emit('invalidate', invalidation);
  }

  /**
   * The order matters: detach the loads, remove the entries, and only then abort the loads without waiters, because an
   * abort runs code of the caller.
   */
  #invalidate(invalidation: CheckedInvalidation<K>): boolean {
    const loads = this.#loads.detachMatching(invalidation);
    const wasThere = this.#store.invalidate(invalidation, this.#settings.clock.now());
    for (const load of loads) load.abandonIfEmpty();
    return wasThere;
  }

  #getSlowly(key: K, entry: CachedEntry<V> | undefined, signal: AbortSignal | null, source: Source<K, V>): Promise<V> {
    if (entry !== undefined && this.#canServe(key, entry, source)) {
      return entry.failure === undefined ? Promise.resolve(entry.value) : rejectNextMicrotask(entry.failure.error);
    }
    this.#counts.misses++;
    return this.#loads.wait(key, entry, source, signal, true);
  }

  /** The fast path: whether the entry is fresh and needs nothing else. Reads the clock only if the entry can expire. */
  #isFastHit(entry: CachedEntry<V>): boolean {
    if (entry.hitFastPathUntil !== undefined && this.#settings.clock.now() >= entry.hitFastPathUntil) return false;
    this.#counts.hits++;
    return true;
  }

  /** Whether a read may serve the entry without waiting. Starts a background refresh if one is due. */
  #canServe(key: K, entry: CachedEntry<V>, source: Source<K, V>): boolean {
    const { clock, early, random } = this.#settings;
    const now = clock.now();
    const age = this.#store.ageOf(entry, now);
    const isInBackoff = entry.isInBackoff(now);
    if (age === 'expired' || (age === 'stale-if-error' && !isInBackoff)) return false;
    const isDue = age === 'fresh' ? entry.isDueForRefresh(now, early, random) : !isInBackoff;
    this.#counts[age === 'fresh' ? 'hits' : 'staleHits']++;
    if (isDue && entry.failure === undefined) this.#loads.refresh(key, entry, source);
    return true;
  }

  #checkSignal(options: LoadingCacheGetOptions): AbortSignal | null {
    const { name } = this.#settings;
    checkCallOptions(name, options, GET_OPTIONS);
    const { signal } = NOTHING.signal === undefined ? options : unpolluted(options, GET_OPTIONS);
    return checkSignal(name, signal ?? null);
  }
}

/** Creates the cache for checked options. */
export function createCache<K, V>(
  owner: string,
  own: Pick<LoadingCacheOptions<K, V>, 'capacity' | 'cache'>,
  settings: LoadingSettings<K, V>,
  source: Source<K, V>,
): LoadingCacheImpl<K, V> {
  const { clone } = settings;
  if (clone === undefined) return new LoadingCacheImpl(owner, own, settings, source);
  return new CloningCache(owner, own, settings, source, clone);
}

/** A loading cache whose callers get copies of its values. */
class CloningCache<K, V> extends LoadingCacheImpl<K, V> {
  readonly #clone: (value: V) => V;

  constructor(
    owner: string,
    own: Pick<LoadingCacheOptions<K, V>, 'capacity' | 'cache'>,
    settings: LoadingSettings<K, V>,
    source: Source<K, V>,
    clone: (value: V) => V,
  ) {
    super(owner, own, settings, source);
    this.#clone = clone;
  }

  override async get(key: K, options?: LoadingCacheGetOptions): Promise<V> {
    // `get` with options calls `getFrom`, which copies.
    return options === undefined ? this.#clone(await super.get(key)) : super.get(key, options);
  }

  override async getFrom(source: Source<K, V>, key: K, options?: LoadingCacheGetOptions): Promise<V> {
    return this.#clone(await super.getFrom(source, key, options));
  }

  override getSync(key: K): V | undefined {
    return this.#copy(super.getSync(key));
  }

  override peek(key: K): V | undefined {
    return this.#copy(super.peek(key));
  }

  override set(key: K, value: V, options?: LoadingCacheSetOptions): void {
    super.set(key, this.#clone(value), options);
  }

  override async refreshFrom(source: Source<K, V>, key: K, options?: LoadingCacheGetOptions): Promise<V> {
    return this.#clone(await super.refreshFrom(source, key, options));
  }

  #copy(value: V | undefined): V | undefined {
    return value === undefined ? undefined : this.#clone(value);
  }
}

function cacheOf<K, V>(
  owner: string,
  { capacity, cache }: Pick<LoadingCacheOptions<K, V>, 'capacity' | 'cache'>,
): CacheLike<K, CachedEntry<V>> {
  if ((capacity === undefined) === (cache === undefined)) {
    throw new InvalidOptionError(owner, 'capacity', 'or "cache" is required, but not both', capacity);
  }
  if (cache !== undefined) return checkCacheLike(owner, 'cache', cache);
  return new LruCache({ capacity: checkInteger(owner, 'capacity', capacity, { min: 1, max: 0xff_ffff }) });
}
