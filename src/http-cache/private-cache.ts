import { Passenger } from '../caching/flight.js';
import { scopeOf } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import { type CacheRequest, cacheUrl, type FetchInit, isSafe, readRequest } from './cache-request.js';
import type { CacheStatus, ForwardReason } from './cache-status.js';
import { type Arrival, Exchanges } from './exchange.js';
import type { CachedSettings } from './options.js';
import { type InnerFetch, Origin } from './origin.js';
import { maySpareError, type Serving, servingOf } from './serving.js';
import { gatewayTimeout } from './shape.js';
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
const REASONS: Partial<Record<Serving, ForwardReason>> = { 'stale-first': 'stale', 'request-first': 'request' };

/** What answers the calls of one `cached` fetch. */
export class PrivateCache implements HttpCache {
  readonly #fetch: InnerFetch;
  readonly #settings: CachedSettings;
  readonly #exchanges = new Exchanges();
  readonly #origin: Origin;
  readonly #counts = { hits: 0, staleHits: 0, forwards: 0, validations: 0, collapsed: 0, bypassed: 0, stored: 0 };

  constructor(fetch: InnerFetch, settings: CachedSettings) {
    this.#fetch = fetch;
    this.#settings = settings;
    this.#origin = new Origin(fetch, settings, this.#exchanges, this.#counts);
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
    this.#settings.store.clear(this.#exchanges.latest);
    this.#exchanges.invalidate();
  }

  fetch(input: unknown, init: FetchInit | undefined): Promise<Response> {
    const request = readRequest(input, init);
    if (request === undefined) return this.#fetch(input, init);
    if (!isSafe(request.method)) return this.#sendUnsafe(request);
    if (request.method !== 'GET') return this.#fetch(input, init);
    if (request.signal?.aborted) return Promise.reject(request.signal.reason);
    if (!request.bypasses) return this.#get(request);
    if (request.demands.otherwise !== 'forward') return this.#refuse(request);
    this.#counts.bypassed++;
    return this.#fetch(input, init);
  }

  /** From the store, or from the exchange that is under way, or from one of its own. */
  async #get(request: CacheRequest): Promise<Response> {
    const { store, clock } = this.#settings;
    let arrival: Arrival | undefined;
    let first: ForwardReason | undefined;
    for (let round = 1; ; round++) {
      const { stored, isKnown } = store.find(request);
      const serving = stored && servingOf(stored, ageOf(stored, clock.now()), request.demands);
      const reason = serving === undefined ? (isKnown ? 'vary-miss' : 'uri-miss') : REASONS[serving];
      if (stored !== undefined && serving !== undefined && reason === undefined) {
        return this.#answer(request, stored, serving, first);
      }
      if (request.demands.otherwise !== 'forward') return this.#refuse(request);
      // Who has waited for something that is not for him goes alone, or all who wait would do so one after the other;
      // unless it is now known that he belongs to another group.
      const mayJoin = round === 1 || (round === 2 && arrival === 'stored' && reason === 'vary-miss');
      first ??= reason ?? 'stale';
      arrival = await this.#wait(request, stored, reason ?? 'stale', mayJoin);
      const response = this.#receive(request, arrival, first);
      if (response !== undefined) return response;
    }
  }

  /** Waits for an exchange: the one that is under way, or a new one. */
  async #wait(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    reason: ForwardReason,
    mayJoin: boolean,
  ): Promise<Arrival> {
    const { signal, demands } = request;
    const group = this.#settings.store.groupOf(request);
    // What is under way was asked for before: not what one gets who wants the origin's word from now on.
    const underWay = mayJoin && !demands.fromOrigin ? this.#exchanges.find(group) : undefined;
    const passenger = new Passenger<Arrival>();
    if (signal !== null) scopeOf(signal).enter(passenger);
    if (underWay !== undefined) underWay.board(passenger);
    else this.#send(request, group, stored, reason, passenger);
    try {
      return await passenger.promise;
    } catch (error) {
      const spared = signal?.aborted ? undefined : this.#spare(request);
      if (spared === undefined) throw error;
      return { response: spared };
    }
  }

  /** What he has who waited for it; undefined when he is to look into the store, or to ask by himself. */
  #receive(request: CacheRequest, arrival: Arrival, waitedFor: ForwardReason): Response | undefined {
    if (arrival === 'stored' || arrival === 'unshared') return undefined;
    if (arrival === 'failed') return this.#spare(request);
    if ('response' in arrival) return arrival.response;
    const { error } = arrival;
    const spared = this.#spare(request);
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
    leader: Passenger<Arrival> | undefined,
  ): void {
    this.#counts.forwards++;
    this.#origin.run(this.#exchanges.open({ request, group, stored, reason, leader }));
  }

  /** @param waitedFor - why the request would have gone on, if somebody else's had not brought it. */
  #answer(
    request: CacheRequest,
    stored: StoredResponse,
    serving: Serving,
    waitedFor: ForwardReason | undefined,
  ): Response {
    if (serving === 'refresh') this.#refresh(request, stored);
    if (waitedFor !== undefined) this.#counts.collapsed++;
    else if (serving === 'fresh') this.#counts.hits++;
    else this.#counts.staleHits++;
    const detail = serving === 'refresh' ? 'stale-while-revalidate' : undefined;
    return this.#serve(stored, { fwd: waitedFor, collapsed: waitedFor !== undefined, detail });
  }

  /** Asks the origin in the background, unless that is being done. */
  #refresh(request: CacheRequest, stored: StoredResponse): void {
    const group = this.#settings.store.groupOf(request);
    if (this.#exchanges.find(group) === undefined) this.#send(request, group, stored, 'stale', undefined);
  }

  /** What is stored, if it may stand in for an origin that has failed. */
  #spare(request: CacheRequest): Response | undefined {
    const { store, clock } = this.#settings;
    const { stored } = store.find(request);
    if (stored === undefined || !maySpareError(stored, ageOf(stored, clock.now()), request.demands)) return undefined;
    this.#counts.staleHits++;
    return this.#serve(stored, { fwd: 'stale', detail: 'stale-if-error' });
  }

  #serve(stored: StoredResponse, status: CacheStatus): Response {
    return serve(stored, this.#settings, status);
  }

  /** Nothing stored will do, and the origin is not to be asked: a 504, or what `fetch` says of `init.cache`. */
  async #refuse({ url, demands }: CacheRequest): Promise<Response> {
    if (demands.otherwise === 'fail') throw new TypeError(`Nothing is stored for ${url}, and only that was asked for`);
    return gatewayTimeout(url, `${this.#settings.name}; detail=only-if-cached`);
  }

  /** What it did, nobody knows: unless it was refused, what is stored is no longer to be relied on (RFC 9111, 4.4). */
  async #sendUnsafe({ input, init, url }: CacheRequest): Promise<Response> {
    try {
      const response = await this.#fetch(input, init);
      if (response.status >= 400) return response;
      this.#invalidate(url);
      for (const name of ['location', 'content-location']) {
        const other = cacheUrl(response.headers.get(name), url);
        if (other !== undefined && new URL(other).origin === new URL(url).origin) this.#invalidate(other);
      }
      return response;
    } catch (error) {
      this.#invalidate(url);
      throw error;
    }
  }

  #invalidate(url: string): boolean {
    const wasKnown = this.#settings.store.delete(url);
    this.#exchanges.invalidate(url);
    return wasKnown;
  }
}
