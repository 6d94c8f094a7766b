import { bindAsyncContext } from '../core/async-context.js';
import { TimeoutError } from '../core/errors.js';
import { type Emitter, reportUncaught } from '../core/events.js';
import { FlightWaiter, SingleFlight } from '../core/single-flight.js';
import type { CachedEntry } from './entry.js';
import type { EntryStore } from './entry-store.js';
import { type CheckedInvalidation, hitsKey } from './invalidation.js';
import type { LoadingSettings } from './options.js';
import { type EntryMetadata, type LoadRequest, LoadResult, type Source } from './source.js';
import type { LoadingCacheEvents, MutableStats } from './stats.js';

/** The properties of a new load. */
export interface NewLoad<K, V> {
  readonly key: K;
  /** The entry when the load began. A different entry later is newer than the load. */
  readonly previous: CachedEntry<V> | undefined;
  /** The number of the last invalidation before the load began. */
  readonly startedAfter: number;
  /** The time at which the load began, in milliseconds. */
  readonly startedAt: number;
  /** Whether the load began in the background. */
  readonly isRefresh: boolean;
}

/** One load of one key. */
export class InFlightLoad<K, V> extends SingleFlight<V, LoadWaiter<K, V>> implements LoadRequest<V>, NewLoad<K, V> {
  readonly key: K;
  readonly previous: CachedEntry<V> | undefined;
  readonly startedAfter: number;
  readonly startedAt: number;
  readonly isRefresh: boolean;
  readonly #loads: InFlightLoads<K, V>;

  constructor({ key, previous, startedAfter, startedAt, isRefresh }: NewLoad<K, V>, loads: InFlightLoads<K, V>) {
    super(() => loads.abandon(this));
    this.key = key;
    this.previous = previous;
    this.startedAfter = startedAfter;
    this.startedAt = startedAt;
    this.isRefresh = isRefresh;
    this.isDetached = isRefresh;
    this.#loads = loads;
  }

  get freshUntil(): number | undefined {
    const { previous, startedAt } = this;
    const isFresh = previous !== undefined && previous.failure === undefined && previous.endsAt > startedAt;
    return isFresh ? previous.endsAt : undefined;
  }

  offerStale(value: V, metadata: EntryMetadata): void {
    this.#loads.offerStale(this, value, metadata);
  }
}

/** A read that waits for a key. */
export class LoadWaiter<K, V> extends FlightWaiter<V> {
  /** Whether the read accepts a stale value if the load fails or is too slow. */
  readonly takesStale: boolean;
  load: InFlightLoad<K, V> | undefined;
  /**
   * Joins another load, in the async context of the read. Set only if an invalidation came after the start of the load.
   */
  retryWithNewLoad: (() => void) | undefined;

  constructor(takesStale: boolean) {
    super();
    this.takesStale = takesStale;
    this.load = undefined;
    this.retryWithNewLoad = undefined;
  }
}

/**
 * The loads in flight: at most one per key that a read can join.
 *
 * Rule: a loaded value is kept only if its key was not set or invalidated since the load began.
 *
 * - An invalidation of the key removes the load from the table (`detach`). No read joins it any more, and its value is
 *   not kept.
 * - An invalidation of a tag may hit a load whose tags are unknown until its value arrives. Reads can still join such a
 *   load. When it ends, its tags are compared with the invalidations since it began. A waiter that joined before the
 *   invalidation gets the value. A waiter that joined after it must not get the value and joins another load.
 *
 * Memory: O(loads in flight).
 */
export class InFlightLoads<K, V> {
  readonly #settings: LoadingSettings<K, V>;
  readonly #store: EntryStore<K, V>;
  readonly #counts: MutableStats;
  readonly #events: Emitter<LoadingCacheEvents<K>>;
  readonly #loads = new Map<K, InFlightLoad<K, V>>();

  constructor(
    settings: LoadingSettings<K, V>,
    store: EntryStore<K, V>,
    counts: MutableStats,
    events: Emitter<LoadingCacheEvents<K>>,
  ) {
    this.#settings = settings;
    this.#store = store;
    this.#counts = counts;
    this.#events = events;
  }

  get size(): number {
    return this.#loads.size;
  }

  /** Waits for the value of a key: joins the load in flight, or starts a new one. */
  wait(
    key: K,
    entry: CachedEntry<V> | undefined,
    source: Source<K, V>,
    signal: AbortSignal | null,
    takesStale: boolean,
  ): Promise<V> {
    const { softLimits, hardLimits } = this.#settings;
    const waiter = new LoadWaiter<K, V>(takesStale);
    waiter.follow(signal);
    if (softLimits !== undefined) waiter.limit(softLimits, () => this.#serveStale(key, waiter));
    if (hardLimits !== undefined) waiter.limit(hardLimits, (timeoutMs) => this.#giveUp(key, waiter, timeoutMs));
    if (!this.#join(key, entry, waiter, source)) this.#counts.coalesced++;
    return waiter.promise;
  }

  /** Loads the key in the background, unless a load of it is in flight. */
  refresh(key: K, entry: CachedEntry<V>, source: Source<K, V>): void {
    if (this.#current(key) !== undefined) return;
    this.#counts.refreshes++;
    this.#start(this.#newLoad(key, entry, true), source);
  }

  /** Removes the key's load from the table, so that it is not kept. Call `abandonIfEmpty` or `supersede` afterwards. */
  detach(key: K): InFlightLoad<K, V> | undefined {
    const load = this.#loads.get(key);
    if (load === undefined) return undefined;
    this.#loads.delete(key);
    load.isDetached = false;
    return load;
  }

  /**
   * Detaches the loads whose keys the invalidation hits. O(1) for a key or a tag, otherwise O(loads in flight). A tag
   * hits no key here: a load is compared with tags when it ends.
   */
  detachMatching(invalidation: CheckedInvalidation<K>): InFlightLoad<K, V>[] {
    if ('match' in invalidation && invalidation.match.kind === 'tag') return [];
    const keys = 'key' in invalidation ? [invalidation.key] : this.#keysHit(invalidation);
    return keys.map((key) => this.detach(key)).filter((load) => load !== undefined);
  }

  #keysHit(invalidation: CheckedInvalidation<K>): K[] {
    return [...this.#loads.keys()].filter((key) => hitsKey(invalidation, key));
  }

  /** Resolves the waiters of a load with a value that is newer than the load, and aborts the load. */
  supersede(load: InFlightLoad<K, V> | undefined, value: V): void {
    if (load === undefined) return;
    for (const waiter of load.settle()) waiter.resolve(value);
    load.scope.abort(undefined);
  }

  /** Returns the load of a key that a read can join. */
  #current(key: K): InFlightLoad<K, V> | undefined {
    const load = this.#loads.get(key);
    return load?.rejectIfLost() ? undefined : load;
  }

  /** Joins the load of a key and returns whether it had to be started. */
  #join(key: K, entry: CachedEntry<V> | undefined, waiter: LoadWaiter<K, V>, source: Source<K, V>): boolean {
    const inFlight = this.#current(key);
    const load = inFlight ?? this.#newLoad(key, entry, false);
    const { latest } = this.#store.invalidations;
    const mayBeHit = load.startedAfter !== latest;
    waiter.load = load;
    waiter.retryWithNewLoad = mayBeHit ? bindAsyncContext(() => this.#joinAgain(key, waiter, source)) : undefined;
    load.join(waiter);
    if (inFlight === undefined) this.#start(load, source);
    return inFlight === undefined;
  }

  /** Reads the key again, as if the read had just begun: the cache may hold a value or a remembered failure by now. */
  #joinAgain(key: K, waiter: LoadWaiter<K, V>, source: Source<K, V>): void {
    if (waiter.isDone) return;
    const entry = this.#store.find(key);
    if (entry === undefined || this.#store.ageOf(entry, this.#settings.clock.now()) !== 'fresh') {
      this.#join(key, entry, waiter, source);
    } else if (entry.failure === undefined) waiter.resolve(entry.value);
    else waiter.reject(entry.failure.error);
  }

  #newLoad(key: K, previous: CachedEntry<V> | undefined, isRefresh: boolean): InFlightLoad<K, V> {
    const startedAfter = this.#store.invalidations.latest;
    const startedAt = this.#settings.clock.now();
    const load = new InFlightLoad<K, V>({ key, previous, startedAfter, startedAt, isRefresh }, this);
    this.#loads.set(key, load);
    this.#counts.loads++;
    return load;
  }

  /** Calls the source. Must come last, when the table is consistent: the source may call the cache synchronously. */
  #start(load: InFlightLoad<K, V>, source: Source<K, V>): void {
    source.load(load.key, load.scope, load.previous?.value, load).then(
      (loaded) => this.#succeed(load, loaded),
      (error) => this.#fail(load, error),
    );
  }

  abandon(load: InFlightLoad<K, V>): void {
    this.#removeIfCurrent(load);
  }

  /**
   * Stores a stale value that the source found during the load, and serves it to the waiters if it may be served before
   * the load ends. Otherwise it is used if the load fails.
   */
  offerStale(load: InFlightLoad<K, V>, value: V, metadata: EntryMetadata): void {
    const { key } = load;
    const now = this.#settings.clock.now();
    const isCurrent = this.#loads.get(key) === load;
    const isNewer = load.previous === undefined || load.previous.endsAt < now + metadata.freshMs;
    if (!isCurrent || !isNewer || this.#store.invalidations.hasInvalidated(key, metadata.tags, load.startedAfter))
      return;
    const entry = this.#store.makeWith(metadata, value, now, 0);
    reportThrown(() => this.#store.keep(key, entry, now));
    if (this.#store.ageOf(entry, now) !== 'stale') return;
    for (const waiter of load.waiters) this.#serveStale(key, waiter);
  }

  /** Removes the load and returns whether it was still in the table. */
  #removeIfCurrent(load: InFlightLoad<K, V>): boolean {
    return this.#loads.get(load.key) === load && this.#loads.delete(load.key);
  }

  #succeed(load: InFlightLoad<K, V>, loaded: V | LoadResult<V>): void {
    if (load.isOver) return;
    const { key } = load;
    const result = loaded instanceof LoadResult ? loaded : undefined;
    const value = result === undefined ? (loaded as V) : result.value;
    const now = this.#settings.clock.now();
    const durationMs = now - load.startedAt;
    let entry: CachedEntry<V>;
    try {
      entry =
        result === undefined
          ? this.#store.make(key, value, now, durationMs)
          : this.#store.makeWith(result.metadata, value, now, durationMs);
    } catch (error) {
      this.#fail(load, error);
      return;
    }
    const isInvalidated = this.#store.invalidations.hasInvalidated(key, entry.tags, load.startedAfter);
    const isKept = this.#removeIfCurrent(load) && !isInvalidated;
    if (isKept) {
      reportThrown(() => this.#store.keep(key, entry, now));
      result?.onKept?.();
    } else this.#counts.discarded++;
    const newer = isKept ? undefined : this.#newerThan(load, now);
    for (const waiter of load.settle()) {
      if (newer !== undefined) waiter.resolve(newer.value);
      else if (isInvalidated && waiter.retryWithNewLoad !== undefined) waiter.retryWithNewLoad();
      else waiter.resolve(value);
    }
    if (this.#events.has('load')) this.#events.emit('load', { key, durationMs, isRefresh: load.isRefresh, isKept });
  }

  #fail(load: InFlightLoad<K, V>, reason: unknown): void {
    if (load.isOver) return;
    const { key } = load;
    const now = this.#settings.clock.now();
    const { error, forMs } = this.#negativeTtlOf(reason, key);
    const isCurrent = this.#removeIfCurrent(load);
    this.#counts.loadFailures++;
    const newer = this.#newerThan(load, now);
    const stale = newer ?? this.#servable(key, now);
    if (isCurrent && forMs > 0) reportThrown(() => this.#store.keepFailure(key, error, now, forMs));
    for (const waiter of load.settle()) {
      if (newer !== undefined) waiter.resolve(newer.value);
      else if (stale !== undefined && waiter.takesStale) this.#resolveStale(waiter, stale);
      else waiter.reject(error);
    }
    const { startedAt, isRefresh } = load;
    if (this.#events.has('loadError')) {
      this.#events.emit('loadError', { key, error, durationMs: now - startedAt, isRefresh });
    }
  }

  /** Computes how long a failure is remembered. If `negativeTtl` throws, its error becomes the failure. */
  #negativeTtlOf(error: unknown, key: K): { error: unknown; forMs: number } {
    try {
      return { error, forMs: this.#settings.negativeMs(error, key) };
    } catch (thrown) {
      return { error: thrown, forMs: 0 };
    }
  }

  /** Returns the entry that was stored after the load began, if it is fresh. */
  #newerThan(load: InFlightLoad<K, V>, now: number): CachedEntry<V> | undefined {
    const entry = this.#store.find(load.key);
    if (entry === undefined || entry === load.previous || entry.failure !== undefined) return undefined;
    return this.#store.ageOf(entry, now) === 'fresh' ? entry : undefined;
  }

  /** Returns an entry whose value may be served if the load fails. */
  #servable(key: K, now: number): CachedEntry<V> | undefined {
    const entry = this.#store.find(key);
    if (entry === undefined || entry.failure !== undefined) return undefined;
    return this.#store.ageOf(entry, now) === 'expired' ? undefined : entry;
  }

  /** Serves a stale value to a waiter and returns whether there was one. The load then continues for the cache. */
  #serveStale(key: K, waiter: LoadWaiter<K, V>): boolean {
    const entry = waiter.takesStale ? this.#servable(key, this.#settings.clock.now()) : undefined;
    if (entry === undefined) return false;
    if (waiter.load !== undefined && this.#loads.get(key) === waiter.load) waiter.load.isDetached = true;
    this.#resolveStale(waiter, entry);
    waiter.leaveFlight?.(undefined);
    return true;
  }

  #resolveStale(waiter: LoadWaiter<K, V>, entry: CachedEntry<V>): void {
    this.#counts.staleHits++;
    waiter.resolve(entry.value);
  }

  #giveUp(key: K, waiter: LoadWaiter<K, V>, timeoutMs: number): void {
    if (this.#serveStale(key, waiter)) return;
    waiter.giveUp(new TimeoutError({ policy: this.#settings.name, timeoutMs }));
  }
}

/**
 * Calls the cache, which may be the caller's own. If it throws, the error is reported and the reads still get a value.
 */
function reportThrown(keep: () => void): void {
  try {
    keep();
  } catch (error) {
    reportUncaught(error);
  }
}
