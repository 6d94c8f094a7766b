import type { CallContext } from '../core/call-context.js';
import { setKey, setRepeatable } from '../core/context.js';
import { InvalidOptionError } from '../core/errors.js';
import { reportUncaught } from '../core/events.js';
import { attribute } from '../core/network-error.js';
import { wasNeverSent } from '../core/never-sent.js';
import type { Outcome } from '../core/outcome.js';
import { attributeRejection } from './attribute-rejection.js';
import type { BeforeRetry, ChangeableCall, ChangeableOperation } from './before-retry.js';
import type { CallSettings } from './call-options.js';
import { changedRequest } from './changed-request.js';
import type { UnreadResponses } from './discard.js';
import { guardBody } from './guarded-body.js';
import type { ResilientFetchOptions, Route } from './options.js';
import { type OutgoingDeadline, withDeadline } from './outgoing-deadline.js';
import { BodyReader } from './read-body.js';
import {
  asRequest,
  type BodySending,
  bodySending,
  type CapturedRequest,
  copyForAttempt,
  type OutgoingRequest,
  type RequestOptions,
  withInputCopied,
  withUrl,
} from './request.js';
import { copyBody, kindOfBody } from './request-body.js';

export type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

/** Settings that all calls of one instance share. */
export interface FetchSettings extends UnreadResponses {
  readonly route: ResilientFetchOptions['route'];
  /** Returns the key of a request whose call has none of its own. */
  readonly key: (request: OutgoingRequest) => string;
  /** Returns whether a request may be sent more than once, if its call does not. */
  readonly repeatable: (request: OutgoingRequest) => boolean;
  /** Returns whether a repeatable request may be sent again while it is in flight, if its call has no `repeatable`. */
  readonly mayOverlap: (request: OutgoingRequest) => boolean;
  /** The size of the largest body that is kept so that it can be sent again, in bytes. */
  readonly replayLimit: number;
  /** The header field with the deadline of each attempt; undefined if none is sent. */
  readonly deadline: OutgoingDeadline | undefined;
  /** Whether the policy may make a second attempt. */
  readonly mayRepeat: boolean;
  /** Whether the policy was given by the caller, and may therefore share responses between calls. */
  readonly checksOwners: boolean;
}

/** The call that owns each response: the call that it was made for, or that returned it first. */
const owners = new WeakMap<object, FetchCall>();

/** One call of the fetch function, with all its attempts. */
export class FetchCall implements ChangeableCall {
  /** The key of the request. */
  key: string;
  /** Makes one attempt. If the request must not be sent again, returns the last attempt again. */
  readonly operation: ChangeableOperation;
  #isSafe: boolean;
  #sending: BodySending;
  readonly #fetch: AnyFetch;
  readonly #settings: FetchSettings;
  readonly #own: CallSettings;
  readonly #isGuarded: boolean;
  #request: CapturedRequest;
  #attempts = 0;
  #hedges = 0;
  /** The last attempt, without its hedges. */
  #latest: Promise<Response> | undefined = undefined;
  #isBegun = false;
  /** The unread responses of earlier attempts. */
  readonly #unread = new Set<Response>();
  #ended = false;
  /** The attempt of a request that must not be sent again. */
  #lastAttempt: Promise<Response> | undefined = undefined;
  /** Reads the body of a `Request` before the first attempt. */
  #reading: Promise<void> | undefined = undefined;
  #reader: BodyReader | undefined = undefined;
  /** The request as the route sees it. */
  #routed: OutgoingRequest | undefined = undefined;

  /** @param isGuarded - whether a signal, a time limit or a slot lasts until the end of the body. */
  constructor(
    request: CapturedRequest,
    fetch: AnyFetch,
    settings: FetchSettings,
    own: CallSettings,
    isGuarded: boolean,
  ) {
    this.operation = (context) => this.#attempt(context);
    this.operation.changeable = this;
    this.key = keyOf(request, settings, own);
    this.#isSafe = isRepeatable(request, settings, own);
    const sending = bodySending(request, settings.replayLimit);
    // Only what may be sent again is read first: otherwise a body that is still being produced would be held back.
    const isRead = this.#isSafe && settings.mayRepeat;
    this.#sending = sending === 'after-reading' && !isRead ? 'once' : sending;
    this.#request = request;
    this.#fetch = fetch;
    this.#settings = settings;
    this.#own = own;
    this.#isGuarded = isGuarded;
    if (this.#copiesImmediately) this.#copyBody();
  }

  /** Whether the request may be sent again, as far as it is known before it is sent. */
  get repeatable(): boolean {
    return this.#isSafe && this.#sending !== 'once';
  }

  get mayOverlap(): boolean {
    return this.repeatable && (this.#own.repeatable !== undefined || this.#settings.mayOverlap(this.#request));
  }

  /** The request as it was sent last. */
  get request(): CapturedRequest {
    const { target, input } = this.#request;
    if (target === undefined) return this.#request;
    return { ...this.#request, input: withUrl(input, target), target: undefined };
  }

  get method(): string {
    return this.#request.method;
  }

  /** The number of attempts that were made, without hedges. */
  get attempts(): number {
    return this.#attempts;
  }

  /** The number of hedges that were sent. */
  get hedges(): number {
    return this.#hedges;
  }

  async prepare(beforeRetry: BeforeRetry, attempt: number, outcome: Outcome, context: CallContext): Promise<void> {
    const old = this.#request;
    const changed = await changedRequest(beforeRetry, old, attempt, outcome, context);
    if (changed === old || context.signal.aborted) return;
    this.#request = changed;
    if (changed.init?.body !== old.init?.body) this.#sending = bodySending(changed, this.#settings.replayLimit);
    this.#isSafe = isRepeatable(changed, this.#settings, this.#own);
    this.key = keyOf(changed, this.#settings, this.#own);
    setKey(context, this.key);
  }

  #attempt(context: CallContext): Promise<Response> {
    // A request that must not be repeated is sent once, even if the policy asks for another attempt.
    if (this.#lastAttempt !== undefined) return this.#lastAttempt;
    const isHedge = context.hedge > 0;
    if (isHedge && this.#latest !== undefined && !this.mayOverlap) return this.#latest;
    this.#isBegun = true;
    if (isHedge) this.#hedges++;
    else {
      this.#attempts++;
      this.#discardAllBut(undefined); // earlier responses were not good enough
    }
    const sent = this.#sending === 'after-reading' ? this.#readFirst(context) : this.#sendCopy(context);
    if (!isHedge) this.#latest = sent;
    if (this.repeatable) return sent;
    setRepeatable(context, false);
    this.#lastAttempt = sent.catch((error) => this.#afterFailure(error, context));
    return this.#lastAttempt;
  }

  /** Permits another attempt of a request that was never sent, whatever its method. */
  #afterFailure(error: unknown, context: CallContext): never {
    if (this.#sending === 'again' && this.#settings.mayRepeat && wasNeverSent(error)) {
      this.#lastAttempt = undefined;
      setRepeatable(context, true);
    } else setRepeatable(context, this.repeatable);
    throw error;
  }

  /** Reads the body of a `Request`, once for all attempts, before it sends the request. */
  async #readFirst(context: CallContext): Promise<Response> {
    this.#reading ??= this.#readBody();
    try {
      await this.#reading;
    } catch (error) {
      attribute(error, 'caller');
      setRepeatable(context, false);
      throw error;
    }
    context.signal.throwIfAborted();
    if (!this.repeatable) setRepeatable(context, false);
    // The body has turned out to be too large to be sent twice.
    if (context.hedge > 0 && this.#latest !== undefined && !this.repeatable) return this.#latest;
    return this.#sendCopy(context);
  }

  async #readBody(): Promise<void> {
    const { body } = asRequest(this.#request.input) as { readonly body: ReadableStream<Uint8Array> };
    this.#reader = new BodyReader(body, this.#settings.replayLimit);
    const { bytes, stream } = await this.#reader.read();
    this.#sending = stream === undefined ? 'again' : 'once';
    this.#request = { ...this.#request, requestBody: stream ?? bytes };
  }

  #sendCopy(context: CallContext): Promise<Response> {
    const { route, deadline } = this.#settings;
    const copy = copyForAttempt(this.#request, !this.repeatable);
    const request = deadline === undefined ? copy : withDeadline(copy, deadline, context);
    if (route !== undefined) return this.#sendTo(route, request, context);
    const { target, input } = request;
    return this.#send(target === undefined ? request : { ...request, input: withUrl(input, target) }, context);
  }

  /**
   * Copies everything that the caller could change before the first attempt, unless that attempt has begun. Call it
   * before the call returns to its caller.
   */
  captureIfWaiting(): void {
    if (this.#isBegun) return;
    if (!this.#copiesImmediately) this.#copyBody();
    this.#request = withInputCopied(this.#request);
  }

  /** Whether an attempt may begin after the call has returned, even if the first one begins before. */
  get #copiesImmediately(): boolean {
    const { mayRepeat, route } = this.#settings;
    return (this.#sending === 'again' && mayRepeat) || route !== undefined;
  }

  #copyBody(): void {
    const { init } = this.#request;
    if (kindOfBody(init?.body) === 'mutable')
      this.#request = { ...this.#request, init: { ...init, body: copyBody(init?.body) } };
  }

  /** Ends the call: discards all unread responses except the returned one, under any policy. */
  end(returned: Response | undefined): void {
    this.#ended = true;
    this.#reader?.cancel(undefined);
    this.#discardAllBut(returned);
  }

  /**
   * Records this call as the owner of a response. Returns false if another call owns it: the policy shares responses
   * between calls.
   */
  takeOwnership(response: Response): boolean {
    if (!this.#settings.checksOwners || typeof response !== 'object' || response === null) return true;
    const owner = owners.get(response);
    if (owner === undefined) owners.set(response, this);
    return owner === undefined || owner === this;
  }

  #discardAllBut(kept: Response | undefined): void {
    for (const response of this.#unread) if (response !== kept) this.#settings.discard(response);
    this.#unread.clear();
  }

  async #send({ input, init }: CapturedRequest, context: CallContext): Promise<Response> {
    const { signal } = context;
    const fetch = this.#fetch; // not called as a method: a browser's fetch rejects a receiver
    const sent = fetch(input, { ...init, signal });
    let response: Response;
    try {
      response = await sent;
    } catch (error) {
      if (!signal.aborted) await attributeRejection(error, this.#request);
      throw error;
    }
    if (signal.aborted || this.#ended) {
      this.#settings.discard(response); // the fetch function has ignored its signal
      signal.throwIfAborted();
      return response;
    }
    const guarded = this.#isGuarded ? guardBody(response) : response;
    this.#unread.add(guarded);
    if (this.#settings.checksOwners) owners.set(guarded, this);
    return guarded;
  }

  async #sendTo(
    route: NonNullable<ResilientFetchOptions['route']>,
    request: CapturedRequest,
    context: CallContext,
  ): Promise<Response> {
    // One object for all attempts, by which a balancer recognizes them. A route may have changed the URL of the last one.
    this.#routed = Object.assign(this.#routed ?? {}, request, { url: new URL(request.url) });
    const target = await route(this.#routed, context);
    try {
      if (context.signal.aborted) throw context.signal.reason;
      const response = await this.#send({ ...request, input: withUrl(request.input, target.url) }, context);
      release(target, { ok: true, value: response });
      return response;
    } catch (error) {
      release(target, { ok: false, error });
      throw error;
    }
  }
}

/** Returns the key of a request. */
export function keyOf(request: OutgoingRequest, settings: FetchSettings, own: CallSettings): string {
  return own.key ?? settings.key(request);
}

/** Whether a request may be sent more than once. @throws InvalidOptionError if `repeatable` does not return a boolean. */
function isRepeatable(request: OutgoingRequest, settings: FetchSettings, own: CallSettings): boolean {
  const { repeatable = settings.repeatable } = own;
  const result = repeatable(request);
  if (typeof result === 'boolean') return result;
  throw new InvalidOptionError('resilientFetch', 'repeatable', 'must return true or false', result);
}

/** Calls the `release` of a route. Like a listener, it cannot change the outcome that it receives. */
function release(target: Route, outcome: Outcome): void {
  try {
    target.release?.(outcome);
  } catch (error) {
    reportUncaught(error);
  }
}
