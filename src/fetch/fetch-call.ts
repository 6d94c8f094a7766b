import type { CallContext } from '../core/call-context.js';
import { reportUncaught } from '../core/events.js';
import type { Outcome } from '../core/outcome.js';
import { guardBody } from './guarded-body.js';
import type { ResilientFetchOptions, Route } from './options.js';
import { asRequest, isRepeatable, type OutgoingRequest, type RequestOptions } from './request.js';

export type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

/** What all calls of one instance have in common. */
export interface FetchSettings {
  readonly fetch: AnyFetch;
  readonly route: ResilientFetchOptions['route'];
  discard(response: Response): void;
}

/** The tries of one call. */
export class FetchCall {
  readonly repeatable: boolean;
  readonly #request: OutgoingRequest;
  readonly #settings: FetchSettings;
  readonly #isGuarded: boolean;
  /** What the tries have brought so far, and nobody has read. */
  readonly #unread = new Set<Response>();
  #ended = false;
  /** The one try of a request that must not be repeated. */
  #only: Promise<Response> | undefined = undefined;

  /** @param isGuarded - whether something will last until the end of the body. */
  constructor(request: OutgoingRequest, settings: FetchSettings, isGuarded: boolean) {
    this.repeatable = isRepeatable(request);
    this.#request = request;
    this.#settings = settings;
    this.#isGuarded = isGuarded;
  }

  attempt(context: CallContext): Promise<Response> {
    // Whatever a policy makes of it, a request that must not be repeated goes out once; its answer stays its answer.
    if (this.#only !== undefined) return this.#only;
    this.#discardAllBut(undefined); // what is there already was not good enough
    const { route } = this.#settings;
    const sent = route === undefined ? this.#send(this.#request.input, context) : this.#sendTo(route, context);
    if (!this.repeatable) this.#only = sent;
    return sent;
  }

  /** Whatever policy is in use: a response that is not the answer is read by nobody. */
  end(answer: Response | undefined): void {
    this.#ended = true;
    this.#discardAllBut(answer);
  }

  #discardAllBut(answer: Response | undefined): void {
    for (const response of this.#unread) if (response !== answer) this.#settings.discard(response);
    this.#unread.clear();
  }

  async #send(input: unknown, context: CallContext): Promise<Response> {
    const { signal } = context;
    const { fetch } = this.#settings; // not as its method: a browser's refuses to be called as somebody's
    const response = await fetch(input, { ...this.#request.init, signal });
    if (signal.aborted || this.#ended) {
      this.#settings.discard(response); // from a fetch that ignores signals
      signal.throwIfAborted();
      return response;
    }
    const guarded = this.#isGuarded ? guardBody(response) : response;
    this.#unread.add(guarded);
    return guarded;
  }

  async #sendTo(route: NonNullable<ResilientFetchOptions['route']>, context: CallContext): Promise<Response> {
    const target = await route(this.#request, context);
    try {
      if (context.signal.aborted) throw context.signal.reason;
      const response = await this.#send(readdress(this.#request.input, target.url), context);
      release(target, { ok: true, value: response });
      return response;
    } catch (error) {
      release(target, { ok: false, error });
      throw error;
    }
  }
}

/** The same request to another place. */
function readdress(input: unknown, url: string | URL): unknown {
  const request = asRequest(input);
  return request === undefined ? url : new (request.constructor as typeof Request)(url, request as Request);
}

/** Like a listener, it cannot change what it is told of. */
function release(target: Route, outcome: Outcome): void {
  try {
    target.release?.(outcome);
  } catch (error) {
    reportUncaught(error);
  }
}
