import { type CacheDirectives, secondsOf } from '../http-fields/cache-control.js';
import { acceptedStaleness, type RequestDirectives } from './request-directives.js';

/** The parts of a stored response that decide whether it may be served. */
export interface ServableResponse {
  readonly directives: CacheDirectives;
  readonly lifetimeMs: number;
}

/**
 * How a stored response may be served.
 *
 * - `fresh`: it is fresh.
 * - `stale`: it is stale, and the request or the response allows that.
 * - `refresh`: it is stale, and is served while it is revalidated in the background.
 * - `stale-first`: it is stale and must be revalidated first.
 * - `request-first`: it is fresh, but the request requires a revalidation first.
 */
export type CacheDecision = 'fresh' | 'stale' | 'refresh' | 'stale-first' | 'request-first';

/** Decides how a stored response of this age may serve a request (RFC 9111, 4; RFC 5861, 3; RFC 8246). */
export function cacheDecisionOf(stored: ServableResponse, ageMs: number, directives: RequestDirectives): CacheDecision {
  const stalenessMs = ageMs - stored.lifetimeMs;
  const isFresh = stalenessMs < 0;
  if (directives.anyAge) return isFresh ? 'fresh' : 'stale';
  if (stored.directives.has('no-cache')) return 'stale-first';
  if (directives.fromOrigin) return isFresh ? 'request-first' : 'stale-first';
  if (!isYoungEnough(stored, ageMs, isFresh, directives.directives)) return isFresh ? 'request-first' : 'stale-first';
  if (isFresh) return 'fresh';
  if (stored.directives.has('must-revalidate')) return 'stale-first';
  if (directives.directives.has('max-stale') && stalenessMs <= acceptedStaleness(directives.directives)) return 'stale';
  const refreshMs = (secondsOf(stored.directives, 'stale-while-revalidate') ?? 0) * 1000;
  // A request that limits the age or requires remaining freshness does not accept a stale response (RFC 9111, 5.2.1.1).
  const wantsFresh = directives.directives.has('max-age') || directives.directives.has('min-fresh');
  const acceptsStale = directives.onMiss === 'forward' && !wantsFresh;
  return acceptsStale && stalenessMs < refreshMs ? 'refresh' : 'stale-first';
}

/** Whether the response satisfies the request's `max-age` (largest age) and `min-fresh` (least remaining freshness). */
function isYoungEnough(
  { directives, lifetimeMs }: ServableResponse,
  ageMs: number,
  isFresh: boolean,
  wanted: CacheDirectives,
): boolean {
  const maxAge = secondsOf(wanted, 'max-age');
  // A browser reload sends max-age=0, which does not apply to a fresh immutable response (RFC 8246).
  const isImmutable = isFresh && directives.get('immutable') === null;
  if (maxAge !== undefined && !isImmutable && ageMs > maxAge * 1000) return false;
  const minFresh = secondsOf(wanted, 'min-fresh');
  return minFresh === undefined || lifetimeMs - ageMs >= minFresh * 1000;
}

/**
 * Whether the stored response may be served if the origin fails (RFC 5861, 4): the response or the request must have
 * `stale-if-error`, and neither may require a revalidation.
 */
export function mayServeIfError(stored: ServableResponse, ageMs: number, request: RequestDirectives): boolean {
  const { directives } = stored;
  if (request.fromOrigin || directives.has('no-cache')) return false;
  const stalenessMs = ageMs - stored.lifetimeMs;
  if (directives.has('must-revalidate') && stalenessMs >= 0) return false;
  const allowed = [directives, request.directives].map((each) => secondsOf(each, 'stale-if-error') ?? -1);
  return stalenessMs <= Math.max(...allowed) * 1000 && Math.max(...allowed) >= 0;
}

/** Whether a status counts as an error for `stale-if-error`. */
export const isOriginError = (status: number): boolean => [500, 502, 503, 504].includes(status);
