import { checkOptionalFunction, readOptions } from '../core/options.js';
import { clientKeyFor } from './client-key.js';
import type { Awaitable, LimiterOrLimit, RateLimitRefusal } from './options.js';
import { PROBLEM_JSON, type Problem } from './problem.js';
import { type Admission, RateLimitGate, type ResponseField } from './rate-limit-gate.js';
import { type AnyHttpOptions, checkHttpOptions, NO_HTTP_OPTIONS } from './settings.js';

export type RateLimitMiddlewareOptions<
  Req extends IncomingRequest = IncomingRequest,
  Res extends OutgoingResponse = OutgoingResponse,
> = LimiterOrLimit<[request: Req, response: Res]> & {
  /**
   * Answers a refused request in your way. Status and fields have been set by then; whatever it throws goes to `next`.
   * @defaultValue a problem document (RFC 9457) of the type `quota-exceeded`
   */
  readonly onRefused?:
    | ((refusal: RateLimitRefusal, request: Req, response: Res, next: NextFunction) => Awaitable<void>)
    | undefined;
};

/** What is needed of a request: those of node:http and node:http2, Express, Connect and Fastify's `raw` have it. */
export interface IncomingRequest {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What is needed of a response. */
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

export type NextFunction = (error?: unknown) => void;

/**
 * Limits requests in front of anything that takes `(request, response, next)`: `node:http`, Express 4 and 5, Connect,
 * Fastify with `@fastify/middie`.
 *
 * A request that is let through gets the fields that tell what is left, and `next()` is called. One too many is
 * answered with 429, `Retry-After` and a problem document, and goes no further. What a function of yours throws goes to
 * `next(error)`. However often one middleware is mounted, it counts a request once.
 *
 * By default clients are told apart by the address of their connection, IPv6 by its /56. Behind a proxy set
 * `trustProxy`, or all of them are the proxy; Express's own setting is not read. Browsers show fields to pages of other
 * origins only with `Access-Control-Expose-Headers`.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  /** Whether to call `next`. */
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
      // Somebody has begun an answer: it must not look whole, and the request must not go on.
      if (!response.writableEnded) response.destroy();
      return false;
    }
    response.statusCode = problem.status;
    if (onRefused === undefined || refusal === undefined) answer(response, problem);
    else await onRefused(refusal, request, response, next);
    return false;
  };

  return (request, response, next) => {
    // `next` stands outside: what it throws is not ours to catch, and must not make it be called a second time.
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
