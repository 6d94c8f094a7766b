import { type CacheDirectives, secondsOf } from '../http-fields/cache-control.js';
import { acceptedStaleness, type RequestDirectives } from './request-directives.js';

/** What of a stored response decides whether it may be served. */
export interface ServableResponse {
  readonly directives: CacheDirectives;
  readonly lifetimeMs: number;
}

/**
 * - `fresh`: as it is.
 * - `stale`: as it is, since the request or the response allows it.
 * - `refresh`: likewise, while the origin is asked in the background.
 * - `stale-first`: not before the origin has confirmed it.
 * - `request-first`: likewise, though it is fresh, since the request wants it so.
 */
export type CacheDecision = 'fresh' | 'stale' | 'refresh' | 'stale-first' | 'request-first';

/** How a stored response of this age may answer a request (RFC 9111, 4; RFC 5861, 3; RFC 8246). */
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
  // Who says how old it may be, or how fresh it must be, does not want it stale (RFC 9111, 5.2.1.1).
  const wantsFresh = directives.directives.has('max-age') || directives.directives.has('min-fresh');
  const isWelcome = directives.onMiss === 'forward' && !wantsFresh;
  return isWelcome && stalenessMs < refreshMs ? 'refresh' : 'stale-first';
}

/** What the request wants of the age: `max-age`, and what is to be left of the lifetime: `min-fresh`. */
function isYoungEnough(
  { directives, lifetimeMs }: ServableResponse,
  ageMs: number,
  isFresh: boolean,
  wanted: CacheDirectives,
): boolean {
  const maxAge = secondsOf(wanted, 'max-age');
  // A reload sends max-age=0, and what is immutable does not change by that as long as it is fresh (RFC 8246).
  const isImmutable = isFresh && directives.get('immutable') === null;
  if (maxAge !== undefined && !isImmutable && ageMs > maxAge * 1000) return false;
  const minFresh = secondsOf(wanted, 'min-fresh');
  return minFresh === undefined || lifetimeMs - ageMs >= minFresh * 1000;
}

/**
 * Whether the stored response may answer when the origin fails (RFC 5861, 4): it, or the request, says `stale-if-error`,
 * and neither wants the origin's word.
 */
export function mayServeIfError(stored: ServableResponse, ageMs: number, demands: RequestDirectives): boolean {
  const { directives } = stored;
  if (demands.fromOrigin || directives.has('no-cache')) return false;
  const stalenessMs = ageMs - stored.lifetimeMs;
  if (directives.has('must-revalidate') && stalenessMs >= 0) return false;
  const allowed = [directives, demands.directives].map((each) => secondsOf(each, 'stale-if-error') ?? -1);
  return stalenessMs <= Math.max(...allowed) * 1000 && Math.max(...allowed) >= 0;
}

/** The statuses that are an error to `stale-if-error`. */
export const isOriginError = (status: number): boolean => [500, 502, 503, 504].includes(status);
