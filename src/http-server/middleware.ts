import { checkOptionalFunction, readOptions } from '../core/options.js';
import { clientKeyFor } from './client-key.js';
import type { Awaitable, LimiterOrLimit, RateLimitRefusal } from './options.js';
import { PROBLEM_JSON, type Problem } from './problem.js';
import { type Admission, RateLimitGate, type ResponseField } from './rate-limit-gate.js';
import { type AnyHttpOptions, checkHttpOptions, NO_HTTP_OPTIONS } from './settings.js';

/** The options of `rateLimitMiddleware`. */
export type RateLimitMiddlewareOptions<
  Req extends IncomingRequest = IncomingRequest,
  Res extends OutgoingResponse = OutgoingResponse,
> = LimiterOrLimit<[request: Req, response: Res]> & {
  /**
   * Answers a rejected request instead of the default response. Status and header fields are already set. If the
   * function throws, the error is passed to `next`.
   * @defaultValue a problem document (RFC 9457) of the type `quota-exceeded`
   */
  readonly onRefused?:
    | ((refusal: RateLimitRefusal, request: Req, response: Res, next: NextFunction) => Awaitable<void>)
    | undefined;
};

/** The properties of a request that are used: node:http, node:http2, Express, Connect and Fastify's `raw` have them. */
export interface IncomingRequest {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** The properties of a response that are used. */
export interface OutgoingResponse {
  statusCode: number;
  readonly headersSent: boolean;
  readonly writableEnded: boolean;
  readonly writableFinished: boolean;
  readonly destroyed: boolean;
  getHeader(name: string): number | string | readonly string[] | undefined;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
}

/** The function that passes the request on, or reports an error. */
export type NextFunction = (error?: unknown) => void;

/**
 * Creates middleware that limits requests, for any server with `(request, response, next)`: `node:http`, Express 4 and
 * 5, Connect, Fastify with `@fastify/middie`.
 *
 * If a request is allowed, the header fields with the rest of the limit are set and `next()` is called. If it is above
 * the limit, it is answered with status 429, `Retry-After` and a problem document, and `next` is not called. If a
 * function of the caller throws, the error is passed to `next(error)`. If the same middleware is mounted several times,
 * it counts a request once.
 *
 * By default the key of a client is the address of its connection, for IPv6 its /56. Behind a proxy, set `trustProxy`;
 * otherwise all clients have the key of the proxy. Express's own setting is not read. Browsers hide the header fields
 * from pages of other origins, unless the response has `Access-Control-Expose-Headers`.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * import express from 'express';
 *
 * const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 20, refill: 10, per: '1s' }));
 * const app = express();
 * app.use(rateLimitMiddleware({ limiter, trustProxy: 1 }));
 * app.get('/', (_request, response) => void response.send('hello'));
 * ```
 */
export function rateLimitMiddleware<
  Req extends IncomingRequest = IncomingRequest,
  Res extends OutgoingResponse = OutgoingResponse,
>(options: RateLimitMiddlewareOptions<Req, Res>): (request: Req, response: Res, next: NextFunction) => void {
  const owner = 'rateLimitMiddleware';
  const defaults = { ...NO_HTTP_OPTIONS, onRefused: undefined };
  const given = options as AnyHttpOptions<[Req, Res]> & Pick<typeof options, 'onRefused'>;
  const { onRefused, ...shared } = readOptions(owner, given, defaults);
  checkOptionalFunction(owner, 'onRefused', onRefused);
  const client = clientKeyFor(owner, shared);
  const gate = new RateLimitGate<[Req, Res]>(checkHttpOptions(owner, shared), ({ socket, headers }) =>
    client(socket.remoteAddress, headers['x-forwarded-for']),
  );
  const counted = new WeakSet<object>();

  /** Returns whether to call `next`. */
  const admit = async (request: Req, response: Res, next: NextFunction): Promise<boolean> => {
    if (counted.has(request)) return true;
    counted.add(request);
    const admission = await gate.admit([request, response]);
    setFields(response, admission.fields);
    const { problem, refusal } = admission;
    if (problem === undefined) {
      watchEnd(response, admission);
      return true;
    }
    if (response.headersSent) {
      // A response has already begun: destroying it shows the client that it is incomplete. The request must not pass.
      if (!response.writableEnded) response.destroy();
      return false;
    }
    response.statusCode = problem.status;
    if (onRefused === undefined || refusal === undefined) answer(response, problem);
    else await onRefused(refusal, request, response, next);
    return false;
  };

  return (request, response, next) => {
    // An error thrown by `next` must not be caught here, because it would call `next` a second time.
    admit(request, response, next).then((passes) => (passes ? next() : undefined), next);
  };
}

function setFields(response: OutgoingResponse, fields: readonly ResponseField[]): void {
  if (response.headersSent) return;
  for (const { name, value, isMember } of fields) {
    const before = isMember ? response.getHeader(name) : undefined;
    response.setHeader(name, before === undefined ? value : `${before}, ${value}`);
  }
}

function watchEnd(response: OutgoingResponse, { onEnd }: Admission): void {
  if (onEnd === undefined) return;
  const end = () => onEnd({ status: response.statusCode, completed: response.writableFinished });
  if (response.destroyed) end();
  else response.once('close', end);
}

function answer(response: OutgoingResponse, { body }: Problem): void {
  response.setHeader('content-type', PROBLEM_JSON);
  response.end(body);
}
