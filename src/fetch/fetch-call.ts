import type { CallContext } from '../core/call-context.js';
import { reportUncaught } from '../core/events.js';
import type { Outcome } from '../core/outcome.js';
import { attributeRejection } from './attribute-rejection.js';
import { guardBody } from './guarded-body.js';
import type { ResilientFetchOptions, Route } from './options.js';
import {
  type CapturedRequest,
  copyForAttempt,
  isRepeatable,
  type RequestOptions,
  readdress,
  withInputCopied,
} from './request.js';
import { copyBody, kindOfBody } from './request-body.js';

export type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

/** What all calls of one instance have in common. */
export interface FetchSettings {
  readonly route: ResilientFetchOptions['route'];
  /** The most bytes of a mutable body that are copied, to be sent again. */
  readonly replayLimit: number;
  /** Whether the policy can ask for a second attempt. */
  readonly mayRepeat: boolean;
  /** Whether the policy is the caller's own, and may mix up calls. */
  readonly checksOwners: boolean;
  discard(response: Response): void;
}

/** The call that each response was made for, or was returned to first. */
const owners = new WeakMap<object, FetchCall>();

/** The attempts of one call. */
export class FetchCall {
  readonly repeatable: boolean;
  readonly #fetch: AnyFetch;
  readonly #settings: FetchSettings;
  readonly #isGuarded: boolean;
  #request: CapturedRequest;
  #isBegun = false;
  /** The responses of the attempts so far that have not been read. */
  readonly #unread = new Set<Response>();
  #ended = false;
  /** The one attempt of a request that must not be repeated. */
  #only: Promise<Response> | undefined = undefined;

  /** @param isGuarded - whether something lasts until the end of the body. */
  constructor(request: CapturedRequest, fetch: AnyFetch, settings: FetchSettings, isGuarded: boolean) {
    this.repeatable = isRepeatable(request, settings.replayLimit);
    this.#request = request;
    this.#fetch = fetch;
    this.#settings = settings;
    this.#isGuarded = isGuarded;
    if (this.#copiesAtOnce) this.#copyBody();
  }

  attempt(context: CallContext): Promise<Response> {
    // Whatever a policy makes of it, a request that must not be repeated goes out once; its answer stays its answer.
    if (this.#only !== undefined) return this.#only;
    this.#isBegun = true;
    this.#discardAllBut(undefined); // an earlier response was not good enough
    const request = copyForAttempt(this.#request, !this.repeatable);
    const { route } = this.#settings;
    const sent = route === undefined ? this.#send(request, context) : this.#sendTo(route, request, context);
    if (!this.repeatable) this.#only = sent;
    return sent;
  }

  /**
   * Copies what the caller could change before the first attempt, unless that has begun. To be called before the call
   * returns to its caller.
   */
  captureIfWaiting(): void {
    if (this.#isBegun) return;
    if (!this.#copiesAtOnce) this.#copyBody();
    this.#request = withInputCopied(this.#request);
  }

  /** Whether an attempt may begin after the call has returned, however soon the first one begins. */
  get #copiesAtOnce(): boolean {
    const { mayRepeat, route } = this.#settings;
    return (this.repeatable && mayRepeat) || route !== undefined;
  }

  #copyBody(): void {
    const { init } = this.#request;
    if (kindOfBody(init?.body) === 'mutable')
      this.#request = { ...this.#request, init: { ...init, body: copyBody(init?.body) } };
  }

  /** Whatever policy is in use: the responses that are not the answer are discarded. */
  end(answer: Response | undefined): void {
    this.#ended = true;
    this.#discardAllBut(answer);
  }

  /** Whether an answer is of this call alone. A policy that shares responses among calls would mix up their callers. */
  claim(answer: Response): boolean {
    if (!this.#settings.checksOwners || typeof answer !== 'object' || answer === null) return true;
    const owner = owners.get(answer);
    if (owner === undefined) owners.set(answer, this);
    return owner === undefined || owner === this;
  }

  #discardAllBut(answer: Response | undefined): void {
    for (const response of this.#unread) if (response !== answer) this.#settings.discard(response);
    this.#unread.clear();
  }

  async #send({ input, init }: CapturedRequest, context: CallContext): Promise<Response> {
    const { signal } = context;
    const fetch = this.#fetch; // not called as a method, which a browser's fetch refuses
    const sent = fetch(input, { ...init, signal });
    let response: Response;
    try {
      response = await sent;
    } catch (error) {
      if (!signal.aborted) await attributeRejection(error, this.#request);
      throw error;
    }
    if (signal.aborted || this.#ended) {
      this.#settings.discard(response); // from a fetch that ignores signals
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
      const response = await this.#send({ ...request, input: readdress(request.input, target.url) }, context);
      release(target, { ok: true, value: response });
      return response;
    } catch (error) {
      release(target, { ok: false, error });
      throw error;
    }
  }
}

/** Like a listener, it cannot change the outcome that it is notified of. */
function release(target: Route, outcome: Outcome): void {
  try {
    target.release?.(outcome);
  } catch (error) {
    reportUncaught(error);
  }
}
