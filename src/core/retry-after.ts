import { isResilienceError } from './errors.js';
import type { Outcome } from './outcome.js';

/** Longer header values are noise or an attack, and are not even looked at. */
const MAX_LENGTH = 64;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** The three forms of an HTTP date (RFC 9110, 5.6.7): IMF-fixdate, RFC 850's, and that of C's asctime. */
const IMF_FIXDATE =
  /^[A-Z][a-z]{2}, (?<day>\d{2}) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/;
const RFC_850 =
  /^[A-Z][a-z]{5,8}, (?<day>\d{2})-(?<month>[A-Z][a-z]{2})-(?<year>\d{2}) (?<time>\d{2}:\d{2}:\d{2}) GMT$/;
const ASCTIME = /^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \d]\d) (?<time>\d{2}:\d{2}:\d{2}) (?<year>\d{4})$/;

/**
 * The milliseconds a `Retry-After` header asks to wait (RFC 9110, 10.2.3): whole seconds, or an HTTP date, which is
 * compared with `now`, the wall clock. A date in the past is 0. Anything else is undefined.
 */
export function parseRetryAfter(value: string | null | undefined, now: number = Date.now()): number | undefined {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined;
  const text = value.trim();
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000;
  const at = parseHttpDate(text, now);
  return at === undefined ? undefined : Math.max(0, at - now);
}

function parseHttpDate(text: string, now: number): number | undefined {
  const parts = (IMF_FIXDATE.exec(text) ?? RFC_850.exec(text) ?? ASCTIME.exec(text))?.groups;
  if (parts === undefined) return undefined;
  const month = MONTHS.indexOf(parts.month as string);
  const [hours, minutes, seconds] = (parts.time as string).split(':').map(Number) as [number, number, number];
  const day = Number(parts.day);
  let year = Number(parts.year);
  if (parts.year?.length === 2) {
    // RFC 9110: a two-digit year that seems over 50 years ahead is the latest one in the past with these digits.
    const thisYear = new Date(now).getUTCFullYear();
    year += thisYear - (thisYear % 100);
    if (year > thisYear + 50) year -= 100;
  }
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 60) return undefined;
  const at = Date.UTC(year, month, day, hours, minutes, seconds);
  return new Date(Date.UTC(year, month, day)).getUTCDate() === day ? at : undefined;
}

/**
 * How long the other side asked to be left alone: the `retryAfterMs` of an error, or the `Retry-After` header of a
 * response. Undefined when it did not say, and for our own refusals, which tell of our own gates.
 */
export function retryAfterMs(outcome: Outcome): number | undefined {
  const subject = outcome.ok ? outcome.value : outcome.error;
  if (typeof subject !== 'object' || subject === null || isResilienceError(subject)) return undefined;
  const { retryAfterMs: hint, headers } = subject as { retryAfterMs?: unknown; headers?: unknown };
  if (!outcome.ok && typeof hint === 'number') return hint >= 0 ? hint : undefined;
  return hasGet(headers) ? parseRetryAfter(headers.get('retry-after')) : undefined;
}

function hasGet(headers: unknown): headers is { get(name: string): string | null } {
  return typeof headers === 'object' && headers !== null && typeof (headers as { get?: unknown }).get === 'function';
}
