import type { CallContext } from '../core/call-context.js';
import type { ResilientFetchOptions, Route } from './options.js';
import { asRequest, isRepeatable, type OutgoingRequest, type RequestOptions } from './request.js';

export type AnyFetch = (input: unknown, init?: RequestOptions) => Promise<Response>;

/** The tries of one call. */
export class FetchCall {
  readonly #request: OutgoingRequest;
  readonly #fetch: AnyFetch;
  readonly #route: ResilientFetchOptions['route'];
  readonly #discard: (response: unknown) => void;
  readonly repeatable: boolean;
  /** What the last try brought. */
  #last: Response | undefined = undefined;
  #ended = false;

  constructor(
    request: OutgoingRequest,
    fetch: AnyFetch,
    route: ResilientFetchOptions['route'],
    discard: (response: unknown) => void,
  ) {
    this.#request = request;
    this.#fetch = fetch;
    this.#route = route;
    this.#discard = discard;
    this.repeatable = isRepeatable(request);
  }

  attempt(context: CallContext): Promise<Response> {
    this.#discardLast();
    return this.#route === undefined ? this.#send(this.#request.input, context) : this.#sendTo(this.#route, context);
  }

  /** Whatever policy is in use: a response that is not the answer is read by nobody. */
  end(answer: Response | undefined): void {
    this.#ended = true;
    if (this.#last !== answer) this.#discardLast();
  }

  #discardLast(): void {
    if (this.#last !== undefined) this.#discard(this.#last);
    this.#last = undefined;
  }

  async #send(input: unknown, context: CallContext): Promise<Response> {
    const { signal } = context;
    const response = await this.#fetch(input, { ...this.#request.init, signal });
    if (signal.aborted || this.#ended)
      this.#discard(response); // from a fetch that ignores signals
    else this.#last = response;
    return response;
  }

  async #sendTo(route: NonNullable<ResilientFetchOptions['route']>, context: CallContext): Promise<Response> {
    const target: Route = await route(this.#request, context);
    const original = asRequest(this.#request.input);
    const input =
      original === undefined
        ? target.url
        : new (original.constructor as typeof Request)(target.url, original as Request);
    try {
      const response = await this.#send(input, context);
      target.release?.({ ok: true, value: response });
      return response;
    } catch (error) {
      target.release?.({ ok: false, error });
      throw error;
    }
  }
}
