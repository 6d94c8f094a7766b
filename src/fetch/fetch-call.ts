import type { CallContext } from '../core/call-context.js';
import { reportUncaught } from '../core/events.js';
import type { Outcome } from '../core/outcome.js';
import { attributeRejection } from './attribute-rejection.js';
import type { UnreadResponses } from './discard.js';
import { guardBody } from './guarded-body.js';
import type { ResilientFetchOptions, Route } from './options.js';
import {
  type CapturedRequest,
  copyForAttempt,
  isRepeatable,
  type RequestOptions,
  withInputCopied,
  withUrl,
} from './request.js';
import { copyBody, kindOfBody } from './request-body.js';

export type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

/** Settings that all calls of one instance share. */
export interface FetchSettings extends UnreadResponses {
  readonly route: ResilientFetchOptions['route'];
  /** The size of the largest mutable body that is copied so that it can be sent again, in bytes. */
  readonly replayLimit: number;
  /** Whether the policy may make a second attempt. */
  readonly mayRepeat: boolean;
  /** Whether the policy was given by the caller, and may therefore share responses between calls. */
  readonly checksOwners: boolean;
}

/** The call that owns each response: the call that it was made for, or that returned it first. */
const owners = new WeakMap<object, FetchCall>();

/** One call of the fetch function, with all its attempts. */
export class FetchCall {
  /** Whether the request may be sent again. */
  readonly repeatable: boolean;
  readonly #fetch: AnyFetch;
  readonly #settings: FetchSettings;
  readonly #isGuarded: boolean;
  #request: CapturedRequest;
  #isBegun = false;
  /** The unread responses of earlier attempts. */
  readonly #unread = new Set<Response>();
  #ended = false;
  /** The only attempt of a request that must not be repeated. */
  #singleAttempt: Promise<Response> | undefined = undefined;

  /** @param isGuarded - whether a signal, a time limit or a slot lasts until the end of the body. */
  constructor(request: CapturedRequest, fetch: AnyFetch, settings: FetchSettings, isGuarded: boolean) {
    this.repeatable = isRepeatable(request, settings.replayLimit);
    this.#request = request;
    this.#fetch = fetch;
    this.#settings = settings;
    this.#isGuarded = isGuarded;
    if (this.#copiesImmediately) this.#copyBody();
  }

  /** Makes one attempt. If the request must not be repeated, returns the first attempt again. */
  attempt(context: CallContext): Promise<Response> {
    // A request that must not be repeated is sent once, even if the policy asks for another attempt.
    if (this.#singleAttempt !== undefined) return this.#singleAttempt;
    this.#isBegun = true;
    this.#discardAllBut(undefined); // earlier responses were not good enough
    const request = copyForAttempt(this.#request, !this.repeatable);
    const { route } = this.#settings;
    const sent = route === undefined ? this.#send(request, context) : this.#sendTo(route, request, context);
    if (!this.repeatable) this.#singleAttempt = sent;
    return sent;
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
    return (this.repeatable && mayRepeat) || route !== undefined;
  }

  #copyBody(): void {
    const { init } = this.#request;
    if (kindOfBody(init?.body) === 'mutable')
      this.#request = { ...this.#request, init: { ...init, body: copyBody(init?.body) } };
  }

  /** Ends the call: discards all unread responses except the returned one, under any policy. */
  end(returned: Response | undefined): void {
    this.#ended = true;
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
    const target = await route({ ...request, url: new URL(request.url) }, context);
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

/** Calls the `release` of a route. Like a listener, it cannot change the outcome that it receives. */
function release(target: Route, outcome: Outcome): void {
  try {
    target.release?.(outcome);
  } catch (error) {
    reportUncaught(error);
  }
}
