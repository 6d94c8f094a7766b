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

/**
 * A cache in front of something slow: it loads what it has not, once for however many ask.
 *
 * Picture one flight for each key that is missing. Whoever asks for the key boards it, may leave again by his own signal,
 * and is told how it ended; when the last one has left, the load is aborted. A load is kept only if nothing newer has
 * happened to its key since it began, so a slow one never overwrites a newer value and never brings back what was
 * deleted; those who waited for it have an answer all the same.
 *
 * O(1) a read, one lookup and one promise for a fresh value. No timer runs but while somebody waits.
 *
 * A loader that waits for its own key waits for itself; `hardTimeout` ends that.
 *
 * @throws InvalidOptionError for options that cannot work.
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
  return new LoadingCacheImpl(owner, own, settings, createSource(owner, own, settings.clock));
}

/** What one read may bring along. */
export interface LoadingCacheGetOptions {
  /** Ends this reader's wait, and nobody else's: it rejects with the signal's reason at once. */
  readonly signal?: AbortSignal | null | undefined;
}

/** A cache that loads what it has not. */
export interface LoadingCache<K, V> extends Observable<LoadingCacheEvents<K>> {
  /** The value: fresh, or stale where the options allow, or else loaded. */
  get(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** The values, in the order of the keys. Rejects with the first failure; the other loads go on. */
  getMany(keys: Iterable<K>, options?: LoadingCacheGetOptions): Promise<V[]>;
  /**
   * What `get` would answer at once, without a promise; undefined if it would have to wait, or reject. Like `get`, it
   * counts as a use, and starts the refresh of what is due for one; it never begins a load that somebody would wait for.
   */
  getSync(key: K): V | undefined;
  /** What may be served at once, changing nothing: no use, no refresh. */
  peek(key: K): V | undefined;
  /** Stores a value. A load of its key that is under way is not kept; whoever waits for it has this value now. */
  set(key: K, value: V, options?: LoadingCacheSetOptions): void;
  /**
   * Removes a value: it is never served again. A load of its key that is under way is not kept; who waits for it still
   * has what it brings, and the next reader starts another one. Gives whether there was an entry.
   */
  delete(key: K): boolean;
  /** Makes a value stale as of now: it is only served where a stale one may be. Otherwise as `delete`. */
  expire(key: K): boolean;
  /**
   * `delete` for all entries that match, and for the loads in flight. O(loads in flight) for a prefix or a glob, since the
   * loads whose keys match are not kept; O(1) for a tag. The numbers of entries and of earlier invalidations do not matter:
   * an entry is compared with the newer invalidations when it is next read.
   */
  deleteMatching(match: EntryMatch): void;
  /** `expire` for all entries that match. */
  expireMatching(match: EntryMatch): void;
  /** `delete` for all there is. */
  clear(): void;
  /** Does what has happened to another cache of the same things; it is not told on as an `invalidate` event. */
  applyInvalidation(invalidation: Invalidation<K>): void;
  /** Loads the value anew, or waits for the load that is under way. Rejects when that fails, stale value or not. */
  refresh(key: K, options?: LoadingCacheGetOptions): Promise<V>;
  /** Gets all these keys, so many at once; failures are counted. */
  warmUp(keys: Iterable<K> | AsyncIterable<K>, options?: WarmUpOptions<K>): Promise<WarmUpResult>;
  /** How many loads are under way that a reader could join. */
  readonly loading: number;
  readonly stats: LoadingCacheStats;
}

const GET_OPTIONS = ['signal'] as const;

/** The face of it: what is kept is in the store, what is being loaded in the table of loads. */
export class LoadingCacheImpl<K, V> implements LoadingCache<K, V> {
  readonly #settings: LoadingSettings<K, V>;
  readonly #source: Source<K, V>;
  readonly #store: EntryStore<K, V>;
  readonly #loads: InFlightLoads<K, V>;
  readonly #events = new Emitter<LoadingCacheEvents<K>>();
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

  /** Never throws: whatever happens is in the promise. */
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

  /** First the loads are out of the table, then the entries are gone, then loads that nobody waits for are aborted. */
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

  /** The shortest way: a fresh value with nothing else to do. No clock is read where nothing expires. */
  #isFastHit(entry: CachedEntry<V>): boolean {
    if (entry.hitFastPathUntil !== undefined && this.#settings.clock.now() >= entry.hitFastPathUntil) return false;
    this.#counts.hits++;
    return true;
  }

  /** Whether the entry is what a reader gets at once. It is loaded anew in the background if it is time. */
  #canServe(key: K, entry: CachedEntry<V>, source: Source<K, V>): boolean {
    const { clock, early, random } = this.#settings;
    const now = clock.now();
    const age = this.#store.ageOf(entry, now);
    const isHeldBack = entry.isInBackoff(now);
    if (age === 'over' || (age === 'grace' && !isHeldBack)) return false;
    const isDue = age === 'fresh' ? entry.isDueForRefresh(now, early, random) : !isHeldBack;
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

function cacheOf<K, V>(
  owner: string,
  { capacity, cache }: Pick<LoadingCacheOptions<K, V>, 'capacity' | 'cache'>,
): CacheLike<K, CachedEntry<V>> {
  if ((capacity === undefined) === (cache === undefined)) {
    throw new InvalidOptionError(owner, 'capacity', 'or "cache" is required, one of them', capacity);
  }
  if (cache !== undefined) return checkCacheLike(owner, 'cache', cache);
  return new LruCache({ capacity: checkInteger(owner, 'capacity', capacity, { min: 1, max: 0xff_ffff }) });
}
