import type { CachedEntry } from './entry.js';
import { Flight, Passenger } from './flight.js';
import type { Life, LoadRequest } from './source.js';

/** What a load is part of. */
export interface LoadTable<K, V> {
  /** Nobody wants it any longer. */
  abandon(load: Load<K, V>): void;
  offerStale(load: Load<K, V>, value: V, life: Life): void;
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
export class Load<K, V> extends Flight<V, Reader<K, V>> implements LoadRequest<V>, NewLoad<K, V> {
  readonly key: K;
  readonly previous: CachedEntry<V> | undefined;
  readonly startedAfter: number;
  readonly startedAt: number;
  readonly isRefresh: boolean;
  life: Life | undefined = undefined;
  whenKept: (() => void) | undefined = undefined;
  readonly #table: LoadTable<K, V>;

  constructor({ key, previous, startedAfter, startedAt, isRefresh }: NewLoad<K, V>, table: LoadTable<K, V>) {
    super(() => table.abandon(this));
    this.key = key;
    this.previous = previous;
    this.startedAfter = startedAfter;
    this.startedAt = startedAt;
    this.isRefresh = isRefresh;
    this.runsOn = isRefresh;
    this.#table = table;
  }

  get freshUntil(): number | undefined {
    const { previous, startedAt } = this;
    const isFresh = previous !== undefined && previous.failure === undefined && previous.endsAt > startedAt;
    return isFresh ? previous.endsAt : undefined;
  }

  offerStale(value: V, life: Life): void {
    this.#table.offerStale(this, value, life);
  }
}

/** Somebody who waits for a key. */
export class Reader<K, V> extends Passenger<V> {
  /** Takes an old value when there is no new one. */
  readonly takesStale: boolean;
  load: Load<K, V> | undefined;
  /** Boards another load, in the reader's own async context. Only of one who came after an invalidation during its load. */
  boardAnother: (() => void) | undefined;

  constructor(takesStale: boolean) {
    super();
    this.takesStale = takesStale;
    this.load = undefined;
    this.boardAnother = undefined;
  }
}
