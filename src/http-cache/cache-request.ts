import { type CacheDemands, readDemands } from './demands.js';

/** The part of fetch's second argument that matters here; the rest is passed on untouched. */
export interface FetchInit {
  readonly method?: unknown;
  readonly headers?: unknown;
  readonly body?: unknown;
  readonly signal?: AbortSignal | null | undefined;
  readonly cache?: unknown;
  readonly integrity?: unknown;
}

/** A call of fetch over HTTP. */
export interface CacheRequest {
  readonly input: unknown;
  readonly init: FetchInit | undefined;
  /** Upper case. */
  readonly method: string;
  /** Without its fragment. */
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null;
  readonly demands: CacheDemands;
  /** Whether it is not for the cache to answer, though it is a GET. */
  readonly bypasses: boolean;
}

/** Conditions and ranges of the caller's own: the answer is about what he has, not about what is stored here. */
const CALLERS_OWN = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'];

/** Undefined for what is not HTTP, and for what fetch will refuse: it words that best by itself. */
export function readRequest(input: unknown, init: FetchInit | undefined): CacheRequest | undefined {
  try {
    const request = isRequest(input) ? input : undefined;
    const url = cacheUrl(request?.url ?? String(input));
    if (url === undefined || !/^https?:/.test(url)) return undefined;
    const headers = new Headers((init?.headers ?? request?.headers) as HeadersInit | undefined);
    const demands = readDemands(headers, init?.cache ?? request?.cache);
    const hasBody = ((init?.body === undefined ? request?.body : init.body) ?? null) !== null;
    const isChecked = Boolean(init?.integrity ?? request?.integrity);
    return {
      input,
      init,
      method: String(init?.method ?? request?.method ?? 'GET').toUpperCase(),
      url,
      headers,
      signal: (init?.signal === undefined ? request?.signal : init.signal) ?? null,
      demands,
      bypasses: demands.bypasses || hasBody || isChecked || CALLERS_OWN.some((name) => headers.has(name)),
    };
  } catch {
    return undefined;
  }
}

/** A URL as it is looked up: whole, and without its fragment. Undefined for what is none. */
export function cacheUrl(address: string | null, base?: string): string | undefined {
  const page = (globalThis as { location?: { href?: string } }).location?.href;
  try {
    const url = new URL(address ?? '', base ?? page);
    url.hash = '';
    return address === null ? undefined : url.href;
  } catch {
    return undefined;
  }
}

/** The request for the origin: on a signal of its own, with these headers besides the caller's. */
export function outgoing(
  { input, init, headers }: CacheRequest,
  signal: AbortSignal,
  extra: Record<string, string>,
): [input: unknown, init: object] {
  const changed = Object.keys(extra).length === 0 ? {} : { headers: { ...Object.fromEntries(headers), ...extra } };
  // fetch(url, request) takes everything but the URL from the Request, of which nothing could be spread.
  if (isRequest(init)) return [new (init.constructor as typeof Request)(input as string, init), { ...changed, signal }];
  return [input, { ...init, ...changed, signal }];
}

/** A `Request` of any make: the platform's, undici's, a polyfill's. */
function isRequest(value: unknown): value is Request {
  const { url, method, clone } = Object(value) as Partial<Request>;
  return typeof url === 'string' && typeof method === 'string' && typeof clone === 'function';
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export const isSafe = (method: string): boolean => SAFE_METHODS.includes(method);
