import { InvalidOptionError } from '../core/errors.js';
import { checkOptionalFunction, readOptions } from '../core/options.js';
import { clientKeyFor } from './client-key.js';
import type { Awaitable, LimiterOrLimit, RateLimitRefusal } from './options.js';
import { PROBLEM_JSON, type Problem } from './problem.js';
import { RateLimitGate, type ResponseField } from './rate-limit-gate.js';
import { type AnyHttpOptions, checkHttpOptions, NO_HTTP_OPTIONS } from './settings.js';

export type RateLimitHandlerOptions<Args extends readonly unknown[] = []> = LimiterOrLimit<
  [request: Request, ...args: Args]
> & {
  /**
   * The address at the other end of the connection, which a `Request` does not know. Needed unless there is a `key`.
   *
   * - Hono on Node: `(_request, { incoming }: HttpBindings | Http2Bindings) => incoming.socket.remoteAddress`
   * - Deno: `(_request, { remoteAddr }: Deno.ServeHandlerInfo<Deno.NetAddr>) => remoteAddr.hostname`
   * - Bun: `(request, server: Server) => server.requestIP(request)?.address`
   * - Cloudflare: `(request) => request.headers.get('cf-connecting-ip')`, which nobody else can set there
   */
  readonly address?: ((request: Request, ...args: Args) => Awaitable<string | null | undefined>) | undefined;
  /**
   * Answers a refused request in your way; status and fields are yours to choose, `Retry-After` and those of the limit
   * are added. Whatever it throws rejects.
   * @defaultValue a problem document (RFC 9457) of the type `quota-exceeded`
   */
  readonly onRefused?:
    | ((refusal: RateLimitRefusal, request: Request, ...args: Args) => Awaitable<Response>)
    | undefined;
};

/** A function from `Request` to `Response`, with what the platform gives it besides. */
export type RequestHandler<Args extends readonly unknown[]> = (request: Request, ...args: Args) => Awaitable<Response>;

/**
 * Limits requests in front of anything that makes a `Response` of a `Request`: Hono, workers, Deno, Bun. Needs nothing
 * of Node.
 *
 * It wraps a handler. A request that is let through reaches it, and its response gets the fields that tell what is
 * left; one that is immutable is copied. One too many is answered with 429, `Retry-After` and a problem document. What
 * a function of yours throws rejects.
 *
 * @throws InvalidOptionError for options that cannot work.
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

/** The response itself where its headers can be changed, else a copy. */
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
 * From `fetch`, `Response.redirect` or `Response.error`. What cannot be copied either, such as an upgrade, stays as it
 * is.
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
