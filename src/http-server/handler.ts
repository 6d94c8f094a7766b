import { InvalidOptionError } from '../core/errors.js';
import { checkOptionalFunction, readOptions } from '../core/options.js';
import { clientKeyFor } from './client-key.js';
import type { Awaitable, LimiterOrLimit, RateLimitRefusal } from './options.js';
import { PROBLEM_JSON, type Problem } from './problem.js';
import { RateLimitGate, type ResponseField } from './rate-limit-gate.js';
import { type AnyHttpOptions, checkHttpOptions, NO_HTTP_OPTIONS } from './settings.js';

/** The options of `rateLimitHandler`. */
export type RateLimitHandlerOptions<Args extends readonly unknown[] = []> = LimiterOrLimit<
  [request: Request, ...args: Args]
> & {
  /**
   * Returns the address at the other end of the connection, which a `Request` does not contain. Required without a
   * `key`.
   *
   * - Hono on Node: `(_request, { incoming }: HttpBindings | Http2Bindings) => incoming.socket.remoteAddress`
   * - Deno: `(_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname`
   * - Bun: `(request, server: Server) => server.requestIP(request)?.address`
   * - Cloudflare: `(request) => request.headers.get('cf-connecting-ip')`, a header that clients cannot set there
   */
  readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
  /**
   * Returns the response to a rejected request instead of the default one. The function chooses status and header
   * fields; `Retry-After` and the rate limit fields are added. If it throws, the handler rejects with the error.
   * @defaultValue a problem document (RFC 9457) of the type `quota-exceeded`
   */
  readonly onRefused?:
    | ((refusal: RateLimitRefusal, request: Request, ...args: Args) => Awaitable<Response>)
    | undefined;
};

/** A function from `Request` to `Response`, with the additional arguments of the platform. */
export type RequestHandler<Args extends readonly unknown[]> = (request: Request, ...args: Args) => Awaitable<Response>;

/**
 * Creates a wrapper that limits requests in front of a handler from `Request` to `Response`: Hono, workers, Deno, Bun.
 * It uses no Node API.
 *
 * If a request is allowed, the handler is called and its response gets the header fields with the rest of the limit; an
 * immutable response is copied. If a request is above the limit, it is answered with status 429, `Retry-After` and a
 * problem document. If a function of the caller throws, the wrapped handler rejects with the error.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 20, refill: 10, per: '1s' }));
 * const limited = rateLimitHandler({ limiter, address: (request) => request.headers.get('cf-connecting-ip') });
 * export default { fetch: limited(() => new Response('hello')) };
 * ```
 */
export function rateLimitHandler<Args extends readonly unknown[] = []>(
  options: RateLimitHandlerOptions<Args>,
): <More extends readonly unknown[]>(
  handler: RequestHandler<[...Args, ...More]>,
) => (request: Request, ...args: [...Args, ...More]) => Promise<Response> {
  const owner = 'rateLimitHandler';
  const defaults = { ...NO_HTTP_OPTIONS, address: undefined, onRefused: undefined };
  const given = options as AnyHttpOptions<[Request, ...Args]> & Pick<typeof options, 'address' | 'onRefused'>;
  const { address, onRefused, ...shared } = readOptions(owner, given, defaults);
  checkOptionalFunction(owner, 'onRefused', onRefused);
  const addressOf = checkAddress(owner, address, shared.key);
  const client = clientKeyFor(owner, shared);
  const gate = new RateLimitGate<[Request, ...Args]>(checkHttpOptions(owner, shared), async (request, ...args) => {
    const forwardedFor = request.headers.get('x-forwarded-for');
    return client((await addressOf(request, ...args)) ?? undefined, forwardedFor);
  });

  return (handler) =>
    async (request, ...args) => {
      const call = [request, ...args] as unknown as [Request, ...Args];
      const { fields, problem, refusal, onEnd } = await gate.admit(call);
      if (problem !== undefined) {
        const isOwn = onRefused !== undefined && refusal !== undefined;
        return withFields(isOwn ? await onRefused(refusal, ...call) : problemResponse(problem), fields);
      }
      let response: Response;
      try {
        response = await handler(request, ...args);
      } catch (error) {
        onEnd?.({ status: 500, completed: false });
        throw error;
      }
      onEnd?.({ status: response.status, completed: true });
      return withFields(response, fields);
    };
}

function problemResponse({ status, body }: Problem): Response {
  return new Response(body, { status, headers: { 'content-type': PROBLEM_JSON } });
}

function checkAddress<A>(owner: string, address: A | undefined, key: unknown): A {
  if (address !== undefined && key !== undefined) {
    throw new InvalidOptionError(owner, 'address', 'has no effect beside "key"', address);
  }
  if (typeof address === 'function' || (address === undefined && key !== undefined)) return address as A;
  throw new InvalidOptionError(owner, 'address', 'must be a function, unless there is a "key"', address);
}

/** Adds the fields to the response itself if its headers are mutable, otherwise to a copy. */
function withFields(response: Response, fields: readonly ResponseField[]): Response {
  if (fields.length === 0) return response;
  try {
    addFields(response.headers, fields);
    return response;
  } catch {
    return copyWithFields(response, fields);
  }
}

/**
 * Copies a response with immutable headers, from `fetch`, `Response.redirect` or `Response.error`. If the response
 * cannot be copied, such as an upgrade, it is returned unchanged.
 */
function copyWithFields(response: Response, fields: readonly ResponseField[]): Response {
  try {
    const copy = new Response(response.body, response);
    addFields(copy.headers, fields);
    return copy;
  } catch {
    return response;
  }
}

function addFields(headers: Headers, fields: readonly ResponseField[]): void {
  for (const { name, value, isMember } of fields) {
    if (isMember) headers.append(name, value);
    else headers.set(name, value);
  }
}
