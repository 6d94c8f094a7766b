import { LruCache } from '../cache/lru-cache.js';
import { checkSignal } from '../core/abort-scope.js';
import { rejectNextMicrotask } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter } from '../core/events.js';
import { checkCallOptions, checkInteger, NOTHING, unpolluted } from '../core/options.js';
import { type CacheLike, checkCacheLike } from './cache-like.js';
import type { LoadingCache, LoadingCacheGetOptions } from './contract.js';
import type { CachedEntry } from './entry.js';
import { EntryStore, type LoadingCacheSetOptions } from './entry-store.js';
import { type CheckedInvalidation, checkInvalidation, type Invalidation } from './invalidation.js';
import { InvalidationLog } from './invalidation-log.js';
import { InFlightLoads } from './in-flight-loads.js';
import type { EntryMatch } from './match.js';
import type { LoadingCacheOptions, LoadingSettings } from './options.js';
import type { Source } from './source.js';
import type { LoadingCacheEvents, LoadingCacheStats } from './stats.js';
import { type WarmUpOptions, type WarmUpResult, warmUpKeys } from './warm-up.js';

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
    return this.#loads.wait(key, source, signal, false);
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
    return this.#loads.wait(key, source, signal, true);
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
    if (isDue && entry.failure === undefined) this.#loads.refresh(key, source);
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
