import { type CacheDirectives, TOKEN } from '../http-fields/cache-control.js';
import { isHeuristicallyCacheable, type ResponseHead } from './freshness.js';

/** Those whose requirements for caching are met here: what `must-understand` asks (RFC 9111, 5.2.2.3). */
const UNDERSTOOD_STATUSES = [200, 203, 204, 300, 404, 405, 410, 414, 501];

/** Pieces of a response, answers to a condition, and redirects that `fetch` follows or not as each request says. */
const NEVER_STORED = [206, 304, 301, 302, 303, 307, 308];

/**
 * Whether the response to a GET may be stored by a private cache (RFC 9111, 3): `private`, `s-maxage` and an
 * `Authorization` in the request do not matter.
 */
export function isStorable({ status, headers, directives }: ResponseHead, request: CacheDirectives): boolean {
  if (NEVER_STORED.includes(status) || isEndless(headers)) return false;
  if (request.has('no-store') || !allowsStoring(status, directives)) return false;
  if (varyNames(headers) === undefined) return false;
  const isExplicit = ['max-age', 'public', 'private'].some((name) => directives.has(name)) || headers.has('expires');
  return isExplicit || isHeuristicallyCacheable(status);
}

/**
 * Whether an error of the origin may be given to those who wait for it as well, though it is not to be stored: each of
 * them asking a failing origin by himself would not help it up.
 */
export function isShareable({ status, headers, directives }: ResponseHead): boolean {
  return status >= 500 && !directives.has('no-store') && varyNames(headers) !== undefined && !isEndless(headers);
}

/** Whether the body is a stream of events or pictures that need not end: it is passed on, and never kept. */
function isEndless(headers: Headers): boolean {
  return /^\s*(text\/event-stream|multipart\/x-mixed-replace)\s*(;|,|$)/i.test(headers.get('content-type') ?? '');
}

function allowsStoring(status: number, directives: CacheDirectives): boolean {
  if (directives.has('must-understand') && !UNDERSTOOD_STATUSES.includes(status)) return false;
  // Where it is understood, no-store is meant for caches that do not know must-understand.
  return !directives.has('no-store') || directives.get('must-understand') === null;
}

/**
 * The request headers that `Vary` names, in lower case. Undefined if no request ever matches: for `*`, and for what cannot
 * be the name of a header.
 */
export function varyNames(headers: Headers): string[] | undefined {
  const names = (headers.get('vary') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  return names.every((name) => name !== '*' && TOKEN.test(name)) ? names : undefined;
}

/** Whether it could ever answer a request: now, after asking the origin, or when there is nothing better. */
export function isWorthStoring({ headers, directives }: ResponseHead, lifetimeMs: number): boolean {
  const isStaleAllowed = directives.has('stale-while-revalidate') || directives.has('stale-if-error');
  return lifetimeMs > 0 || headers.has('etag') || headers.has('last-modified') || isStaleAllowed;
}
