import type { FetchCall } from './fetch-call.js';
import { type RequestDirectives, readRequestDirectives } from './request-directives.js';
import { RequestIdentity, type UserRules } from './request-identity.js';

/** A call of fetch over HTTP. */
export interface CacheRequest {
  readonly call: FetchCall;
  /** Upper case. */
  readonly method: string;
  /** Without its fragment. */
  readonly url: string;
  readonly headers: Headers;
  readonly signal: AbortSignal | null;
  readonly requestDirectives: RequestDirectives;
  /** Whether it is not for the cache to answer, though it is a GET. */
  readonly bypasses: boolean;
  /** Whether it asks for an event stream: such a request shares no exchange with another one. */
  readonly isForStream: boolean;
  readonly identity: RequestIdentity;
}

/** Conditions and ranges of the caller's own: the answer is about what he has, not about what is stored here. */
const CALLERS_OWN = ['if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range', 'range'];

/** Undefined for what is not HTTP, and for what fetch will refuse: it words that best by itself. */
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

/** A URL as it is looked up: whole, and without its fragment. Undefined for what is none. */
export function cacheUrl(address: string | null, base?: string): string | undefined {
  const page = (globalThis as { location?: { href?: string } }).location?.href;
  try {
    if (address === null) return undefined;
    const { href } = new URL(address, base ?? page);
    const fragment = href.indexOf('#'); // elsewhere in a URL it is escaped; setting `hash` would parse all of it again
    return fragment < 0 ? href : href.slice(0, fragment);
  } catch {
    return undefined;
  }
}

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS', 'TRACE'];

export const isSafe = (method: string): boolean => SAFE_METHODS.includes(method);
