import { scopeOf } from '../core/abort-scope.js';
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

/** What is known of a load when it begins. */
export interface NewLoad<K, V> {
  readonly key: K;
  /** What there was when it began. What is there later, and is not this, is newer than the load. */
  readonly previous: CachedEntry<V> | undefined;
  /** The number of the last invalidation before it began. */
  readonly startedAfter: number;
  readonly startedAt: number;
  /** Whether it began in the background. */
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

/** Somebody who waits for a key. */
export class LoadWaiter<K, V> extends FlightWaiter<V> {
  /** Takes an old value when there is no new one. */
  readonly takesStale: boolean;
  load: InFlightLoad<K, V> | undefined;
  /** Boards another load, in the reader's own async context. Only of one who came after an invalidation during its load. */
  retryWithNewLoad: (() => void) | undefined;

  constructor(takesStale: boolean) {
    super();
    this.takesStale = takesStale;
    this.load = undefined;
    this.retryWithNewLoad = undefined;
  }
}

/**
 * The loads in flight: one a key that can be joined.
 *
 * THE RULE: a load is kept only if nothing newer happened to its key since it began. What happens to the key alone takes
 * its load out of the table (`detach`): nobody joins it any more, and it is not kept. What happens to a tag may concern a
 * load whose tags nobody knows before its value is there: so it can be joined, and is asked at its end. Whoever came
 * before the invalidation then has the value; whoever came after it, and therefore must not, boards another load.
 *
 * What it remembers is bounded by the loads in flight.
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

  /** Waits for the key, from the load that is under way or a new one. */
  wait(
    key: K,
    entry: CachedEntry<V> | undefined,
    source: Source<K, V>,
    signal: AbortSignal | null,
    takesStale: boolean,
  ): Promise<V> {
    const { softLimits, hardLimits } = this.#settings;
    const waiter = new LoadWaiter<K, V>(takesStale);
    if (signal !== null) scopeOf(signal).enter(waiter);
    if (softLimits !== undefined) waiter.limit(softLimits, () => this.#serveStale(key, waiter));
    if (hardLimits !== undefined) waiter.limit(hardLimits, (timeoutMs) => this.#giveUp(key, waiter, timeoutMs));
    if (!this.#join(key, entry, waiter, source)) this.#counts.coalesced++;
    return waiter.promise;
  }

  /** Loads the key anew with nobody waiting, unless that is being done. */
  refresh(key: K, entry: CachedEntry<V>, source: Source<K, V>): void {
    if (this.#loads.has(key)) return;
    this.#counts.refreshes++;
    this.#start(this.#newLoad(key, entry, true), source);
  }

  /** Takes the key's load out of the table: what it brings is not kept. To be followed by `abandonIfEmpty` or `supersede`. */
  detach(key: K): InFlightLoad<K, V> | undefined {
    const load = this.#loads.get(key);
    if (load === undefined) return undefined;
    this.#loads.delete(key);
    load.isDetached = false;
    return load;
  }

  /**
   * Takes the loads out whose keys the invalidation hits: O(loads in flight), unless it is about one key or a tag. No key
   * matches a tag: a load is compared with tags at its end.
   */
  detachMatching(invalidation: CheckedInvalidation<K>): InFlightLoad<K, V>[] {
    if ('match' in invalidation && invalidation.match.kind === 'tag') return [];
    const keys = 'key' in invalidation ? [invalidation.key] : this.#keysHit(invalidation);
    return keys.map((key) => this.detach(key)).filter((load) => load !== undefined);
  }

  #keysHit(invalidation: CheckedInvalidation<K>): K[] {
    return [...this.#loads.keys()].filter((key) => hitsKey(invalidation, key));
  }

  /** The value that is newer than the load is what its readers get, now. */
  supersede(load: InFlightLoad<K, V> | undefined, value: V): void {
    if (load === undefined) return;
    for (const waiter of load.settle()) waiter.resolve(value);
    load.scope.abort(undefined);
  }

  /** Whether a new load was begun for it. */
  #join(key: K, entry: CachedEntry<V> | undefined, waiter: LoadWaiter<K, V>, source: Source<K, V>): boolean {
    const underWay = this.#loads.get(key);
    const load = underWay ?? this.#newLoad(key, entry, false);
    const { latest } = this.#store.invalidations;
    const mayBeHit = load.startedAfter !== latest;
    waiter.load = load;
    waiter.retryWithNewLoad = mayBeHit ? bindAsyncContext(() => this.#joinAgain(key, waiter, source)) : undefined;
    load.join(waiter);
    if (underWay === undefined) this.#start(load, source);
    return underWay === undefined;
  }

  /** As if it came now: it may find a value, or a failure that is kept. */
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

  /** Last, when all is in its place: the source may call back. */
  #start(load: InFlightLoad<K, V>, source: Source<K, V>): void {
    source.load(load.key, load.scope, load.previous?.value, load).then(
      (loaded) => this.#succeed(load, loaded),
      (error) => this.#fail(load, error),
    );
  }

  abandon(load: InFlightLoad<K, V>): void {
    this.#takeOut(load);
  }

  /** Whoever takes it has it now, if it may be served before the load is over; it is there for the others if that fails. */
  offerStale(load: InFlightLoad<K, V>, value: V, metadata: EntryMetadata): void {
    const { key } = load;
    const now = this.#settings.clock.now();
    const isCurrent = this.#loads.get(key) === load;
    const isNews = load.previous === undefined || load.previous.endsAt < now + metadata.freshMs;
    if (!isCurrent || !isNews || this.#store.invalidations.hasInvalidated(key, metadata.tags, load.startedAfter))
      return;
    const entry = this.#store.makeWith(metadata, value, now, 0);
    unlessItThrows(() => this.#store.keep(key, entry, now));
    if (this.#store.ageOf(entry, now) !== 'stale') return;
    for (const waiter of load.waiters) this.#serveStale(key, waiter);
  }

  /** Whether it was still in the table. */
  #takeOut(load: InFlightLoad<K, V>): boolean {
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
    const isHit = this.#store.invalidations.hasInvalidated(key, entry.tags, load.startedAfter);
    const isKept = this.#takeOut(load) && !isHit;
    if (isKept) {
      unlessItThrows(() => this.#store.keep(key, entry, now));
      result?.onKept?.();
    } else this.#counts.discarded++;
    const newer = isKept ? undefined : this.#newerThan(load, now);
    for (const waiter of load.settle()) {
      if (newer !== undefined) waiter.resolve(newer.value);
      else if (isHit && waiter.retryWithNewLoad !== undefined) waiter.retryWithNewLoad();
      else waiter.resolve(value);
    }
    if (this.#events.has('load')) this.#events.emit('load', { key, durationMs, isRefresh: load.isRefresh, isKept });
  }

  #fail(load: InFlightLoad<K, V>, reason: unknown): void {
    if (load.isOver) return;
    const { key } = load;
    const now = this.#settings.clock.now();
    const { error, forMs } = this.#judge(reason, key);
    const isCurrent = this.#takeOut(load);
    this.#counts.loadFailures++;
    const newer = this.#newerThan(load, now);
    const stale = newer ?? this.#servable(key, now);
    if (isCurrent && forMs > 0) unlessItThrows(() => this.#store.keepFailure(key, error, now, forMs));
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

  /** How long a failure is to be kept. What `negativeTtl` throws is the failure then. */
  #judge(error: unknown, key: K): { error: unknown; forMs: number } {
    try {
      return { error, forMs: this.#settings.negativeMs(error, key) };
    } catch (thrown) {
      return { error: thrown, forMs: 0 };
    }
  }

  /** What came into the cache after the load began, if it is fresh. */
  #newerThan(load: InFlightLoad<K, V>, now: number): CachedEntry<V> | undefined {
    const entry = this.#store.find(load.key);
    if (entry === undefined || entry === load.previous || entry.failure !== undefined) return undefined;
    return this.#store.ageOf(entry, now) === 'fresh' ? entry : undefined;
  }

  /** A value that may be served when there is no better one. */
  #servable(key: K, now: number): CachedEntry<V> | undefined {
    const entry = this.#store.find(key);
    if (entry === undefined || entry.failure !== undefined) return undefined;
    return this.#store.ageOf(entry, now) === 'over' ? undefined : entry;
  }

  /** Whether there is a stale value for one who will not wait any longer. Then the load goes on, for the cache. */
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

/** The cache is somebody else's: when it throws, the readers still get their answer. */
function unlessItThrows(keep: () => void): void {
  try {
    keep();
  } catch (error) {
    reportUncaught(error);
  }
}
