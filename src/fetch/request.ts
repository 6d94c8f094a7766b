/** What identifies a request to `key` and `route`. */
export interface OutgoingRequest {
  readonly url: URL;
  /** Upper case. */
  readonly method: string;
  /** What `fetch` was called with. */
  readonly input: unknown;
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
  const { url, method, clone } = input as Partial<Request>;
  const isRequest = typeof url === 'string' && typeof method === 'string' && typeof clone === 'function';
  return isRequest ? (input as RequestLike) : undefined;
}

/** What is about to be sent, or undefined when there is no telling where to: fetch words that error best by itself. */
export function describeRequest(
  input: unknown,
  init: RequestOptions | undefined,
  base: string | undefined,
): OutgoingRequest | undefined {
  try {
    // fetch(url, request) takes everything but the URL from the Request.
    const other = asRequest(init);
    if (other !== undefined) {
      const whole = new (other.constructor as typeof Request)(input as string, other as Request);
      return describeRequest(whole, undefined, base);
    }
    const request = asRequest(input);
    const page = (globalThis as { location?: { href?: string } }).location?.href;
    const address = request?.url ?? String(input);
    const url = new URL(address, page ?? (/^[/.?#]/.test(address) ? base : undefined));
    return { url, method: String(init?.method ?? request?.method ?? 'GET').toUpperCase(), input, init };
  } catch {
    return undefined;
  }
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

/** Whether the request may be sent again: it does no more, and its body is still there. */
export function isRepeatable({ method, input, init }: OutgoingRequest): boolean {
  const request = asRequest(input);
  const headers = init?.headers ?? request?.headers;
  if (!isIdempotent({ method, headers })) return false;
  // The body of a Request is a stream, whatever it was made from.
  return init?.body === undefined || init.body === null ? (request?.body ?? null) === null : isReplayable(init.body);
}

const REPLAYABLE = ['ArrayBuffer', 'SharedArrayBuffer', 'Blob', 'File', 'FormData', 'URLSearchParams'];

function isReplayable(body: unknown): boolean {
  if (typeof body === 'string' || ArrayBuffer.isView(body)) return true;
  const { pipe, getReader } = Object(body) as { pipe?: unknown; getReader?: unknown };
  if (typeof pipe === 'function' || typeof getReader === 'function') return false; // a stream by any other name
  return REPLAYABLE.includes(Object.prototype.toString.call(body).slice(8, -1));
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
