import { isResilienceError } from './errors.js';
import { parseHttpDate } from './http-date.js';
import { safeGet } from './inspect.js';
import type { Outcome } from './outcome.js';

/** The longest header value that is parsed, in characters. Longer values are noise or an attack. */
const MAX_LENGTH = 64;

/**
 * Parses a `Retry-After` header (RFC 9110, 10.2.3): whole seconds, or an HTTP date that is compared with `now`. Returns
 * the delay in milliseconds, 0 for a date in the past, and undefined for any other value.
 *
 * @param now - the wall clock of the server in milliseconds since 1970: the `Date` of its response.
 * @defaultValue the local wall clock
 * @example
 * ```ts
 * console.log(parseRetryAfter('120')); // 120000
 * ```
 */
export function parseRetryAfter(value: string | null | undefined, now: number = Date.now()): number | undefined {
  if (typeof value !== 'string' || value.length > MAX_LENGTH) return undefined;
  const text = value.trim();
  if (/^[0-9]+$/.test(text)) return Number(text) * 1000;
  const at = parseHttpDate(text, now);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/**
 * Returns the delay in milliseconds that the server has asked for: the `retryAfterMs` of an error, or the `Retry-After`
 * header of a response. Returns undefined if there is neither, and for errors of this package, whose `retryAfterMs`
 * concerns a policy and not the server.
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
    return undefined; // an object that only resembles Headers
  }
}

/**
 * Returns the server's wall clock when it responded, from the `Date` header. It may differ from the local clock by any
 * amount.
 */
export function serverTime(headers: { get(name: string): string | null }): number | undefined {
  const date = headers.get('date');
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}

function hasGet(headers: unknown): headers is { get(name: string): string | null } {
  return typeof headers === 'object' && headers !== null && typeof (headers as { get?: unknown }).get === 'function';
}
