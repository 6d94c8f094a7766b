/// <reference lib="esnext.disposable" preserve="true" />
import { checkOptionalFunction, readOptions } from '../../core/options.js';
import { requireAmbientSlot } from '../../request-context/storage.js';
import type { DeadlineRequest } from '../deadline.js';
import type { RequestHandler } from '../handler.js';
import type { NextFunction, OutgoingResponse } from '../middleware.js';
import type { Awaitable } from '../options.js';
import { respond, toResponse } from '../rejection.js';
import { whenOver } from '../response-life.js';
import { AdmissionGate, type Rejected, Visit } from './admission-gate.js';
import { type AdmissionOptions, type AdmissionStats, checkAdmission, NO_ADMISSION_OPTIONS } from './options.js';
import { whenBodyEnds } from './response-body.js';

/** What `admissionMiddleware` and `admissionHandler` return besides the function. */
export interface AdmissionControl extends Disposable {
  /** Counters and the present load. */
  readonly stats: AdmissionStats;
  /** Stops watching the event loop. Requests are still limited by the `limit` and the deadline. */
  [Symbol.dispose](): void;
}

/** Middleware that admits requests, as `admissionMiddleware` creates it. */
export interface AdmissionMiddleware<Req extends DeadlineRequest, Res extends OutgoingResponse>
  extends AdmissionControl {
  (request: Req, response: Res, next: NextFunction): void;
}

/** A wrapper that admits requests, as `admissionHandler` creates it. */
export interface AdmissionHandler<Args extends readonly unknown[]> extends AdmissionControl {
  <More extends readonly unknown[]>(
    handler: RequestHandler<[...Args, ...More]>,
  ): (request: Request, ...args: [...Args, ...More]) => Promise<Response>;
}

/** Options of `admissionHandler`. */
export interface AdmissionHandlerOptions<Args extends readonly unknown[] = []>
  extends AdmissionOptions<[request: Request, ...args: Args]> {
  /**
   * Returns the address at the other end of the connection, for `trustedPeers`; see `rateLimitHandler`.
   * @defaultValue none: no peer is trusted
   */
  readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
}

/**
 * Creates middleware that rejects requests which an overloaded server cannot answer in time, for any server with
 * `(request, response, next)`: `node:http`, Express 4 and 5, Connect, Fastify with `@fastify/middie`. Mount it before
 * everything else that costs something.
 *
 * A request is rejected
 *
 * - with status 504 if `deadline` is set and less than the margin is left for it;
 * - with status 503 if the event loop is late, or memory is nearly full: the least important requests first, and a share
 *   that rises with the load;
 * - with status 503 if the `limit` has no permit for it.
 *
 * A 503 has a `Retry-After` with jitter; the bodies are problem documents (RFC 9457). An admitted request runs in a
 * request context with its deadline, its priority, and a signal that aborts when the client leaves (`runInContext`). Its
 * permit is held until the response has ended or the client has left. If the same middleware is mounted several times,
 * it counts a request once.
 *
 * One timer of 10 ms, which does not keep the process alive, watches the event loop until the middleware is disposed.
 *
 * @throws InvalidOptionError if an option is invalid, and TypeError if the runtime has no `AsyncLocalStorage`.
 * @example
 * ```ts
 * import express from 'express';
 *
 * const app = express();
 * app.use(
 *   admissionMiddleware<express.Request, express.Response>({
 *     limit: bulkhead({ maxConcurrent: 100, maxQueue: 100, queueTimeout: '1s' }),
 *     deadline: { margin: '50ms' },
 *     priority: ({ path }) => (path.startsWith('/checkout') ? 1 : 5),
 *     never: ({ path }) => path === '/health',
 *   }),
 * );
 * ```
 */
export function admissionMiddleware<
  Req extends DeadlineRequest = DeadlineRequest,
  Res extends OutgoingResponse = OutgoingResponse,
>(options?: AdmissionOptions<[request: Req, response: Res]>): AdmissionMiddleware<Req, Res> {
  const owner = 'admissionMiddleware';
  const own = readOptions<AdmissionOptions<[Req, Res]>>(owner, options, NO_ADMISSION_OPTIONS);
  const settings = checkAdmission(owner, own);
  requireAmbientSlot(); // fails now, and not at the first request
  const gate = new AdmissionGate(settings);
  const seen = new WeakSet<object>();

  const pass = (visit: Visit, next: NextFunction): void => visit.context.run(() => next());
  const settle = (result: Visit | Rejected, response: Res, next: NextFunction): void => {
    if (!(result instanceof Visit)) respond(response, result.rejection);
    else if (!result.isOver) pass(result, next);
  };
  const middleware = (request: Req, response: Res, next: NextFunction): void => {
    if (seen.has(request) || response.writableEnded) {
      next();
      return;
    }
    seen.add(request);
    let result: ReturnType<typeof gate.enter>;
    let visit: Visit | undefined;
    const onVisit = (begun: Visit): void => {
      visit = begun;
      whenOver(request, response, (isFinished) => begun.end(isFinished ? response.statusCode : undefined));
    };
    try {
      const args: [Req, Res] = [request, response];
      if (gate.isExempt(args)) {
        next();
        return;
      }
      const { headers, socket } = request;
      result = gate.enter({ headers, address: socket.remoteAddress, source: undefined }, args, onVisit);
    } catch (error) {
      visit?.end(undefined);
      next(error);
      return;
    }
    if (result instanceof Promise) result.then((later) => settle(later, response, next)).catch(next);
    else settle(result, response, next);
  };
  return control(middleware, gate);
}

/**
 * Creates a wrapper that admits requests in front of a handler from `Request` to `Response`: Hono, Deno, Bun, workers.
 * It does the same as `admissionMiddleware`. A permit is held until the body of the response has been read or cancelled,
 * or the signal of the request aborts; for this, the response is copied if it has a body and there is a `limit`.
 *
 * @throws InvalidOptionError if an option is invalid, and TypeError if the runtime has no `AsyncLocalStorage`.
 * @example
 * ```ts
 * const admitted = admissionHandler({
 *   limit: bulkhead({ maxConcurrent: 100 }),
 *   never: (request) => new URL(request.url).pathname === '/health',
 * });
 * export default { fetch: admitted(() => new Response('hello')) };
 * ```
 */
export function admissionHandler<Args extends readonly unknown[] = []>(
  options?: AdmissionHandlerOptions<Args>,
): AdmissionHandler<Args> {
  const owner = 'admissionHandler';
  const defaults = { ...NO_ADMISSION_OPTIONS, address: undefined };
  const { address, ...own } = readOptions<AdmissionHandlerOptions<Args>>(owner, options, defaults);
  const addressOf = checkOptionalFunction(owner, 'address', address);
  const settings = checkAdmission<[Request, ...Args]>(owner, own);
  requireAmbientSlot();
  const gate = new AdmissionGate(settings);
  const holdsPermits = settings.limit !== undefined;

  const wrap: (handler: RequestHandler<unknown[]>) => RequestHandler<unknown[]> =
    (handler) =>
    async (request, ...args) => {
      const call = [request, ...args] as unknown as [Request, ...Args];
      if (gate.isExempt(call)) return handler(request, ...args);
      const peer = gate.needsAddress ? await addressOf?.(...call) : undefined;
      const result = await gate.enter({ headers: request.headers, address: peer, source: request }, call, () => {});
      if (!(result instanceof Visit)) return toResponse(result.rejection);
      if (result.isOver) throw request.signal.reason; // the client has left the queue
      const stop = holdsPermits ? onAbort(request.signal, () => result.end(undefined)) : undefined;
      try {
        const response = await result.context.run(async () => handler(request, ...args));
        const end = (isFinished: boolean) => {
          stop?.();
          result.end(isFinished ? response.status : undefined);
        };
        return holdsPermits && request.method !== 'HEAD' ? whenBodyEnds(response, end) : ended(response, end);
      } catch (error) {
        stop?.();
        result.end(500);
        throw error;
      }
    };
  return control(wrap as unknown as AdmissionHandler<Args>, gate);
}

function ended(response: Response, end: (isFinished: boolean) => void): Response {
  end(true);
  return response;
}

function onAbort(signal: AbortSignal, listener: () => void): () => void {
  signal.addEventListener('abort', listener);
  return () => signal.removeEventListener('abort', listener);
}

/** Adds the members of `AdmissionControl` to a function. */
function control<F extends object, Args extends readonly unknown[]>(
  fn: F,
  gate: AdmissionGate<Args>,
): F & AdmissionControl {
  return Object.defineProperties(fn, {
    stats: { get: () => gate.stats },
    [Symbol.dispose]: { value: () => gate.dispose() },
  }) as F & AdmissionControl;
}
