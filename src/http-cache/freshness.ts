import { parseHttpDate } from '../core/http-date.js';
import { type CacheDirectives, parseDeltaSeconds, secondsOf } from '../http-fields/cache-control.js';

/** The parts of a response that determine its freshness. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** The directives of its `Cache-Control`. */
  readonly directives: CacheDirectives;
}

/** The times of a request and its response, on the monotonic clock (`At`) and on the wall clock (`Date`). */
export interface ExchangeTimes {
  readonly requestedAt: number;
  readonly requestedDate: number;
  readonly receivedAt: number;
  readonly receivedDate: number;
}

/** The statuses with heuristic freshness (RFC 9110, 15.1), without 206, which is never stored. */
const HEURISTIC_STATUSES = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

export const isHeuristicallyCacheable = (status: number): boolean => HEURISTIC_STATUSES.includes(status);

const DAY_MS = 86_400_000;

/**
 * Returns how long the response is fresh, in milliseconds (RFC 9111, 4.2.1): `max-age`; otherwise `Expires` minus
 * `Date`; otherwise a share of the time since its last modification, at most a day. 0 if the explicit value is
 * malformed.
 *
 * @param receivedDate - replaces a missing `Date`.
 */
export function freshnessLifetime(response: ResponseHead, receivedDate: number, heuristic: number): number {
  const { status, headers, directives } = response;
  const maxAge = secondsOf(directives, 'max-age');
  if (maxAge !== undefined) return maxAge * 1000;
  const date = headerDate(headers, 'date') ?? receivedDate;
  if (headers.has('expires')) return Math.max(0, (headerDate(headers, 'expires') ?? 0) - date);
  if (!isHeuristicallyCacheable(status) && !directives.has('public')) return 0;
  const lastModified = headerDate(headers, 'last-modified') ?? date;
  return Math.min(DAY_MS, Math.max(0, (date - lastModified) * heuristic));
}

/**
 * Returns the age of the response on arrival, in milliseconds (RFC 9111, 4.2.3): the larger of the difference of the
 * wall clocks, and the `Age` field plus the duration of the request.
 */
export function initialAge(headers: Headers, times: ExchangeTimes): number {
  const { requestedAt, requestedDate, receivedAt, receivedDate } = times;
  const date = headerDate(headers, 'date');
  // A date has whole seconds. The time of day is rounded down too, or each response would be half a second too old.
  const apparentAge = date === undefined ? 0 : Math.floor(receivedDate / 1000) * 1000 - date;
  const [first = ''] = (headers.get('age') ?? '').split(',');
  const ageValue = (parseDeltaSeconds(first.trim()) ?? 0) * 1000;
  return Math.max(0, apparentAge, ageValue + elapsedMs(receivedAt - requestedAt, receivedDate - requestedDate));
}

/** The `Age` field has whole seconds, and a wall clock is constantly adjusted in smaller steps. */
const WALL_CLOCK_TOLERANCE_MS = 1000;

/**
 * Returns the elapsed time by a monotonic clock and a wall clock: the larger of the two. The monotonic clock may stop
 * while the machine sleeps, and the wall clock may be set back. If the wall clock is ahead by less than a second, it is
 * ignored.
 */
export function elapsedMs(monotonicMs: number, wallMs: number): number {
  return Math.max(0, wallMs - monotonicMs < WALL_CLOCK_TOLERANCE_MS ? monotonicMs : wallMs);
}

function headerDate(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  return text === null ? undefined : parseHttpDate(text);
}
