import { outsideContext } from '../core/ambient.js';
import { bindAsyncContext } from '../core/async-context.js';
import { timersBelongToRequests } from '../core/request-life.js';
import type { RequestSharing, ShareableRequest } from '../core/request-sharing.js';
import { copyResponse } from '../core/response-copy.js';
import { FlightWaiter, SingleFlight } from '../core/single-flight.js';
import { rejectWithStreamError } from '../core/stream-errors.js';
import { keyOf, type Vary } from './request-key.js';
import { SharedBody } from './shared-body.js';

type Send = (signal: AbortSignal) => Promise<Response>;

/** A caller that waits for a response. */
class Caller extends FlightWaiter<Response> {
  /** Sends the request of this caller under the signal. */
  readonly send: Send;
  /** Runs a function in the async context of this caller. Usable once. */
  readonly #inContext: () => void;
  #task = (): void => {};

  constructor(send: Send) {
    super();
    this.send = send;
    this.#inContext = bindAsyncContext(() => this.#task());
  }

  /** Sends the request of this caller in its own async context. Usable once. */
  sendInContext(signal: AbortSignal): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#task = () => void this.send(signal).then(resolve, reject);
      this.#inContext();
    });
  }
}

type Flight = SingleFlight<Response, Caller>;

/**
 * The requests of one fetch function that wait for their response headers, by key. Later callers join a request until
 * its headers have arrived; then its callers read the same body, and the next caller sends a new request.
 */
export class SharedRequests implements RequestSharing {
  readonly #flights = new Map<string, Flight>();
  readonly #vary: Vary;
  readonly #maxBuffer: number;

  constructor(vary: Vary, maxBuffer: number) {
    this.#vary = vary;
    this.#maxBuffer = maxBuffer;
  }

  share(request: ShareableRequest, signal: AbortSignal | null, send: Send): Promise<Response> | undefined {
    // Where timers belong to requests, connections do too: another request of the worker cannot read the body.
    if (timersBelongToRequests || signal?.aborted) return undefined;
    let key: string | undefined;
    try {
      key = keyOf(request, this.#vary);
    } catch (error) {
      return Promise.reject(error);
    }
    if (key === undefined) return undefined;
    const caller = new Caller(send);
    caller.follow(signal);
    const inFlight = this.#flights.get(key);
    if (inFlight === undefined) this.#open(key, caller);
    else inFlight.join(caller);
    return caller.promise;
  }

  #open(key: string, leader: Caller): void {
    const close = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    const flight: Flight = new SingleFlight(close);
    this.#flights.set(key, flight);
    flight.join(leader);
    // The request is for all callers that join it: the end of the first one's request context must not end it.
    outsideContext(() => this.#run(flight, leader.send, close));
  }

  /** Sends a request and settles the callers that wait for it. Never rejects. */
  async #run(flight: Flight, send: Send, close: () => void): Promise<void> {
    try {
      const response = await send(flight.scope.signal);
      close();
      if (flight.isOver) response.body?.cancel().catch(() => {});
      else this.#deliver(response, flight.settle());
    } catch (error) {
      close();
      for (const caller of flight.settle()) caller.reject(error);
    }
  }

  #deliver(response: Response, callers: readonly Caller[]): void {
    const [first, ...others] = callers as [Caller, ...Caller[]];
    const copies = others.length > 0 && isForAll(response) ? this.#copiesFor(response, callers) : undefined;
    if (copies !== undefined) {
      for (const [at, caller] of callers.entries()) caller.resolve(copies[at] as Response);
      return;
    }
    first.resolve(response);
    for (const caller of others) this.#sendApart(caller);
  }

  /** Sends the request of a caller that cannot use the response it has waited for. */
  #sendApart(caller: Caller): void {
    const flight: Flight = new SingleFlight(() => {});
    flight.join(caller);
    this.#run(
      flight,
      (signal) => caller.sendInContext(signal),
      () => {},
    );
  }

  /** Returns one response for each caller; undefined if the response cannot be copied. */
  #copiesFor(response: Response, callers: readonly Caller[]): Response[] | undefined {
    try {
      if (response.body === null) return allOrNone(callers.map(() => copyResponse(response, null)));
      if (typeof response.body.getReader !== 'function') return undefined;
      const shared = new SharedBody(response, this.#maxBuffer);
      const readers = callers.map((caller) => shared.addReader((signal) => caller.sendInContext(signal)));
      const copies = allOrNone(readers.map(({ stream }) => copyResponse(response, stream)));
      if (copies !== undefined) shared.open();
      return copies?.map((copy, at) => rejectWithStreamError(copy, readers[at] as (typeof readers)[number]));
    } catch {
      return undefined;
    }
  }
}

function allOrNone(copies: (Response | undefined)[]): Response[] | undefined {
  return copies.every((copy) => copy !== undefined) ? copies : undefined;
}

/**
 * Whether a response may go to several callers. A cookie that it sets belongs to one client, and `Vary: *` says that it
 * depends on more than the request (RFC 9110, 12.5.5).
 */
function isForAll({ headers }: Response): boolean {
  return !headers.has('set-cookie') && !/(^|,)\s*\*\s*(,|$)/.test(headers.get('vary') ?? '');
}
