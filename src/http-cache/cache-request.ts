import type { FetchCall } from './fetch-call.js';
import { type RequestDirectives, readRequestDirectives } from './request-directives.js';
import { RequestIdentity, type UserRules } from './request-identity.js';

/** A call of `fetch` over HTTP, as the cache reads it. */
export interface CacheRequest {
  readonly call: FetchCall;
  /** The method in upper case. */
  readonly method: string;
  /** The URL without its fragment. */
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null;
  readonly requestDirectives: RequestDirectives;
  /** Whether the request bypasses the cache although it is a GET. */
  readonly bypasses: boolean;
  /** Whether the request accepts an event stream. Such a request never shares a request to the origin. */
  readonly isForStream: boolean;
  readonly identity: RequestIdentity;
}

/** Conditions and ranges of the caller: the response is about the caller's copy, not about the stored one. */
const CALLERS_OWN = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'];

/** Returns undefined for a URL that is not HTTP, and for arguments that `fetch` will reject with its own error. */
export function readRequest(call: FetchCall, rules: UserRules): CacheRequest | undefined {
  const { request, init } = call;
  try {
    const url = cacheUrl(call.address);
    if (url === undefined || !/^https?:/.test(url)) return undefined;
    const given = (init?.headers ?? request?.headers) as HeadersInit | undefined;
    const headers = new Headers(given);
    const has = (name: string) => given !== undefined && headers.has(name);
    const requestDirectives = readRequestDirectives(headers, init?.cache ?? request?.cache);
    const hasBody = ((init?.body === undefined ? request?.body : init.body) ?? null) !== null;
    const isChecked = Boolean(init?.integrity ?? request?.integrity);
    const signal = init?.signal === undefined ? request?.signal : init.signal;
    return {
      call,
      method: String(init?.method ?? request?.method ?? 'GET').toUpperCase(),
      url,
      headers,
      signal: (signal ?? null) as AbortSignal | null,
      requestDirectives,
      bypasses: requestDirectives.bypasses || hasBody || isChecked || CALLERS_OWN.some(has),
      isForStream: has('accept') && headers.get('accept')?.toLowerCase().includes('text/event-stream') === true,
      identity: new RequestIdentity(call, url, headers, rules),
    };
  } catch {
    return undefined;
  }
}

/** Returns a URL as a key of the cache: absolute and without its fragment. Undefined for an invalid URL. */
export function cacheUrl(address: string | null, base?: string): string | undefined {
  const page = (globalThis as { location?: { href?: string } }).location?.href;
  try {
    if (address === null) return undefined;
    const { href } = new URL(address, base ?? page);
    const fragment = href.indexOf('#'); // other `#` in a URL are escaped; setting `hash` would parse the URL again
    return fragment < 0 ? href : href.slice(0, fragment);
  } catch {
    return undefined;
  }
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export const isSafe = (method: string): boolean => SAFE_METHODS.includes(method);
