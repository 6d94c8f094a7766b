import { outsideContext } from '../core/ambient.js';
import { rejectWithStreamError } from '../core/stream-errors.js';
import { isOriginError, mayServeIfError } from './cache-decision.js';
import { formatCacheStatus } from './cache-status.js';
import { outgoing } from './fetch-call.js';
import type { ExchangeTimes } from './freshness.js';
import type { CachedSettings } from './options.js';
import type { OriginRequest, OriginRequests, SharedOutcome } from './origin-requests.js';
import { copyFields, discardBody, hasItsLength, type ResponseShape, remade, shapeOf } from './response-shape.js';
import { followWhileRead } from './signal-link.js';
import type { MutableHttpCacheStats } from './stats.js';
import { isShareable, isStorable, isWorthStoring } from './storable.js';
import { ageOf, type StoredResponse, serve, storedResponse, withBody } from './stored-response.js';
import { type CollectedBody, TeeBody } from './tee-body.js';
import { conditionsFor, freshenedHeaders, isConfirmedBy } from './validation.js';

export type InnerFetch = (input: unknown, init?: object) => Promise<Response>;

/** A response with the times of its request. */
interface Reply {
  readonly response: Response;
  readonly times: ExchangeTimes;
}

/** A reply that can be stored or shared: its headers and its shape are readable. */
interface ReadableReply extends Reply {
  readonly shape: ResponseShape;
  readonly headers: Headers;
}

/** Sends requests to the origin and stores the responses. */
export class Origin {
  readonly #fetch: InnerFetch;
  readonly #settings: CachedSettings;
  readonly #requests: OriginRequests;
  readonly #counts: MutableHttpCacheStats;

  constructor(
    fetch: InnerFetch,
    settings: CachedSettings,
    originRequests: OriginRequests,
    counts: MutableHttpCacheStats,
  ) {
    this.#fetch = fetch;
    this.#settings = settings;
    this.#requests = originRequests;
    this.#counts = counts;
  }

  /** Sends a request and settles all its waiters. Never rejects. */
  async run(originRequest: OriginRequest): Promise<void> {
    try {
      const { request, stored } = originRequest;
      const conditions = stored === undefined || request.requestDirectives.isReload ? {} : conditionsFor(stored);
      let reply = await this.#send(originRequest, conditions);
      const isAnswer = reply.response.status === 304 && Object.keys(conditions).length > 0;
      if (isAnswer && !originRequest.isOver && stored !== undefined) {
        const fields = copyFields(reply.response.headers);
        if (fields !== undefined && isConfirmedBy(stored, fields)) {
          this.#confirm(originRequest, stored, reply);
          return;
        }
        reply = await this.#send(originRequest, {}); // the 304 is about another response, so the request is repeated
      }
      this.#receive(originRequest, reply);
    } catch (error) {
      this.#requests.close(originRequest);
      originRequest.fail(error);
    }
  }

  async #send({ request, scope }: OriginRequest, conditions: Record<string, string>): Promise<Reply> {
    const { clock, now } = this.#settings;
    const [requestedAt, requestedDate] = [clock.now(), now()];
    const response = await outsideContext(() =>
      this.#fetch(...outgoing(request.call, request.headers, scope.signal, conditions)),
    );
    return { response, times: { requestedAt, requestedDate, receivedAt: clock.now(), receivedDate: now() } };
  }

  /** Handles a 304: the stored response is still valid, with the freshness of the 304 (RFC 9111, 4.3.4). */
  #confirm(originRequest: OriginRequest, before: StoredResponse, { response, times }: Reply): void {
    const { request, number, reason } = originRequest;
    const { shape, body } = before;
    const headers = freshenedHeaders(before, response.headers);
    const stored = storedResponse({ request, number, shape, headers, body, times }, this.#settings.heuristic, before);
    this.#counts.validations++;
    const head = { status: shape.status, headers, directives: stored.directives };
    const isKept = isStorable(head, request.requestDirectives.directives) && this.#keep(originRequest, stored);
    if (!isKept) this.#drop(originRequest);
    const cookies = [...response.headers].filter(([name]) => name === 'set-cookie');
    const status = { fwd: reason, fwdStatus: 304, stored: isKept };
    originRequest.leader?.resolve({ response: serve(stored, this.#settings, status, cookies) });
    this.#end(originRequest, isKept ? 'stored' : 'unshared');
  }

  #receive(originRequest: OriginRequest, { response, times }: Reply): void {
    const { leader, request } = originRequest;
    // The abort may not have been handled yet. Otherwise the caller would get a body that is cut off immediately.
    if (request.signal?.aborted) leader?.giveUp(request.signal.reason);
    const shape = shapeOf(response);
    const headers = shape && copyFields(response.headers);
    if (originRequest.isOver)
      discardBody(response); // the inner fetch has ignored its signal
    else if (shape === undefined || headers === undefined) this.#passOn(originRequest, response);
    else this.#receiveReadable(originRequest, { response, times, shape, headers });
  }

  #receiveReadable(originRequest: OriginRequest, reply: ReadableReply): void {
    const { request, number } = originRequest;
    const { response, headers, shape, times } = reply;
    const isAnswered = isOriginError(shape.status) && this.#answerInstead(originRequest, shape.status);
    if (isAnswered && !originRequest.hasWaiters) {
      discardBody(response);
      this.#end(originRequest, 'failed');
      return;
    }
    const arrived = storedResponse({ request, number, shape, headers, body: null, times }, this.#settings.heuristic);
    const head = { status: shape.status, headers, directives: arrived.directives };
    // After a redirect the response belongs to another URL, for as long as the redirect is valid, which is unknown.
    const isToStore =
      !isAnswered &&
      !response.redirected &&
      isStorable(head, request.requestDirectives.directives) &&
      isWorthStoring(head, arrived.lifetimeMs);
    this.#deliver(originRequest, reply, arrived, isToStore, originRequest.hasWaiters && isShareable(head));
  }

  /**
   * Whether the origin's error is not needed: in the background, or because the leader may be served a stale response.
   */
  #answerInstead({ leader, stored, mayStore, reason, request }: OriginRequest, fwdStatus: number): boolean {
    if (leader === undefined) return true;
    if (stored === undefined || !mayStore) return false;
    if (!mayServeIfError(stored, ageOf(stored, this.#settings), request.requestDirectives)) return false;
    this.#counts.staleHits++;
    const status = { fwd: reason, fwdStatus, detail: 'stale-if-error' };
    leader.resolve({ response: serve(stored, this.#settings, status) });
    return true;
  }

  /**
   * Serves the leader immediately, while the body still arrives. Other waiters are served when the body is complete.
   */
  #deliver(
    originRequest: OriginRequest,
    reply: ReadableReply,
    arrived: StoredResponse,
    isToStore: boolean,
    isToShare: boolean,
  ): void {
    const { maxEntryBytes, name, store, bodies } = this.#settings;
    const { leader, reason, request } = originRequest;
    const { headers, shape, response } = reply;
    const length = Number(headers.get('content-length') ?? 0);
    const room = Math.min(maxEntryBytes, store.roomBeside(arrived), bodies.free);
    const isKept = isToStore && originRequest.mayStore && length <= room;
    const isShared = isToShare && length <= Math.min(maxEntryBytes, bodies.free);
    const onCollected = (body: CollectedBody | null) =>
      this.#finish(originRequest, reply, arrived, body, isKept, isShared);
    const onLeft = (cause: unknown) => {
      // Waiting requests may still get the body. No further request must depend on a body that has no reader.
      this.#requests.separate(originRequest);
      leader?.leaveFlight?.(cause);
    };
    const limit = isKept ? room : isShared ? maxEntryBytes : -1;
    const events = { onCollected, onLeft };
    const tee = response.body === null ? undefined : new TeeBody(response.body, limit, bodies.open(), events);
    const ttlMs = isToStore ? arrived.lifetimeMs - arrived.initialAgeMs : undefined;
    const status = formatCacheStatus(name, { fwd: reason, fwdStatus: shape.status, ttlMs, stored: isKept });
    const answer = remade(shape, tee?.stream ?? null, [...headers, ['cache-status', status]]);
    if (answer === undefined) {
      this.#passOn(originRequest, response);
      return;
    }
    const isRead = leader !== undefined && !leader.isDone;
    if (!isRead) tee?.leaveUnread();
    leader?.resolve({ response: tee === undefined ? answer : rejectWithStreamError(answer, tee) });
    originRequest.tee = tee;
    if (tee === undefined) onCollected(null);
    else tee.open(isRead ? request.signal : null);
  }

  /** Handles the end of the body, or the decision that it is not stored. */
  #finish(
    originRequest: OriginRequest,
    { headers, shape }: ReadableReply,
    arrived: StoredResponse,
    body: CollectedBody | null,
    isKept: boolean,
    isShared: boolean,
  ): void {
    const isError = isOriginError(shape.status);
    const whole = typeof body !== 'string' && hasItsLength(headers, body) ? withBody(arrived, body) : undefined;
    const isStored = isKept && whole !== undefined && this.#keep(originRequest, whole);
    // A truncated body proves nothing. A body that is too long or not storable invalidates the stored response.
    if (!isStored && !isError && (whole !== undefined || body === 'too-long')) this.#drop(originRequest);
    const failed = isShared && whole !== undefined ? { error: whole } : isError ? 'failed' : 'unshared';
    this.#end(originRequest, isStored ? 'stored' : failed);
  }

  /** Passes a response that cannot be read by the cache to the leader, unchanged. */
  #passOn(originRequest: OriginRequest, response: Response): void {
    const { leader, request, scope } = originRequest;
    if (leader === undefined || leader.isDone) discardBody(response);
    // The inner fetch follows the signal of the origin request for as long as it reads the body.
    else if (request.signal !== null) followWhileRead(response, request.signal, scope);
    leader?.resolve({ response });
    this.#end(originRequest, 'unshared');
  }

  #keep({ request, mayStore }: OriginRequest, stored: StoredResponse): boolean {
    const isKept = mayStore && this.#settings.store.put(request, stored);
    this.#counts.stored += Number(isKept);
    return isKept;
  }

  /** Invalidates the stored response, and the responses to earlier requests in flight. */
  #drop(originRequest: OriginRequest): void {
    this.#requests.invalidateEarlier(originRequest);
    this.#settings.store.drop(originRequest.request, originRequest.number);
  }

  #end(originRequest: OriginRequest, outcome: SharedOutcome): void {
    this.#requests.close(originRequest);
    originRequest.end(outcome);
  }
}
