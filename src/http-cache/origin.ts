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

  /** Never rejects: all who wait are told how it ended. */
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
        reply = await this.#send(originRequest, {}); // it speaks of something that is not here
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
    const response = await this.#fetch(...outgoing(request.call, request.headers, scope.signal, conditions));
    return { response, times: { requestedAt, requestedDate, receivedAt: clock.now(), receivedDate: now() } };
  }

  /** A 304: what is stored still holds, and is as fresh as the 304 says (RFC 9111, 4.3.4). */
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
    // He may not have heard of it yet: a body that begins now would be cut off behind his back.
    if (request.signal?.aborted) leader?.giveUp(request.signal.reason);
    const shape = shapeOf(response);
    const headers = shape && copyFields(response.headers);
    if (originRequest.isOver)
      discardBody(response); // from a fetch that ignores signals
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
    // What was redirected to is the answer of another URL, for as long as the redirect holds, which nobody knows here.
    const isToStore =
      !isAnswered &&
      !response.redirected &&
      isStorable(head, request.requestDirectives.directives) &&
      isWorthStoring(head, arrived.lifetimeMs);
    this.#deliver(originRequest, reply, arrived, isToStore, originRequest.hasWaiters && isShareable(head));
  }

  /** Whether nobody needs the origin's error: not in the background, and not who may have the stored response for it. */
  #answerInstead({ leader, stored, mayStore, reason, request }: OriginRequest, fwdStatus: number): boolean {
    if (leader === undefined) return true;
    if (stored === undefined || !mayStore) return false;
    if (!mayServeIfError(stored, ageOf(stored, this.#settings), request.requestDirectives)) return false;
    this.#counts.staleHits++;
    const status = { fwd: reason, fwdStatus, detail: 'stale-if-error' };
    leader.resolve({ response: serve(stored, this.#settings, status) });
    return true;
  }

  /** The leader has the response at once, with a body that is still coming; others wait until it is there. */
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
      // Requests that wait already may still get the body; no other one is to depend on a body that nothing reads.
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
    leader?.resolve({ response: answer });
    originRequest.tee = tee;
    if (tee === undefined) onCollected(null);
    else tee.open(isRead ? request.signal : null);
  }

  /** All of it has come, or it is known that nothing of it will be kept. */
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
    // What breaks off has said nothing; what is too long, or not to be stored, takes the place of what is stored.
    if (!isStored && !isError && (whole !== undefined || body === 'too-long')) this.#drop(originRequest);
    const failed = isShared && whole !== undefined ? { error: whole } : isError ? 'failed' : 'unshared';
    this.#end(originRequest, isStored ? 'stored' : failed);
  }

  /** What is no response that could be worked with: it is the leader's as it is. */
  #passOn(originRequest: OriginRequest, response: Response): void {
    const { leader, request, scope } = originRequest;
    if (leader === undefined || leader.isDone) discardBody(response);
    // The fetch inside follows the signal of the exchange, for as long as it reads the body.
    else if (request.signal !== null) followWhileRead(response, request.signal, scope);
    leader?.resolve({ response });
    this.#end(originRequest, 'unshared');
  }

  #keep({ request, mayStore }: OriginRequest, stored: StoredResponse): boolean {
    const isKept = mayStore && this.#settings.store.put(request, stored);
    this.#counts.stored += Number(isKept);
    return isKept;
  }

  /** What is stored no longer holds, nor does what was asked for before. */
  #drop(originRequest: OriginRequest): void {
    this.#requests.invalidateEarlier(originRequest);
    this.#settings.store.drop(originRequest.request, originRequest.number);
  }

  #end(originRequest: OriginRequest, outcome: SharedOutcome): void {
    this.#requests.close(originRequest);
    originRequest.end(outcome);
  }
}
