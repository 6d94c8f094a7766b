import { DeadlineExceededError } from '../core/errors.js';
import { checkOptionalFunction, readOptions } from '../core/options.js';
import { OpenContext } from '../request-context/open-context.js';
import { requireAmbientSlot } from '../request-context/storage.js';
import type { RequestHandler } from './handler.js';
import type { IncomingRequest, NextFunction, OutgoingResponse } from './middleware.js';
import type { Awaitable } from './options.js';
import { toProblem } from './problem.js';
import { respond, toResponse } from './rejection.js';
import { reportListener } from './report-listener.js';
import { NO_TERMS_OPTIONS, RequestTerms, type RequestTermsOptions } from './request-terms.js';
import { type ConnectedRequest, whenOver } from './response-life.js';

/** Options that `deadlineMiddleware` and `deadlineHandler` share. */
export interface DeadlineHttpOptions<Args extends readonly unknown[]> extends RequestTermsOptions<Args> {
  /** The listeners to notify about rejections. @defaultValue none */
  readonly on?: DeadlineHttpListeners<Args[0]> | undefined;
}

/** Listeners of `deadlineMiddleware` and `deadlineHandler`. */
export interface DeadlineHttpListeners<Req> {
  /** Called for a request that was rejected, because its deadline has passed or is nearer than the margin. */
  readonly reject?: ((event: { readonly remainingMs: number; readonly request: Req }) => void) | undefined;
}

/** Options of `deadlineHandler`. */
export interface DeadlineHandlerOptions<Args extends readonly unknown[] = []>
  extends DeadlineHttpOptions<[request: Request, ...args: Args]> {
  /**
   * Returns the address at the other end of the connection, for `trustedPeers`; see `rateLimitHandler`.
   * @defaultValue none: no peer is trusted
   */
  readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
}

/** A request with the properties that deadlines need. */
export type DeadlineRequest = IncomingRequest & ConnectedRequest;

/**
 * Creates middleware that runs the rest of the request in a request context, for any server with
 * `(request, response, next)`: `node:http`, Express 4 and 5, Connect, Fastify with `@fastify/middie`.
 *
 * The context has the deadline from the header field of the request, its priority, and a signal that aborts when the
 * client disconnects. Every policy and every `resilientFetch` that handles the request is bound by it; see
 * `runInContext`. A request whose deadline has passed on arrival, or is nearer than `margin`, is answered with status
 * 504, and `next` is not called.
 *
 * @throws InvalidOptionError if an option is invalid, and TypeError if the runtime has no `AsyncLocalStorage`.
 * @example
 * ```ts
 * import express from 'express';
 *
 * const fetch = resilientFetch({ propagateDeadline: deadlineHeader({ margin: '10ms' }) });
 * const app = express();
 * app.use(deadlineMiddleware({ margin: '50ms' }));
 * app.get('/', async (_request, response) => {
 *   const prices = await fetch('https://example.com/prices'); // ends with the request
 *   response.json(await prices.json());
 * });
 * ```
 */
export function deadlineMiddleware<
  Req extends DeadlineRequest = DeadlineRequest,
  Res extends OutgoingResponse = OutgoingResponse,
>(
  options?: DeadlineHttpOptions<[request: Req, response: Res]>,
): (request: Req, response: Res, next: NextFunction) => void {
  const gate = new DeadlineGate<[Req, Res]>('deadlineMiddleware', options);
  return (request, response, next) => {
    let entry: DeadlineEntry;
    try {
      entry = gate.enter(request.headers, request.socket.remoteAddress, [request, response], undefined);
    } catch (error) {
      next(error);
      return;
    }
    if (entry instanceof DeadlineExceededError) {
      respond(response, toProblem(entry));
      return;
    }
    const context = entry;
    context.begin();
    whenOver(request, response, (isFinished) => endContext(context, isFinished));
    context.run(() => next());
  };
}

/**
 * Creates a wrapper that runs a handler from `Request` to `Response` in a request context: Hono, Deno, Bun, workers. It
 * does the same as `deadlineMiddleware`; the signal of the context is that of the request.
 *
 * @throws InvalidOptionError if an option is invalid, and TypeError if the runtime has no `AsyncLocalStorage`.
 * @example
 * ```ts
 * const fetch = resilientFetch({ propagateDeadline: deadlineHeader() });
 * const bounded = deadlineHandler({ margin: '50ms' });
 * export default { fetch: bounded(() => fetch('https://example.com/prices')) };
 * ```
 */
export function deadlineHandler<Args extends readonly unknown[] = []>(
  options?: DeadlineHandlerOptions<Args>,
): <More extends readonly unknown[]>(
  handler: RequestHandler<[...Args, ...More]>,
) => (request: Request, ...args: [...Args, ...More]) => Promise<Response> {
  const owner = 'deadlineHandler';
  const defaults = { ...NO_TERMS_OPTIONS, on: undefined, address: undefined };
  const { address, ...shared } = readOptions<DeadlineHandlerOptions<Args>>(owner, options, defaults);
  const addressOf = checkOptionalFunction(owner, 'address', address);
  const gate = new DeadlineGate<[Request, ...Args]>(owner, shared);
  return (handler) =>
    async (request, ...args) => {
      const call = [request, ...args] as unknown as [Request, ...Args];
      const peer = gate.needsAddress ? await addressOf?.(...call) : undefined;
      const entry = gate.enter(request.headers, peer, call, request);
      if (entry instanceof DeadlineExceededError) return toResponse(toProblem(entry));
      return entry.runUntilDone(async () => handler(request, ...args));
    };
}

/** The context of a request that may start, or the error of one that may not. */
type DeadlineEntry = OpenContext | DeadlineExceededError;

/** The part that the middleware and the handler share. */
class DeadlineGate<Args extends readonly unknown[]> {
  readonly #owner: string;
  readonly #terms: RequestTerms<Args>;
  readonly #on: DeadlineHttpListeners<Args[0]>;

  constructor(owner: string, options: DeadlineHttpOptions<Args> | undefined) {
    const { on, ...terms } = readOptions<DeadlineHttpOptions<Args>>(owner, options, {
      ...NO_TERMS_OPTIONS,
      on: undefined,
    });
    this.#owner = owner;
    this.#on = readOptions<DeadlineHttpListeners<Args[0]>>(owner, on, { reject: undefined }, 'on');
    checkOptionalFunction(owner, 'on.reject', this.#on.reject);
    this.#terms = new RequestTerms(owner, terms);
    requireAmbientSlot(); // fails now, and not at the first request
  }

  get needsAddress(): boolean {
    return this.#terms.needsAddress;
  }

  enter(
    headers: Parameters<RequestTerms<Args>['deadlineOf']>[0],
    address: string | null | undefined,
    args: Args,
    source: { readonly signal: AbortSignal } | undefined,
  ): DeadlineEntry {
    const terms = this.#terms;
    const isTrusted = terms.trusts(address);
    const deadlineMs = terms.deadlineOf(headers, isTrusted);
    if (isTooLate(deadlineMs, terms.marginMs)) {
      reportListener(this.#on.reject, { remainingMs: deadlineMs, request: args[0] });
      return new DeadlineExceededError({ policy: this.#owner, remainingMs: deadlineMs });
    }
    const priority = terms.priorityOf(headers, isTrusted, args);
    return new OpenContext({ deadlineMs, priority, source, clock: terms.clock });
  }
}

/** Whether a request with this much time left is not worth starting. */
export function isTooLate(remainingMs: number, marginMs: number): boolean {
  return remainingMs <= 0 || remainingMs < marginMs;
}

/** Ends the context of a request; aborts its calls if the client has left before the response was finished. */
export function endContext(context: OpenContext, isFinished: boolean): void {
  if (!isFinished) context.abort(new DOMException('The client has disconnected', 'AbortError'));
  context.end();
}
