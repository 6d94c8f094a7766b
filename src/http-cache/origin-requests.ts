import { Alarm, type Clock } from '../core/clock.js';
import { TimeoutError } from '../core/errors.js';
import { type FlightWaiter, SingleFlight } from '../core/single-flight.js';
import type { CacheRequest } from './cache-request.js';
import type { ForwardReason } from './cache-status.js';
import type { StoredResponse } from './stored-response.js';
import type { TeeBody } from './tee-body.js';

/**
 * The result of a request to the origin for one of its waiters:
 *
 * - a response for this waiter;
 * - an origin error, which the waiter is served too if its request selects it;
 * - `stored`: the response is in the store, and may be usable for the waiter;
 * - `failed`: the origin has failed;
 * - `unshared`: the response is only for the leader.
 */
export type ForwardOutcome = { readonly response: Response } | SharedOutcome;

/** The result for all waiters except the leader. */
export type SharedOutcome = { readonly error: StoredResponse } | 'stored' | 'failed' | 'unshared';

/** One request to the origin, from when it is sent until its response is stored or known not to be. */
export class OriginRequest extends SingleFlight<ForwardOutcome> {
  /** The sequence number, from 1: of two responses for one URL, the one with the higher number is newer. */
  readonly number: number;
  readonly request: CacheRequest;
  /** The key of the group of requests that may join; see `ResponseStore.groupOf`. */
  readonly group: string;
  readonly reason: ForwardReason;
  /** The stored response that this request revalidates or replaces. */
  readonly stored: StoredResponse | undefined;
  /** The caller that is served while the body arrives; undefined in the background. Others wait until it is stored. */
  readonly leader: FlightWaiter<ForwardOutcome> | undefined;
  /** The time at which it was opened, on the monotonic clock. */
  readonly openedAt: number;
  /** Whether its response may be stored: false after an invalidation of its URL, or if a later one is not storable. */
  mayStore = true;
  tee: TeeBody | undefined = undefined;
  /** Aborts a background request that takes too long. */
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

  /** Whether callers other than the leader wait for it. */
  get hasWaiters(): boolean {
    return this.waiters.some((waiter) => waiter !== this.leader);
  }

  /** Ends the request and resolves all waiters. A leader that has been served ignores the result. */
  end(outcome: SharedOutcome): void {
    for (const waiter of this.settle()) waiter.resolve(outcome);
  }

  fail(error: unknown): void {
    for (const waiter of this.settle()) waiter.reject(error);
  }
}

/** The time after which a background refresh is aborted, in milliseconds. */
const LONGEST_REFRESH_MS = 30_000;

/** The requests to the origin in flight. Memory: O(requests in flight). */
export class OriginRequests {
  /** The number of the latest request. */
  latest = 0;
  /** The requests by URL, in the order in which they were sent. */
  readonly #open = new Map<string, Set<OriginRequest>>();
  readonly #joinable = new Map<string, OriginRequest>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns the request that a caller of this group may join: the latest one, if it was opened after `since`. */
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
      this.#abort(originRequest, new TimeoutError({ policy: 'cachedFetch', timeoutMs: LONGEST_REFRESH_MS })),
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

  /** Aborts a request. Its waiters send their own requests. */
  #abort(originRequest: OriginRequest, reason: unknown): void {
    this.close(originRequest);
    originRequest.end('unshared');
    originRequest.tee?.cancel(reason);
    originRequest.scope.abort(reason);
  }

  /** Prevents that the requests for the URL, or all requests, are stored or joined from now on. */
  invalidate(url?: string): void {
    const hit =
      url === undefined ? [...this.#open.values()].flatMap((open) => [...open]) : [...(this.#open.get(url) ?? [])];
    for (const originRequest of hit) {
      originRequest.mayStore = false;
      originRequest.isDetached = false;
      this.separate(originRequest);
    }
    for (const originRequest of hit) originRequest.abandonIfEmpty();
  }

  /**
   * Prevents that earlier requests of the same group are stored, after a later one has brought an unstorable response.
   */
  invalidateEarlier({ request, group, number }: OriginRequest): void {
    for (const earlier of this.#open.get(request.url) ?? []) {
      if (earlier.number >= number) return;
      if (earlier.group === group) earlier.mayStore = false;
    }
  }

  /** Prevents that further callers join the request. */
  separate(originRequest: OriginRequest): void {
    if (this.#joinable.get(originRequest.group) === originRequest) this.#joinable.delete(originRequest.group);
  }
}
