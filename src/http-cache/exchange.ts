import { Flight, type Passenger } from '../caching/flight.js';
import type { BodyTap } from './body-tap.js';
import type { CacheRequest } from './cache-request.js';
import type { ForwardReason } from './cache-status.js';
import type { StoredResponse } from './stored-response.js';

/**
 * How a request to the origin ended for one who waited for it:
 *
 * - with a response of his own;
 * - with an error of the origin, of which he may have a response too, if it is selected by his request;
 * - `stored`: it is in the store, and may do for him as well;
 * - `failed`: the origin answered that it cannot;
 * - `unshared`: it was for another one alone.
 */
export type Arrival = { readonly response: Response } | SharedArrival;

/** What all who wait are told, but for the one whose request it was. */
export type SharedArrival = { readonly error: StoredResponse } | 'stored' | 'failed' | 'unshared';

/** One request to the origin, from when it is sent until what it brings is stored, or known not to be. */
export class Exchange extends Flight<Arrival> {
  /** Counted from 1: of two for one URL, what the later one brings is newer. */
  readonly number: number;
  readonly request: CacheRequest;
  /** Who may wait for it. */
  readonly group: string;
  readonly reason: ForwardReason;
  /** What it is to confirm, or replace. */
  readonly stored: StoredResponse | undefined;
  /** Whose request it is; undefined in the background. He has the response as it comes, others when it is stored. */
  readonly leader: Passenger<Arrival> | undefined;
  /** Not when its URL was invalidated since it was sent, or a later exchange has brought what is not to be stored. */
  mayStore = true;
  tap: BodyTap | undefined = undefined;

  constructor(
    about: Pick<Exchange, 'number' | 'request' | 'group' | 'reason' | 'stored' | 'leader'>,
    onAbandoned: () => void,
  ) {
    super(onAbandoned);
    this.number = about.number;
    this.request = about.request;
    this.group = about.group;
    this.reason = about.reason;
    this.stored = about.stored;
    this.leader = about.leader;
    this.runsOn = about.leader === undefined;
    if (about.leader !== undefined) this.board(about.leader);
  }

  /** Whether others than the leader wait for it. */
  get isAwaited(): boolean {
    return this.passengers.some((passenger) => passenger !== this.leader);
  }

  /** It is over: the leader, unless he has his answer, and all others are told how. */
  end(arrival: SharedArrival): void {
    for (const passenger of this.land()) passenger.resolve(arrival);
  }

  fail(error: unknown): void {
    for (const passenger of this.land()) passenger.reject(error);
  }
}

/** The exchanges that are under way. What it remembers is bounded by them. */
export class Exchanges {
  /** The number of the last one. */
  latest = 0;
  /** By URL, in the order in which they were sent. */
  readonly #open = new Map<string, Set<Exchange>>();
  readonly #joinable = new Map<string, Exchange>();

  /** The exchange of this group that others may wait for: the latest. */
  find(group: string): Exchange | undefined {
    return this.#joinable.get(group);
  }

  open(about: Omit<ConstructorParameters<typeof Exchange>[0], 'number'>): Exchange {
    const exchange: Exchange = new Exchange({ ...about, number: ++this.latest }, () => {
      this.close(exchange);
      exchange.tap?.cancel(exchange.request.signal?.reason);
    });
    const { url } = exchange.request;
    this.#open.set(url, (this.#open.get(url) ?? new Set()).add(exchange));
    this.#joinable.set(exchange.group, exchange);
    return exchange;
  }

  close(exchange: Exchange): void {
    const { url } = exchange.request;
    const open = this.#open.get(url);
    open?.delete(exchange);
    if (open?.size === 0) this.#open.delete(url);
    this.#separate(exchange);
  }

  /** What those for the URL, or all, bring is not to be stored, and nobody else is to wait for it. */
  invalidate(url?: string): void {
    const hit =
      url === undefined ? [...this.#open.values()].flatMap((open) => [...open]) : [...(this.#open.get(url) ?? [])];
    for (const exchange of hit) {
      exchange.mayStore = false;
      exchange.runsOn = false;
      this.#separate(exchange);
    }
    for (const exchange of hit) exchange.abandonIfEmpty();
  }

  /** The exchange has brought what is not to be stored: those of its group that were sent before it have no say. */
  overtake({ request, group, number }: Exchange): void {
    for (const earlier of this.#open.get(request.url) ?? []) {
      if (earlier.number >= number) return;
      if (earlier.group === group) earlier.mayStore = false;
    }
  }

  #separate(exchange: Exchange): void {
    if (this.#joinable.get(exchange.group) === exchange) this.#joinable.delete(exchange.group);
  }
}
