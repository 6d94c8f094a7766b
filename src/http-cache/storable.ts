import { type CacheDirectives, TOKEN } from '../http-fields/cache-control.js';
import { isHeuristicallyCacheable, type ResponseHead } from './freshness.js';

/** The statuses whose caching requirements this cache implements, for `must-understand` (RFC 9111, 5.2.2.3). */
const UNDERSTOOD_STATUSES = [200, 203, 204, 300, 404, 405, 410, 414, 501];

/** Partial responses, responses to conditions, and redirects, which `fetch` follows or not as each request says. */
const NEVER_STORED = [206, 304, 301, 302, 303, 307, 308];

/**
 * Whether a private cache may store the response to a GET (RFC 9111, 3). In a private cache `private`, `s-maxage` and
 * the `Authorization` header of the request do not restrict that.
 */
export function isStorable({ status, headers, directives }: ResponseHead, request: CacheDirectives): boolean {
  if (NEVER_STORED.includes(status) || isEndless(headers)) return false;
  if (request.has('no-store') || !allowsStoring(status, directives)) return false;
  if (varyNames(headers) === undefined) return false;
  const isExplicit = ['max-age', 'public', 'private'].some((name) => directives.has(name)) || headers.has('expires');
  return isExplicit || isHeuristicallyCacheable(status);
}

/**
 * Whether an origin error may be shared with the waiting callers although it must not be stored. If each caller
 * repeated its request, the load of a failing origin would only increase.
 */
export function isShareable({ status, headers, directives }: ResponseHead): boolean {
  return status >= 500 && !directives.has('no-store') && varyNames(headers) !== undefined && !isEndless(headers);
}

/** Whether the body may be an endless stream, of events or pictures. Such a body is passed on and never stored. */
function isEndless(headers: Headers): boolean {
  return /^\s*(text\/event-stream|multipart\/x-mixed-replace)\s*(;|,|$)/i.test(headers.get('content-type') ?? '');
}

function allowsStoring(status: number, directives: CacheDirectives): boolean {
  if (directives.has('must-understand') && !UNDERSTOOD_STATUSES.includes(status)) return false;
  // With `must-understand`, `no-store` is meant for caches that do not implement it (RFC 9111, 5.2.2.3).
  return !directives.has('no-store') || directives.get('must-understand') === null;
}

/**
 * Returns the request headers that `Vary` names, in lower case. Undefined if no request can match: for `*`, and for a
 * text that is not a header name.
 */
export function varyNames(headers: Headers): string[] | undefined {
  const names = (headers.get('vary') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  return names.every((name) => name !== '*' && TOKEN.test(name)) ? names : undefined;
}

/** Whether the response could ever be served: while fresh, after a revalidation, or as a stale response. */
export function isWorthStoring({ headers, directives }: ResponseHead, lifetimeMs: number): boolean {
  const isStaleAllowed = directives.has('stale-while-revalidate') || directives.has('stale-if-error');
  return lifetimeMs > 0 || headers.has('etag') || headers.has('last-modified') || isStaleAllowed;
}
