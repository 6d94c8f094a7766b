import { reportUncaught } from '../core/events.js';
import { BodyTap } from './body-tap.js';
import { parseCacheControl } from './cache-control.js';
import { outgoing } from './cache-request.js';
import { type CacheStatus, formatCacheStatus } from './cache-status.js';
import type { Exchange, Exchanges } from './exchange.js';
import { type ExchangeTimes, freshnessLifetime, initialAge } from './freshness.js';
import type { CachedSettings } from './options.js';
import { isOriginError, maySpareError } from './serving.js';
import { discardBody, hasItsLength, type ResponseShape, remade, shapeOf } from './shape.js';
import type { MutableHttpCacheStats } from './stats.js';
import { isStorable, isWorthStoring } from './storable.js';
import { ageOf, type StoredResponse, serve, storedResponse } from './stored-response.js';
import { conditionsFor, freshenedHeaders, isConfirmedBy } from './validation.js';

export type InnerFetch = (input: unknown, init?: object) => Promise<Response>;

/** What came back, and when. */
interface Reply {
  readonly response: Response;
  readonly times: ExchangeTimes;
}

/** A reply that a cache can work with. */
interface ReadableReply extends Reply {
  readonly shape: ResponseShape;
  readonly headers: Headers;
}

/** Asks the origin, and stores what it answers. */
export class Origin {
  readonly #fetch: InnerFetch;
  readonly #settings: CachedSettings;
  readonly #exchanges: Exchanges;
  readonly #counts: MutableHttpCacheStats;

  constructor(fetch: InnerFetch, settings: CachedSettings, exchanges: Exchanges, counts: MutableHttpCacheStats) {
    this.#fetch = fetch;
    this.#settings = settings;
    this.#exchanges = exchanges;
    this.#counts = counts;
  }

  /** Never rejects: all who wait are told how it ended. */
  async run(exchange: Exchange): Promise<void> {
    try {
      const { request, stored } = exchange;
      const conditions = stored === undefined || request.demands.isReload ? {} : conditionsFor(stored);
      let reply = await this.#send(exchange, conditions);
      const isAnswer = reply.response.status === 304 && Object.keys(conditions).length > 0;
      if (isAnswer && stored !== undefined) {
        if (isConfirmedBy(stored, reply.response.headers)) {
          this.#confirm(exchange, stored, reply);
          return;
        }
        reply = await this.#send(exchange, {}); // it speaks of something that is not here
      }
      this.#receive(exchange, reply);
    } catch (error) {
      this.#exchanges.close(exchange);
      exchange.fail(error);
    }
  }

  async #send({ request, scope }: Exchange, conditions: Record<string, string>): Promise<Reply> {
    const { clock, now } = this.#settings;
    const requestedAt = clock.now();
    const response = await this.#fetch(...outgoing(request, scope.signal, conditions));
    return { response, times: { requestedAt, receivedAt: clock.now(), receivedDate: now() } };
  }

  /** A 304: what is stored still holds, and is as fresh as the 304 says (RFC 9111, 4.3.4). */
  #confirm(exchange: Exchange, before: StoredResponse, { response, times }: Reply): void {
    const { request, number, reason } = exchange;
    const { shape, body } = before;
    const headers = freshenedHeaders(before, response.headers);
    const stored = storedResponse({ request, number, shape, headers, body, times }, this.#settings.rules);
    this.#counts.validations++;
    const head = { status: shape.status, headers, directives: stored.directives };
    const isKept = isStorable(head, request.demands.directives) && this.#keep(exchange, stored);
    if (!isKept) this.#drop(exchange);
    exchange.leader?.resolve({ response: this.#serve(stored, { fwd: reason, fwdStatus: 304, stored: isKept }) });
    this.#end(exchange, isKept ? 'stored' : 'unshared');
  }

  #receive(exchange: Exchange, { response, times }: Reply): void {
    const shape = shapeOf(response);
    if (exchange.isOver)
      discardBody(response); // from a fetch that ignores signals
    else if (shape === undefined) this.#passOn(exchange, response);
    else this.#receiveReadable(exchange, { response, times, shape, headers: new Headers([...response.headers]) });
  }

  #receiveReadable(exchange: Exchange, reply: ReadableReply): void {
    const { request } = exchange;
    const { response, headers, shape, times } = reply;
    const isError = isOriginError(shape.status);
    if (isError && this.#answerInstead(exchange, shape.status)) {
      discardBody(response);
      this.#end(exchange, 'failed');
      return;
    }
    const head = { status: shape.status, headers, directives: parseCacheControl(headers.get('cache-control')) };
    const lifetimeMs = freshnessLifetime(head, times.receivedDate, this.#settings.rules.heuristic);
    // What was redirected to is the answer of another URL, for as long as the redirect holds, which nobody knows here.
    const isToStore =
      !response.redirected && isStorable(head, request.demands.directives) && isWorthStoring(head, lifetimeMs);
    if (!isToStore && !isError) this.#drop(exchange);
    const ttlMs = isToStore ? lifetimeMs - initialAge(headers, times) : undefined;
    this.#deliver(exchange, reply, isToStore && exchange.mayStore, ttlMs);
  }

  /** Whether nobody needs the origin's error: not in the background, and not who may have the stored response for it. */
  #answerInstead({ leader, stored, mayStore, reason, request }: Exchange, fwdStatus: number): boolean {
    if (leader === undefined) return true;
    const now = this.#settings.clock.now();
    if (stored === undefined || !mayStore || !maySpareError(stored, ageOf(stored, now), request.demands)) return false;
    this.#counts.staleHits++;
    leader.resolve({ response: this.#serve(stored, { fwd: reason, fwdStatus, detail: 'stale-if-error' }) });
    return true;
  }

  /** The leader has the response at once, with a body that is still coming; others wait until it is stored. */
  #deliver(exchange: Exchange, reply: ReadableReply, isToStore: boolean, ttlMs: number | undefined): void {
    const { maxEntryBytes, name } = this.#settings;
    const { leader, reason, request } = exchange;
    const { headers, shape, response } = reply;
    const isCollected = isToStore && Number(headers.get('content-length') ?? 0) <= maxEntryBytes;
    const onCollected = (body: Uint8Array<ArrayBuffer> | null | undefined) => {
      const isStored = isCollected && body !== undefined && this.#store(exchange, reply, body);
      this.#end(exchange, isStored ? 'stored' : isOriginError(shape.status) ? 'failed' : 'unshared');
    };
    const onLeft = (cause: unknown) => leader?.disembark?.(cause);
    const limit = isCollected ? maxEntryBytes : -1;
    const tap = response.body === null ? undefined : new BodyTap(response.body, limit, { onCollected, onLeft });
    const status = formatCacheStatus(name, { fwd: reason, fwdStatus: shape.status, ttlMs, stored: isCollected });
    const answer = remade(shape, tap?.stream ?? null, [...headers, ['cache-status', status]]);
    if (answer === undefined) {
      this.#passOn(exchange, response);
      return;
    }
    if (leader === undefined || leader.isDone) tap?.leaveUnread();
    else if (request.signal !== null) tap?.follow(request.signal);
    leader?.resolve({ response: answer });
    exchange.tap = tap;
    if (tap === undefined) onCollected(null);
    else tap.open();
  }

  /** What is no response that could be worked with: it is the leader's as it is. */
  #passOn(exchange: Exchange, response: Response): void {
    if (exchange.leader === undefined || exchange.leader.isDone) discardBody(response);
    exchange.leader?.resolve({ response });
    this.#end(exchange, 'unshared');
  }

  #store(exchange: Exchange, reply: ReadableReply, body: Uint8Array<ArrayBuffer> | null): boolean {
    const { request, number } = exchange;
    const { shape, headers, times } = reply;
    if (!hasItsLength(headers, body)) return false;
    return this.#keep(exchange, storedResponse({ request, number, shape, headers, body, times }, this.#settings.rules));
  }

  #keep({ request, mayStore }: Exchange, stored: StoredResponse): boolean {
    const isKept = mayStore && unlessStoreThrows(() => this.#settings.store.put(request, stored));
    this.#counts.stored += Number(isKept);
    return isKept;
  }

  /** What is stored no longer holds. */
  #drop({ request, number }: Exchange): void {
    unlessStoreThrows(() => this.#settings.store.drop(request, number));
  }

  #serve(stored: StoredResponse, status: CacheStatus): Response {
    return serve(stored, this.#settings, status);
  }

  #end(exchange: Exchange, arrival: 'stored' | 'failed' | 'unshared'): void {
    this.#exchanges.close(exchange);
    exchange.end(arrival);
  }
}

/** The store is somebody else's: when it throws, those who wait still get their answer. */
function unlessStoreThrows(write: () => boolean): boolean {
  try {
    return write();
  } catch (error) {
    reportUncaught(error);
    return false;
  }
}
