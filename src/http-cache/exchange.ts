import { Flight, type Passenger } from '../caching/flight.js';
import { Alarm, type Clock } from '../core/clock.js';
import { TimeoutError } from '../core/errors.js';
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
  /** When it was opened, on the monotonic clock. */
  readonly openedAt: number;
  /** Not when its URL was invalidated since it was sent, or a later exchange has brought what is not to be stored. */
  mayStore = true;
  tap: BodyTap | undefined = undefined;
  /** Ends it in time, in the background. */
  alarm: Alarm | undefined = undefined;

  constructor(
    about: Pick<Exchange, 'number' | 'request' | 'group' | 'reason' | 'stored' | 'leader' | 'openedAt'>,
    onAbandoned: () => void,
  ) {
    super(onAbandoned);
    this.number = about.number;
    this.request = about.request;
    this.group = about.group;
    this.reason = about.reason;
    this.stored = about.stored;
    this.leader = about.leader;
    this.openedAt = about.openedAt;
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

/** A refresh in the background that has not ended after this time, in milliseconds, is aborted. */
const LONGEST_REFRESH_MS = 30_000;

/** The exchanges that are under way. What it remembers is bounded by them. */
export class Exchanges {
  /** The number of the last one. */
  latest = 0;
  /** By URL, in the order in which they were sent. */
  readonly #open = new Map<string, Set<Exchange>>();
  readonly #joinable = new Map<string, Exchange>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The exchange of this group that others may wait for: the latest, if it was opened after `since`. */
  find(group: string, since: number): Exchange | undefined {
    const exchange = this.#joinable.get(group);
    return exchange !== undefined && exchange.openedAt > since ? exchange : undefined;
  }

  open(about: Omit<ConstructorParameters<typeof Exchange>[0], 'number' | 'openedAt'>): Exchange {
    const placed = { number: ++this.latest, openedAt: this.#clock.now() };
    const exchange: Exchange = new Exchange({ ...about, ...placed }, () => {
      this.close(exchange);
      exchange.tap?.cancel(exchange.request.signal?.reason);
    });
    const { url } = exchange.request;
    this.#open.set(url, (this.#open.get(url) ?? new Set()).add(exchange));
    if (!exchange.request.isForStream) this.#joinable.set(exchange.group, exchange);
    if (about.leader === undefined) this.#limit(exchange);
    return exchange;
  }

  #limit(exchange: Exchange): void {
    exchange.alarm = new Alarm(this.#clock, LONGEST_REFRESH_MS, () =>
      this.#abort(exchange, new TimeoutError({ policy: 'cached', timeoutMs: LONGEST_REFRESH_MS })),
    );
    exchange.alarm.unref();
  }

  close(exchange: Exchange): void {
    exchange.alarm?.clear();
    const { url } = exchange.request;
    const open = this.#open.get(url);
    open?.delete(exchange);
    if (open?.size === 0) this.#open.delete(url);
    this.separate(exchange);
  }

  /** Ends the exchange; requests that wait for it go on by themselves. */
  #abort(exchange: Exchange, reason: unknown): void {
    this.close(exchange);
    exchange.end('unshared');
    exchange.tap?.cancel(reason);
    exchange.scope.abort(reason);
  }

  /** What those for the URL, or all, bring is not to be stored, and nobody else is to wait for it. */
  invalidate(url?: string): void {
    const hit =
      url === undefined ? [...this.#open.values()].flatMap((open) => [...open]) : [...(this.#open.get(url) ?? [])];
    for (const exchange of hit) {
      exchange.mayStore = false;
      exchange.runsOn = false;
      this.separate(exchange);
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

  /** No further request joins the exchange. */
  separate(exchange: Exchange): void {
    if (this.#joinable.get(exchange.group) === exchange) this.#joinable.delete(exchange.group);
  }
}
