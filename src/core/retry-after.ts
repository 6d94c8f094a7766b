import { isResilienceError, unwrapImitation } from './errors.js';
import { headersOf } from './header-fields.js';
import { parseHttpDate } from './http-date.js';
import { safeGet } from './inspect.js';
import type { Outcome } from './outcome.js';

/** The longest header value that is parsed, in characters. Longer values are noise or an attack. */
const MAX_LENGTH = 64;

/**
 * Parses a `Retry-After` header (RFC 9110, 10.2.3): a number of seconds, or an HTTP date that is compared with `now`.
 * RFC 9110 allows whole seconds only; decimals are accepted because servers send them. Returns the delay in
 * milliseconds, 0 for a date in the past, and undefined for any other value.
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
  const seconds = parseDecimal(value);
  if (seconds !== undefined) return Math.ceil(seconds * 1000);
  const at = parseHttpDate(value.trim(), now);
  return at === undefined ? undefined : Math.max(0, at - now);
}

/** Returns a decimal number without sign and exponent; undefined for any other text. */
function parseDecimal(value: string | null): number | undefined {
  const text = value !== null && value.length <= MAX_LENGTH ? value.trim() : '';
  return /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Fields with a delay in milliseconds, of OpenAI, Azure and gRPC (gRFC A6). They are more precise than `Retry-After`. */
const FIELDS_IN_MS: readonly string[] = ['retry-after-ms', 'x-ms-retry-after-ms', 'grpc-retry-pushback-ms'];

/**
 * Returns the delay in milliseconds that the server has asked for: the `retryAfterMs` of an error, or a `Retry-After`,
 * `retry-after-ms`, `x-ms-retry-after-ms` or `grpc-retry-pushback-ms` header. The header is that of a response, or of an error in which a client
 * library keeps its response. Returns undefined if there is none, and for errors of this package, whose `retryAfterMs`
 * concerns a policy and not the server.
 */
export function retryAfterMs(outcome: Outcome): number | undefined {
  const subject = outcome.ok ? outcome.value : unwrapImitation(outcome.error);
  if (typeof subject !== 'object' || subject === null || isResilienceError(subject)) return undefined;
  const hint = safeGet(subject, 'retryAfterMs');
  if (!outcome.ok && typeof hint === 'number') return hint >= 0 ? hint : undefined;
  const field = headersOf(subject);
  if (field === undefined) return undefined;
  for (const name of FIELDS_IN_MS) {
    const ms = parseDecimal(field(name));
    if (ms !== undefined) return Math.ceil(ms);
  }
  return parseRetryAfter(field('retry-after'), serverTime({ get: field }));
}

/**
 * Returns the server's wall clock when it responded, from the `Date` header. It may differ from the local clock by any
 * amount.
 */
export function serverTime(headers: { get(name: string): string | null }): number | undefined {
  const date = headers.get('date');
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}
