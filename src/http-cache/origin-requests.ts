import { Alarm, type Clock } from '../core/clock.js';
import { TimeoutError } from '../core/errors.js';
import { type FlightWaiter, SingleFlight } from '../core/single-flight.js';
import type { CacheRequest } from './cache-request.js';
import type { ForwardReason } from './cache-status.js';
import type { StoredResponse } from './stored-response.js';
import type { TeeBody } from './tee-body.js';

/**
 * How a request to the origin ended for one who waited for it:
 *
 * - with a response of his own;
 * - with an error of the origin, of which he may have a response too, if it is selected by his request;
 * - `stored`: it is in the store, and may do for him as well;
 * - `failed`: the origin answered that it cannot;
 * - `unshared`: it was for another one alone.
 */
export type ForwardOutcome = { readonly response: Response } | SharedOutcome;

/** What all who wait are told, but for the one whose request it was. */
export type SharedOutcome = { readonly error: StoredResponse } | 'stored' | 'failed' | 'unshared';

/** One request to the origin, from when it is sent until what it brings is stored, or known not to be. */
export class OriginRequest extends SingleFlight<ForwardOutcome> {
  /** Counted from 1: of two for one URL, what the later one brings is newer. */
  readonly number: number;
  readonly request: CacheRequest;
  /** Who may wait for it. */
  readonly group: string;
  readonly reason: ForwardReason;
  /** What it is to confirm, or replace. */
  readonly stored: StoredResponse | undefined;
  /** Whose request it is; undefined in the background. He has the response as it comes, others when it is stored. */
  readonly leader: FlightWaiter<ForwardOutcome> | undefined;
  /** When it was opened, on the monotonic clock. */
  readonly openedAt: number;
  /** Not when its URL was invalidated since it was sent, or a later exchange has brought what is not to be stored. */
  mayStore = true;
  tee: TeeBody | undefined = undefined;
  /** Ends it in time, in the background. */
  alarm: Alarm | undefined = undefined;

  constructor(
    about: Pick<OriginRequest, 'number' | 'request' | 'group' | 'reason' | 'stored' | 'leader' | 'openedAt'>,
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
    this.isDetached = about.leader === undefined;
    if (about.leader !== undefined) this.join(about.leader);
  }

  /** Whether others than the leader wait for it. */
  get hasWaiters(): boolean {
    return this.waiters.some((passenger) => passenger !== this.leader);
  }

  /** It is over: the leader, unless he has his answer, and all others are told how. */
  end(outcome: SharedOutcome): void {
    for (const passenger of this.settle()) passenger.resolve(outcome);
  }

  fail(error: unknown): void {
    for (const passenger of this.settle()) passenger.reject(error);
  }
}

/** A refresh in the background that has not ended after this time, in milliseconds, is aborted. */
const LONGEST_REFRESH_MS = 30_000;

/** The exchanges that are under way. What it remembers is bounded by them. */
export class OriginRequests {
  /** The number of the last one. */
  latest = 0;
  /** By URL, in the order in which they were sent. */
  readonly #open = new Map<string, Set<OriginRequest>>();
  readonly #joinable = new Map<string, OriginRequest>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The exchange of this group that others may wait for: the latest, if it was opened after `since`. */
  find(group: string, since: number): OriginRequest | undefined {
    const originRequest = this.#joinable.get(group);
    return originRequest !== undefined && originRequest.openedAt > since ? originRequest : undefined;
  }

  open(about: Omit<ConstructorParameters<typeof OriginRequest>[0], 'number' | 'openedAt'>): OriginRequest {
    const placed = { number: ++this.latest, openedAt: this.#clock.now() };
    const originRequest: OriginRequest = new OriginRequest({ ...about, ...placed }, () => {
      this.close(originRequest);
      originRequest.tee?.cancel(originRequest.request.signal?.reason);
    });
    const { url } = originRequest.request;
    this.#open.set(url, (this.#open.get(url) ?? new Set()).add(originRequest));
    if (!originRequest.request.isForStream) this.#joinable.set(originRequest.group, originRequest);
    if (about.leader === undefined) this.#limit(originRequest);
    return originRequest;
  }

  #limit(originRequest: OriginRequest): void {
    originRequest.alarm = new Alarm(this.#clock, LONGEST_REFRESH_MS, () =>
      this.#abort(originRequest, new TimeoutError({ policy: 'cached', timeoutMs: LONGEST_REFRESH_MS })),
    );
    originRequest.alarm.unref();
  }

  close(originRequest: OriginRequest): void {
    originRequest.alarm?.clear();
    const { url } = originRequest.request;
    const open = this.#open.get(url);
    open?.delete(originRequest);
    if (open?.size === 0) this.#open.delete(url);
    this.separate(originRequest);
  }

  /** Ends the exchange; requests that wait for it go on by themselves. */
  #abort(originRequest: OriginRequest, reason: unknown): void {
    this.close(originRequest);
    originRequest.end('unshared');
    originRequest.tee?.cancel(reason);
    originRequest.scope.abort(reason);
  }

  /** What those for the URL, or all, bring is not to be stored, and nobody else is to wait for it. */
  invalidate(url?: string): void {
    const hit =
      url === undefined ? [...this.#open.values()].flatMap((open) => [...open]) : [...(this.#open.get(url) ?? [])];
    for (const originRequest of hit) {
      originRequest.mayStore = false;
      originRequest.isDetached = false;
      this.separate(originRequest);
    }
    for (const exchange of hit) exchange.abandonIfEmpty();
  }

  /** The exchange has brought what is not to be stored: those of its group that were sent before it have no say. */
  invalidateEarlier({ request, group, number }: OriginRequest): void {
    for (const earlier of this.#open.get(request.url) ?? []) {
      if (earlier.number >= number) return;
      if (earlier.group === group) earlier.mayStore = false;
    }
  }

  /** No further request joins the exchange. */
  separate(originRequest: OriginRequest): void {
    if (this.#joinable.get(originRequest.group) === originRequest) this.#joinable.delete(originRequest.group);
  }
}
