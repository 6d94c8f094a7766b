import type { CachedEntry } from './entry.js';
import { SingleFlight, FlightWaiter } from '../core/single-flight.js';
import type { EntryMetadata, LoadRequest } from './source.js';

/** What a load is part of. */
export interface LoadOwner<K, V> {
  /** Nobody wants it any longer. */
  abandon(load: InFlightLoad<K, V>): void;
  offerStale(load: InFlightLoad<K, V>, value: V, metadata: EntryMetadata): void;
}

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
  metadata: EntryMetadata | undefined = undefined;
  whenKept: (() => void) | undefined = undefined;
  readonly #table: LoadOwner<K, V>;

  constructor({ key, previous, startedAfter, startedAt, isRefresh }: NewLoad<K, V>, table: LoadOwner<K, V>) {
    super(() => table.abandon(this));
    this.key = key;
    this.previous = previous;
    this.startedAfter = startedAfter;
    this.startedAt = startedAt;
    this.isRefresh = isRefresh;
    this.isDetached = isRefresh;
    this.#table = table;
  }

  get freshUntil(): number | undefined {
    const { previous, startedAt } = this;
    const isFresh = previous !== undefined && previous.failure === undefined && previous.endsAt > startedAt;
    return isFresh ? previous.endsAt : undefined;
  }

  offerStale(value: V, metadata: EntryMetadata): void {
    this.#table.offerStale(this, value, metadata);
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
