import { isResilienceError } from './errors.js';
import { parseHttpDate } from './http-date.js';
import { safeGet } from './inspect.js';
import type { Outcome } from './outcome.js';

/** Longer header values are noise or an attack, and are not even looked at. */
const MAX_LENGTH = 64;

/**
 * Returns the milliseconds that a `Retry-After` header asks to wait (RFC 9110, 10.2.3): whole seconds, or an HTTP date,
 * which is compared with `now`. A date in the past is 0. Anything else is undefined.
 *
 * @param now - the wall clock of the server, in milliseconds since 1970: the `Date` of its response. By default our own.
 */
export function parseRetryAfter(value: string | null | undefined, now: number = Date.now()): number | undefined {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined;
  const text = value.trim();
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000;
  const at = parseHttpDate(text, now);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/**
 * How long the other side asked to be left alone: the `retryAfterMs` of an error, or the `Retry-After` header of a
 * response. Undefined when it did not say, and for our own refusals, which tell of our own gates.
 */
export function retryAfterMs(outcome: Outcome): number | undefined {
  const subject = outcome.ok ? outcome.value : outcome.error;
  if (typeof subject !== 'object' || subject === null || isResilienceError(subject)) return undefined;
  const hint = safeGet(subject, 'retryAfterMs');
  const headers = safeGet(subject, 'headers');
  if (!outcome.ok && typeof hint === 'number') return hint >= 0 ? hint : undefined;
  try {
    return hasGet(headers) ? parseRetryAfter(headers.get('retry-after'), serverTime(headers)) : undefined;
  } catch {
    return undefined; // what only looks like headers
  }
}

/** The server's wall clock when it answered, by its `Date`: it may differ from ours by any amount. */
export function serverTime(headers: { get(name: string): string | null }): number | undefined {
  const date = headers.get('date');
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}

function hasGet(headers: unknown): headers is { get(name: string): string | null } {
  return typeof headers === 'object' && headers !== null && typeof (headers as { get?: unknown }).get === 'function';
}
