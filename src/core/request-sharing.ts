/** A request that may be shared, as `resilientFetch` has captured it. */
export interface ShareableRequest {
  /** The URL of the request. A relative URL that only the fetch function can resolve has a placeholder as its origin. */
  readonly url: URL;
  /** The method, in upper case. */
  readonly method: string;
  /** The first argument of `fetch`. */
  readonly input: unknown;
  /** A plain copy of the second argument of `fetch`. */
  readonly init: { readonly [member: string]: unknown } | undefined;
  /** The headers of the first argument, if it is a `Request`. */
  readonly requestHeaders: unknown;
  /** The settings of the call, which apply to all callers that share the request. */
  readonly terms?: object | undefined;
}

/** The calls of one fetch function that share responses. */
export interface RequestSharing {
  /**
   * Returns the response for one caller: from a request in flight, or from a new one. Undefined if the request cannot be
   * shared.
   *
   * @param signal - the signal of the caller.
   * @param send - sends the request of this caller under another signal.
   */
  share(
    request: ShareableRequest,
    signal: AbortSignal | null,
    send: (signal: AbortSignal) => Promise<Response>,
  ): Promise<Response> | undefined;
}

/** Makes concurrent equal requests share one response, as `dedupe` of `breakwater/dedupe` creates it. */
export interface RequestDedupe {
  /** Returns a table of requests in flight for one fetch function. Functions do not share responses with each other. */
  start(): RequestSharing;
}
