import { DeadlineList } from '../core/deadline-list.js';
import { InvalidOptionError } from '../core/errors.js';
import { FlightWaiter } from '../core/single-flight.js';
import { type CacheDecision, cacheDecisionOf, mayServeIfError } from './cache-decision.js';
import { type CacheRequest, cacheUrl, isSafe, readRequest } from './cache-request.js';
import type { CacheStatus, ForwardReason } from './cache-status.js';
import { type FetchCall, readCall } from './fetch-call.js';
import type { CachedSettings } from './options.js';
import { type InnerFetch, Origin } from './origin.js';
import { type ForwardOutcome, type OriginRequest, OriginRequests } from './origin-requests.js';
import { gatewayTimeout } from './response-shape.js';
import type { HttpCacheStats } from './stats.js';
import { ageOf, isSelectedBy, type StoredResponse, serve } from './stored-response.js';

/** The cache of a `cachedFetch`, for invalidation and statistics. */
export interface HttpCache {
  /** The counters since the cache was made: a copy. */
  readonly stats: HttpCacheStats;
  /**
   * Removes all responses of the URL, with all their variants, and returns whether there were any. Responses to
   * requests in flight for the URL are not stored.
   * @throws InvalidOptionError if the URL is not valid.
   */
  delete(url: string | URL): boolean;
  /** Removes all responses. Responses to requests in flight are not stored. */
  clear(): void;
}

/** The `fwd` parameter of the `Cache-Status` field for the decisions that send a request to the origin. */
const REASONS: Partial<Record<CacheDecision, ForwardReason>> = { 'stale-first': 'stale', 'request-first': 'request' };

/** Implements `cachedFetch`: serves requests from the store or from the origin. */
export class PrivateCache implements HttpCache {
  readonly #fetch: InnerFetch;
  readonly #settings: CachedSettings;
  readonly #originRequests: OriginRequests;
  readonly #origin: Origin;
  readonly #waits: DeadlineList;
  readonly #counts = { hits: 0, staleHits: 0, forwards: 0, validations: 0, collapsed: 0, bypassed: 0, stored: 0 };

  constructor(fetch: InnerFetch, settings: CachedSettings) {
    this.#fetch = fetch;
    this.#settings = settings;
    this.#originRequests = new OriginRequests(settings.clock);
    this.#origin = new Origin(fetch, settings, this.#originRequests, this.#counts);
    this.#waits = new DeadlineList(settings.clock, settings.lockTimeoutMs);
  }

  get stats(): HttpCacheStats {
    return { ...this.#counts };
  }

  delete(url: string | URL): boolean {
    const key = cacheUrl(String(url));
    if (key === undefined) throw new InvalidOptionError('cachedFetch', 'url', 'must be a URL', url);
    return this.#invalidate(key);
  }

  clear(): void {
    this.#settings.store.clear(this.#originRequests.latest);
    this.#originRequests.invalidate();
  }

  fetch(input: unknown, init: unknown): Promise<Response> {
    let call: FetchCall;
    try {
      call = readCall(input, init);
    } catch (error) {
      return Promise.reject(error);
    }
    const request = readRequest(call, this.#settings.users);
    if (request === undefined) return this.#passOn(call);
    if (!isSafe(request.method)) return this.#sendUnsafe(request);
    if (request.method !== 'GET') return this.#passOn(call);
    if (request.signal?.aborted) return Promise.reject(request.signal.reason);
    if (!request.bypasses) return this.#get(request);
    if (request.requestDirectives.onMiss !== 'forward') return this.#reject(request);
    this.#counts.bypassed++;
    return this.#passOn(call);
  }

  #passOn({ input, init }: FetchCall): Promise<Response> {
    return init === undefined ? this.#fetch(input) : this.#fetch(input, init as object);
  }

  /** Serves a GET from the store, from a request to the origin in flight, or from a request of its own. */
  async #get(request: CacheRequest): Promise<Response> {
    const { store } = this.#settings;
    let outcome: ForwardOutcome | undefined;
    let first: ForwardReason | undefined;
    for (let round = 1; ; round++) {
      const { stored, isKnown } = store.find(request);
      const decision = stored && cacheDecisionOf(stored, ageOf(stored, this.#settings), request.requestDirectives);
      const reason = decision === undefined ? (isKnown ? 'vary-miss' : 'uri-miss') : REASONS[decision];
      if (stored !== undefined && decision !== undefined && reason === undefined) {
        return this.#answer(request, stored, decision, first);
      }
      if (request.requestDirectives.onMiss !== 'forward') return this.#reject(request);
      // A caller that has waited for a response that it cannot use sends its own request. Otherwise all waiting callers
      // would be served one after the other. The exception is a caller that is now known to belong to another group.
      const mayJoin = round === 1 || (round === 2 && outcome === 'stored' && reason === 'vary-miss');
      first ??= reason ?? 'stale';
      outcome = await this.#wait(request, stored, reason ?? 'stale', mayJoin);
      const response = this.#receive(request, outcome, first);
      if (response !== undefined) return response;
    }
  }

  /** Waits for a request to the origin: for the one in flight, or for a new one. */
  async #wait(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    reason: ForwardReason,
    mayJoin: boolean,
  ): Promise<ForwardOutcome> {
    const { signal, requestDirectives } = request;
    const group = this.#settings.store.groupOf(request);
    // A request that requires confirmation by the origin must not join a request that was sent before it.
    const inFlight =
      mayJoin && !requestDirectives.fromOrigin && !request.isForStream ? this.#findOriginRequest(group) : undefined;
    const waiter = new FlightWaiter<ForwardOutcome>();
    waiter.follow(signal);
    if (inFlight !== undefined) {
      inFlight.join(waiter);
      waiter.limit(this.#waits, () => {
        waiter.resolve('unshared');
        waiter.leaveFlight?.(undefined);
      });
    } else this.#send(request, group, stored, reason, waiter);
    try {
      return await waiter.promise;
    } catch (error) {
      const stale = signal?.aborted ? undefined : this.#staleIfError(request);
      if (stale === undefined) throw error;
      return { response: stale };
    }
  }

  /**
   * Returns the request to the origin to join for this group, unless it has been in flight longer than `lockTimeout`.
   */
  #findOriginRequest(group: string): OriginRequest | undefined {
    const { clock, lockTimeoutMs } = this.#settings;
    return this.#originRequests.find(group, clock.now() - lockTimeoutMs);
  }

  /**
   * Returns the response for a waiter, or undefined if the waiter has to look into the store or send its own request.
   */
  #receive(request: CacheRequest, outcome: ForwardOutcome, waitedFor: ForwardReason): Response | undefined {
    if (outcome === 'stored' || outcome === 'unshared') return undefined;
    if (outcome === 'failed') return this.#staleIfError(request);
    if ('response' in outcome) return outcome.response;
    const { error } = outcome;
    const stale = this.#staleIfError(request);
    if (stale !== undefined || !isSelectedBy(error, request)) return stale;
    this.#counts.collapsed++;
    return this.#serve(error, { fwd: waitedFor, ttlMs: undefined, collapsed: true });
  }

  /** @param leader - the caller that gets the response while its body arrives; undefined for a background refresh. */
  #send(
    request: CacheRequest,
    group: string,
    stored: StoredResponse | undefined,
    reason: ForwardReason,
    leader: FlightWaiter<ForwardOutcome> | undefined,
  ): void {
    this.#counts.forwards++;
    this.#origin.run(this.#originRequests.open({ request, group, stored, reason, leader }));
  }

  /**
   * @param waitedFor - the reason why the request would have been forwarded, if it waited for another caller's request.
   */
  #answer(
    request: CacheRequest,
    stored: StoredResponse,
    decision: CacheDecision,
    waitedFor: ForwardReason | undefined,
  ): Response {
    if (decision === 'refresh') this.#refresh(request, stored);
    if (waitedFor !== undefined) this.#counts.collapsed++;
    else if (decision === 'fresh') this.#counts.hits++;
    else this.#counts.staleHits++;
    const detail = decision === 'refresh' ? 'stale-while-revalidate' : undefined;
    return this.#serve(stored, { fwd: waitedFor, collapsed: waitedFor !== undefined, detail });
  }

  /** Sends a background request to the origin, unless one is in flight. */
  #refresh(request: CacheRequest, stored: StoredResponse): void {
    const group = this.#settings.store.groupOf(request);
    if (this.#findOriginRequest(group) === undefined) this.#send(request, group, stored, 'stale', undefined);
  }

  /** Returns the stored response if it may be served because the origin has failed. */
  #staleIfError(request: CacheRequest): Response | undefined {
    const { stored } = this.#settings.store.find(request);
    if (stored === undefined) return undefined;
    if (!mayServeIfError(stored, ageOf(stored, this.#settings), request.requestDirectives)) return undefined;
    this.#counts.staleHits++;
    return this.#serve(stored, { fwd: 'stale', detail: 'stale-if-error' });
  }

  #serve(stored: StoredResponse, status: CacheStatus): Response {
    return serve(stored, this.#settings, status);
  }

  /**
   * Handles `only-if-cached` without a usable response: responds with 504, or rejects as `fetch` does for `init.cache`.
   */
  async #reject({ url, requestDirectives }: CacheRequest): Promise<Response> {
    if (requestDirectives.onMiss === 'reject')
      throw new TypeError(`No stored response for ${url}, and the request allows only a stored one (only-if-cached)`);
    return gatewayTimeout(url, `${this.#settings.name}; detail=only-if-cached`);
  }

  /**
   * Sends an unsafe request. Unless the origin rejects it (4xx), stored responses of its URL are invalidated (RFC 9111,
   * 4.4): after a success, and also after a 5xx or a lost connection, when the effect at the origin is unknown.
   */
  async #sendUnsafe({ call, url }: CacheRequest): Promise<Response> {
    try {
      const response = await this.#passOn(call);
      // A redirect by 307 or 308 repeats the request itself, so its effect is at the URL that has responded.
      const answered = cacheUrl(response.url || null) ?? url;
      if (response.status >= 400 && response.status < 500) {
        if (answered !== url) this.#invalidate(url);
        return response;
      }
      this.#invalidate(url);
      if (answered !== url) this.#invalidate(answered);
      for (const name of ['location', 'content-location']) {
        const other = cacheUrl(response.headers.get(name), answered);
        if (other !== undefined && new URL(other).origin === new URL(answered).origin) this.#invalidate(other);
      }
      return response;
    } catch (error) {
      this.#invalidate(url);
      throw error;
    }
  }

  #invalidate(url: string): boolean {
    const wasKnown = this.#settings.store.delete(url);
    this.#originRequests.invalidate(url);
    return wasKnown;
  }
}
