import { scopeOf } from '../core/abort-scope.js';
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

/** What can be done to the stored responses from outside. */
export interface HttpCache {
  readonly stats: HttpCacheStats;
  /**
   * Forgets all responses of the URL, whatever they were selected by; what is under way for it is not stored. Gives
   * whether there were any.
   */
  delete(url: string | URL): boolean;
  clear(): void;
}

/** By what a request was not answered from the store. */
const REASONS: Partial<Record<CacheDecision, ForwardReason>> = { 'stale-first': 'stale', 'request-first': 'request' };

/** What answers the calls of one `cached` fetch. */
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
    if (key === undefined) throw new InvalidOptionError('cached', 'url', 'must be a URL', url);
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

  /** From the store, or from the exchange that is under way, or from one of its own. */
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
      // Who has waited for something that is not for him goes alone, or all who wait would do so one after the other;
      // unless it is now known that he belongs to another group.
      const mayJoin = round === 1 || (round === 2 && outcome === 'stored' && reason === 'vary-miss');
      first ??= reason ?? 'stale';
      outcome = await this.#wait(request, stored, reason ?? 'stale', mayJoin);
      const response = this.#receive(request, outcome, first);
      if (response !== undefined) return response;
    }
  }

  /** Waits for an exchange: the one that is under way, or a new one. */
  async #wait(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    reason: ForwardReason,
    mayJoin: boolean,
  ): Promise<ForwardOutcome> {
    const { signal, requestDirectives } = request;
    const group = this.#settings.store.groupOf(request);
    // What is under way was asked for before: not what one gets who wants the origin's word from now on.
    const underWay =
      mayJoin && !requestDirectives.fromOrigin && !request.isForStream ? this.#findOriginRequest(group) : undefined;
    const passenger = new FlightWaiter<ForwardOutcome>();
    if (signal !== null) scopeOf(signal).enter(passenger);
    if (underWay !== undefined) {
      underWay.join(passenger);
      passenger.limit(this.#waits, () => {
        passenger.resolve('unshared');
        passenger.leaveFlight?.(undefined);
      });
    } else this.#send(request, group, stored, reason, passenger);
    try {
      return await passenger.promise;
    } catch (error) {
      const spared = signal?.aborted ? undefined : this.#staleIfError(request);
      if (spared === undefined) throw error;
      return { response: spared };
    }
  }

  /** The exchange of this group to wait for: not one that has lasted longer than a request waits. */
  #findOriginRequest(group: string): OriginRequest | undefined {
    const { clock, lockTimeoutMs } = this.#settings;
    return this.#originRequests.find(group, clock.now() - lockTimeoutMs);
  }

  /** What he has who waited for it; undefined when he is to look into the store, or to ask by himself. */
  #receive(request: CacheRequest, outcome: ForwardOutcome, waitedFor: ForwardReason): Response | undefined {
    if (outcome === 'stored' || outcome === 'unshared') return undefined;
    if (outcome === 'failed') return this.#staleIfError(request);
    if ('response' in outcome) return outcome.response;
    const { error } = outcome;
    const spared = this.#staleIfError(request);
    if (spared !== undefined || !isSelectedBy(error, request)) return spared;
    this.#counts.collapsed++;
    return this.#serve(error, { fwd: waitedFor, ttlMs: undefined, collapsed: true });
  }

  /** @param leader - who has the response as it comes; none in the background. */
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

  /** @param waitedFor - why the request would have gone on, if somebody else's had not brought it. */
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

  /** Asks the origin in the background, unless that is being done. */
  #refresh(request: CacheRequest, stored: StoredResponse): void {
    const group = this.#settings.store.groupOf(request);
    if (this.#findOriginRequest(group) === undefined) this.#send(request, group, stored, 'stale', undefined);
  }

  /** What is stored, if it may stand in for an origin that has failed. */
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

  /** Nothing stored will do, and the origin is not to be asked: a 504, or what `fetch` says of `init.cache`. */
  async #reject({ url, requestDirectives }: CacheRequest): Promise<Response> {
    if (requestDirectives.onMiss === 'reject')
      throw new TypeError(`Nothing is stored for ${url}, and only that was asked for`);
    return gatewayTimeout(url, `${this.#settings.name}; detail=only-if-cached`);
  }

  /**
   * Sends a request that may change something. Unless the origin refuses it (4xx), what is stored no longer holds (RFC
   * 9111, 4.4): after a success, and also after a 5xx or a lost connection, when it is not known what the origin has done.
   */
  async #sendUnsafe({ call, url }: CacheRequest): Promise<Response> {
    try {
      const response = await this.#passOn(call);
      // A 307 or 308 was followed by the request itself: it ran on the URL that has answered.
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
