import { copyHeaders, readRequestInit } from '../core/request-init.js';
import { kindOfBody, sizeOfBody } from './request-body.js';

/** A request, as `key` and `route` see it. */
export interface OutgoingRequest {
  /** The URL of the request. */
  readonly url: URL;
  /** The method, in upper case. */
  readonly method: string;
  /** The first argument of `fetch`. */
  readonly input: unknown;
  /** A plain copy of the second argument of `fetch`, made at the call. */
  readonly init: RequestOptions | undefined;
}

/** The members of the second argument of `fetch` that `resilientFetch` reads. The others are passed on unchanged. */
export interface RequestOptions {
  /** The method. @defaultValue 'GET' */
  readonly method?: string | undefined;
  /** The headers: `Headers`, pairs, or a record. @defaultValue none */
  readonly headers?: unknown;
  /** The body, of any kind that `fetch` accepts. @defaultValue none */
  readonly body?: unknown;
  /** Aborts the call, and later the body. Null removes the signal of a `Request`. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
  readonly [other: string]: unknown;
}

/** A request as it was at the call: the caller may change its URL, headers and options afterwards. */
export interface CapturedRequest extends OutgoingRequest {
  /** The headers that a `Request` had at the call; undefined if the first argument is not a `Request`. */
  readonly requestHeaders: unknown;
  /** The body of a `Request` after it was read; undefined if it was not. */
  readonly requestBody?: Uint8Array | ReadableStream | undefined;
  /** The address that replaces that of the first argument; undefined if there is none. */
  readonly target?: string | undefined;
}

/** A `Request` of any implementation: the platform's, undici's, or a polyfill's. */
interface RequestLike {
  readonly url: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

/** Returns the value if it is a `Request` of any implementation. */
export function asRequest(input: unknown): RequestLike | undefined {
  if (typeof input !== 'object' || input === null) return undefined;
  const request = input as Partial<Request>;
  if (typeof request.clone !== 'function') return undefined; // an init with getters must not be read any further
  return typeof request.url === 'string' && typeof request.method === 'string' ? (input as RequestLike) : undefined;
}

/**
 * Captures a request at the time of the call. Returns undefined if there is no valid URL: `fetch` then rejects with its
 * own error.
 *
 * @param base - the base of relative URLs outside a browser.
 * @param init - a plain object made by this library, not the caller's.
 */
export function captureRequest(
  input: unknown,
  init: RequestOptions | undefined,
  base: string | undefined,
): CapturedRequest | undefined {
  try {
    const request = asRequest(input);
    const page = (globalThis as { location?: { href?: string } }).location?.href;
    const address = request?.url ?? String(input);
    const url = new URL(address, page ?? (/^[/.?#]/.test(address) ? base : undefined));
    const method = String(init?.method ?? request?.method ?? 'GET').toUpperCase();
    const own = init?.headers === undefined ? init : { ...init, headers: copyHeaders(init.headers) };
    if (request !== undefined) return { url, method, input, init: own, requestHeaders: copyHeaders(request.headers) };
    return { url, method, input: input instanceof URL ? new URL(url) : address, init: own, requestHeaders: undefined };
  } catch {
    return undefined;
  }
}

/**
 * Returns the second argument of `fetch` as a plain object. The members of a `Request` cannot be listed, so it must not
 * be passed here.
 */
export function readInit(init: unknown): RequestOptions | undefined {
  return typeof init === 'object' && init !== null ? (readRequestInit(init) as RequestOptions) : undefined;
}

/**
 * Returns the request for one attempt. `fetch` may change its URL and headers without an effect on other attempts. If
 * there is only one attempt, returns the request as it was captured.
 */
export function copyForAttempt(captured: CapturedRequest, isOnlyOne: boolean): CapturedRequest {
  const { input, init, requestHeaders, requestBody } = captured;
  const request = asRequest(input);
  const isChangeable = request !== undefined || input instanceof URL || init?.headers !== undefined;
  if ((isOnlyOne && requestBody === undefined) || !isChangeable) return captured;
  const own = init?.headers === undefined ? init : { ...init, headers: copyHeaders(init.headers) };
  if (request === undefined) return { ...captured, init: own, input: input instanceof URL ? new URL(input) : input };
  const copy = copyRequest(request, requestHeaders, requestBody);
  return copy === undefined
    ? { ...captured, init: { headers: copyHeaders(requestHeaders), ...own } }
    : { ...captured, init: own, input: copy };
}

/** Copies a `Request` and takes over its body, so that the caller can use it for something else afterwards. */
export function withInputCopied(captured: CapturedRequest): CapturedRequest {
  const request = asRequest(captured.input);
  if (request === undefined) return captured;
  const copy = copyRequest(request, captured.requestHeaders);
  return copy === undefined
    ? { ...captured, init: { headers: captured.requestHeaders, ...captured.init } }
    : { ...captured, input: copy };
}

/**
 * Returns a copy of a `Request` with the given body, or otherwise with the body of the original, which it takes over.
 * Returns undefined if only the original can be sent, because its body is not a web stream.
 */
function copyRequest(
  request: RequestLike,
  headers: unknown,
  body?: Uint8Array | ReadableStream,
): RequestLike | undefined {
  const { constructor: Make, body: own } = request as unknown as { constructor: typeof Request; body: unknown };
  if (body === undefined && kindOfBody(own) === 'stream' && !isWebStream(own)) return undefined;
  const duplex = isWebStream(body) ? { duplex: 'half' } : {};
  const init = body === undefined ? {} : { body: body as BodyInit, ...duplex };
  try {
    // The call already follows its signal. A copy that followed it too would add a listener for each attempt.
    return new Make(request as Request, { headers: headers as HeadersInit, signal: null, ...init });
  } catch {
    return undefined; // fetch rejects it with its own error
  }
}

const isWebStream = (body: unknown): body is ReadableStream =>
  typeof body === 'object' && body !== null && typeof (body as Partial<ReadableStream>).getReader === 'function';

/** Returns the same request with a record of headers. */
export function withHeaders(request: CapturedRequest, headers: Readonly<Record<string, string>>): CapturedRequest {
  return { ...request, init: { ...request.init, headers } };
}

/** Returns a `Request` without the body: `null` in the second argument of `fetch` does not remove it. */
export function withoutBody(request: RequestLike): RequestLike {
  const {
    constructor: Make,
    credentials,
    cache,
    redirect,
  } = request as unknown as Request & {
    readonly constructor: typeof Request;
  };
  const { referrer, referrerPolicy, integrity, keepalive } = request as unknown as Request;
  return new Make(request.url, { credentials, cache, redirect, referrer, referrerPolicy, integrity, keepalive });
}

/** Returns the same request with another URL. */
export function withUrl(input: unknown, url: string | URL): unknown {
  const request = asRequest(input);
  return request === undefined ? url : new (request.constructor as typeof Request)(url, request as Request);
}

/** Returns the caller's signal. An explicit null in `init` removes the signal of the `Request`. */
export function signalOf({ input, init }: OutgoingRequest): AbortSignal | null {
  return (init?.signal === undefined ? asRequest(input)?.signal : init.signal) ?? null;
}

/** Header fields that belong to the origin of a request: they are not sent to another one. */
export const FIELDS_OF_ORIGIN: readonly string[] = ['authorization', 'cookie', 'proxy-authorization', 'host'];

const IDEMPOTENT_METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];

/**
 * Whether sending the request twice has the same effect as sending it once: because of its method (RFC 9110, 9.2.2), or
 * because of an `Idempotency-Key` header, by which the server recognises the repetition.
 *
 * @example
 * ```ts
 * console.log(isIdempotent({ method: 'GET' }), isIdempotent({ method: 'POST' })); // true false
 * ```
 */
export function isIdempotent(request: { readonly method?: string | undefined; readonly headers?: unknown }): boolean {
  return (
    IDEMPOTENT_METHODS.includes((request.method ?? 'GET').toUpperCase()) ||
    hasHeader(request.headers, 'idempotency-key')
  );
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

/**
 * Whether sending a request twice at the same time changes nothing on the server: because of its method (RFC 9110,
 * 9.2.1), or because of an `Idempotency-Key` header. A PUT is idempotent but not safe: its copy may arrive after a later
 * PUT of the same client.
 */
export function isSafe({ method, input, init }: OutgoingRequest): boolean {
  return SAFE_METHODS.includes(method) || hasHeader(init?.headers ?? asRequest(input)?.headers, 'idempotency-key');
}

/**
 * How often the body of a request can be sent.
 *
 * - `again`: any number of times.
 * - `after-reading`: any number of times, after it was read. It is the body of a `Request`, which is a stream even if it
 *   was created from text.
 * - `once`: once.
 */
export type BodySending = 'again' | 'after-reading' | 'once';

/** Returns how often the body of a request can be sent. */
export function bodySending({ input, init }: OutgoingRequest, replayLimit: number): BodySending {
  const body = init?.body ?? null;
  if (body !== null) {
    const kind = kindOfBody(body);
    return kind === 'immutable' || (kind === 'mutable' && sizeOfBody(body) <= replayLimit) ? 'again' : 'once';
  }
  const own = asRequest(input)?.body ?? null;
  if (own === null) return 'again';
  const isReadable = isWebStream(own) && !own.locked && (input as Request).bodyUsed !== true;
  return isReadable && replayLimit > 0 ? 'after-reading' : 'once';
}

/**
 * Whether a header is present, in any form that `fetch` accepts. Never throws: `fetch` rejects malformed headers
 * itself.
 */
function hasHeader(headers: unknown, name: string): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  const isNamed = (key: unknown) => String(key).toLowerCase() === name;
  if (Array.isArray(headers)) return headers.some((pair) => Array.isArray(pair) && isNamed(pair[0]));
  const { has } = headers as { has?: unknown };
  if (typeof has === 'function') return has.call(headers, name) === true;
  return Object.keys(headers).some(isNamed);
}
