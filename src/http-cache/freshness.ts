import { parseHttpDate } from '../core/http-date.js';
import { type CacheDirectives, parseDeltaSeconds, secondsOf } from '../http-fields/cache-control.js';

/** What of a response its freshness depends on. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  /** Those of its `Cache-Control`. */
  readonly directives: CacheDirectives;
}

/** When a request was sent and its response came, on the monotonic clock (`At`) and on the wall clock (`Date`). */
export interface ExchangeTimes {
  readonly requestedAt: number;
  readonly requestedDate: number;
  readonly receivedAt: number;
  readonly receivedDate: number;
}

/** The statuses that may be fresh although nothing says so (RFC 9110, 15.1), but for 206, which is never stored. */
const HEURISTIC_STATUSES = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];

export const isHeuristicallyCacheable = (status: number): boolean => HEURISTIC_STATUSES.includes(status);

const DAY_MS = 86_400_000;

/**
 * How long the response is fresh, in milliseconds (RFC 9111, 4.2.1): `max-age`, else `Expires` less `Date`, else a share of
 * the time for which it had not changed when it was sent, a day at most. 0 where what should say so cannot be read.
 *
 * @param receivedDate - stands for a `Date` that is not there.
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
 * How old the response was when it came, in milliseconds (RFC 9111, 4.2.3): what the wall clocks say, or the caches on
 * the way and the time that the exchange took, whichever is more.
 */
export function initialAge(headers: Headers, times: ExchangeTimes): number {
  const { requestedAt, requestedDate, receivedAt, receivedDate } = times;
  const date = headerDate(headers, 'date');
  // A date is a whole second, begun: of the time of day the same is taken, or all would be half a second old on arrival.
  const apparentAge = date === undefined ? 0 : Math.floor(receivedDate / 1000) * 1000 - date;
  const [first = ''] = (headers.get('age') ?? '').split(',');
  const ageValue = (parseDeltaSeconds(first.trim()) ?? 0) * 1000;
  return Math.max(0, apparentAge, ageValue + elapsedMs(receivedAt - requestedAt, receivedDate - requestedDate));
}

/** Ages are whole seconds, and a wall clock is adjusted in smaller steps all the time. */
const WALL_CLOCK_TOLERANCE_MS = 1000;

/**
 * How much time has passed, by a monotonic clock and a wall clock: the larger one, since the first one stands still while
 * the machine sleeps, and the second one may be set back. A wall clock that is ahead by less than a second does not count.
 */
export function elapsedMs(monotonicMs: number, wallMs: number): number {
  return Math.max(0, wallMs - monotonicMs < WALL_CLOCK_TOLERANCE_MS ? monotonicMs : wallMs);
}

function headerDate(headers: Headers, name: string): number | undefined {
  const text = headers.get(name);
  return text === null ? undefined : parseHttpDate(text);
}
