import { copyHeaders, readRequestInit } from '../core/request-init.js';
import { kindOfBody, sizeOfBody } from './request-body.js';

/** What identifies a request to `key` and `route`. */
export interface OutgoingRequest {
  readonly url: URL;
  /** The method, in upper case. */
  readonly method: string;
  /** The first argument of `fetch`. */
  readonly input: unknown;
  /** A plain copy of the second argument of `fetch`, made at the call. */
  readonly init: RequestOptions | undefined;
}

/** The part of fetch's second argument that matters here; the rest is passed on untouched. */
export interface RequestOptions {
  readonly method?: string | undefined;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
  readonly [other: string]: unknown;
}

/** A request as it was at the call: the caller may change its URL, headers and options afterwards. */
export interface CapturedRequest extends OutgoingRequest {
  /** The headers that a `Request` had at the call; undefined if the first argument is none. */
  readonly requestHeaders: unknown;
}

/** A `Request` of any make: the platform's, undici's, a polyfill's. */
interface RequestLike {
  readonly url: string;
  readonly method: string;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null;
}

export function asRequest(input: unknown): RequestLike | undefined {
  if (typeof input !== 'object' || input === null) return undefined;
  const request = input as Partial<Request>;
  if (typeof request.clone !== 'function') return undefined; // an init with getters is not read any further
  return typeof request.url === 'string' && typeof request.method === 'string' ? (input as RequestLike) : undefined;
}

/**
 * Captures a request at the moment of the call. Undefined if there is no URL to send it to, for which `fetch` has the
 * best error.
 *
 * @param base - what relative URLs are relative to, outside of a browser.
 * @param init - a plain object of our own, not the caller's.
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

/** Returns fetch's second argument as a plain object. Of a `Request` nothing could be read by name. */
export function readInit(init: unknown): RequestOptions | undefined {
  return typeof init === 'object' && init !== null ? (readRequestInit(init) as RequestOptions) : undefined;
}

/**
 * Returns the request for one attempt, whose URL and headers `fetch` may change without effect on other attempts. The only
 * attempt of a request goes out as it was captured.
 */
export function copyForAttempt(captured: CapturedRequest, isOnlyOne: boolean): CapturedRequest {
  const { input, init, requestHeaders } = captured;
  const request = asRequest(input);
  const isChangeable = request !== undefined || input instanceof URL || init?.headers !== undefined;
  if (isOnlyOne || !isChangeable) return captured;
  const own = init?.headers === undefined ? init : { ...init, headers: copyHeaders(init.headers) };
  if (request === undefined) return { ...captured, init: own, input: input instanceof URL ? new URL(input) : input };
  const copy = copyRequest(request, requestHeaders);
  return copy === undefined
    ? { ...captured, init: { headers: copyHeaders(requestHeaders), ...own } }
    : { ...captured, init: own, input: copy };
}

/** Takes over a `Request` and its body, before the caller can use it for something else. */
export function withInputCopied(captured: CapturedRequest): CapturedRequest {
  const request = asRequest(captured.input);
  if (request === undefined) return captured;
  const copy = copyRequest(request, captured.requestHeaders);
  return copy === undefined
    ? { ...captured, init: { headers: captured.requestHeaders, ...captured.init } }
    : { ...captured, input: copy };
}

/** Returns a copy that takes over the body. Undefined where only the original can be sent: its body is no web stream. */
function copyRequest(request: RequestLike, headers: unknown): RequestLike | undefined {
  const { constructor: Make, body } = request as unknown as { constructor: typeof Request; body: unknown };
  if (kindOfBody(body) === 'stream' && typeof (body as ReadableStream).getReader !== 'function') return undefined;
  try {
    // Its signal is followed by the call already; a copy that follows it too would add a listener for each attempt.
    return new Make(request as Request, { headers: headers as HeadersInit, signal: null });
  } catch {
    return undefined; // fetch rejects it in its own words
  }
}

/** Returns the same request to another place. */
export function readdress(input: unknown, url: string | URL): unknown {
  const request = asRequest(input);
  return request === undefined ? url : new (request.constructor as typeof Request)(url, request as Request);
}

/** The caller's signal: an explicit null in `init` takes that of the `Request` away. */
export function signalOf({ input, init }: OutgoingRequest): AbortSignal | null {
  return (init?.signal === undefined ? asRequest(input)?.signal : init.signal) ?? null;
}

const IDEMPOTENT_METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];

/**
 * Whether sending the request twice does no more than sending it once: by its method (RFC 9110, 9.2.2), or because an
 * `Idempotency-Key` header lets the server tell.
 */
export function isIdempotent(request: { readonly method?: string | undefined; readonly headers?: unknown }): boolean {
  return (
    IDEMPOTENT_METHODS.includes((request.method ?? 'GET').toUpperCase()) ||
    hasHeader(request.headers, 'idempotency-key')
  );
}

/** Whether the request may be sent again: it does no more than once, and its body can be sent again. */
export function isRepeatable({ method, input, init }: OutgoingRequest, replayLimit: number): boolean {
  const request = asRequest(input);
  if (!isIdempotent({ method, headers: init?.headers ?? request?.headers })) return false;
  const body = init?.body ?? null;
  if (body === null) return (request?.body ?? null) === null; // the body of a Request is a stream, whatever it was made of
  const kind = kindOfBody(body);
  return kind === 'immutable' || (kind === 'mutable' && sizeOfBody(body) <= replayLimit);
}

/** Headers in any of the shapes that fetch takes. Never throws: fetch judges what is malformed. */
function hasHeader(headers: unknown, name: string): boolean {
  if (typeof headers !== 'object' || headers === null) return false;
  const isNamed = (key: unknown) => String(key).toLowerCase() === name;
  if (Array.isArray(headers)) return headers.some((pair) => Array.isArray(pair) && isNamed(pair[0]));
  const { has } = headers as { has?: unknown };
  if (typeof has === 'function') return has.call(headers, name) === true;
  return Object.keys(headers).some(isNamed);
}
