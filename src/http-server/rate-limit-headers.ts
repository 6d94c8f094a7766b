import { type Decision, InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkOneOf, readOptions } from '../core/options.js';

import { fieldString } from '../http-fields/structured-fields.js';

/**
 * How limits are told to clients:
 *
 * | dialect | fields | reset |
 * | --- | --- | --- |
 * | `x-ratelimit` | `X-RateLimit-Limit`, `-Remaining`, `-Reset`, as GitHub has them | seconds since 1970 |
 * | `draft-6` | `RateLimit-Policy`, `RateLimit-Limit`, `-Remaining`, `-Reset` | seconds from now |
 * | `draft-7` | `RateLimit-Policy`, `RateLimit: limit=2, remaining=1, reset=60` | seconds from now |
 * | `draft-8` | `RateLimit: "default"; r=1; t=60`, `RateLimit-Policy: "default"; q=2; w=60` | seconds from now |
 * | `draft-10` | `RateLimit: "default";r=1;t=60`, `RateLimit-Policy: "default";q=2;w=60` | seconds from now |
 *
 * The drafts are those of draft-ietf-httpapi-ratelimit-headers. 6 to 8 are written as express-rate-limit writes them.
 */
export type RateLimitDialect = 'x-ratelimit' | 'draft-6' | 'draft-7' | 'draft-8' | 'draft-10';

export interface RateLimitHeadersOptions {
  /** The policy's name, from draft 8 on: printable ASCII. @defaultValue 'default' */
  readonly name?: string | undefined;
  /** The time in which `limit` passes, in milliseconds, above 0; told from draft 6 on. @defaultValue not told */
  readonly windowMs?: number | undefined;
  /** Whose share it is, from draft 8 on. It is sent as it is: no personal data. @defaultValue not told */
  readonly partitionKey?: string | Uint8Array | undefined;
  /** Milliseconds since 1970, for `x-ratelimit`. @defaultValue `Date.now()` */
  readonly now?: number | undefined;
}

/**
 * The header fields that tell a client what a limiter has decided, by lower-case name.
 *
 * The reset is the time until there is more: after a refusal, until the same request passes; otherwise until everything
 * is back. Seconds are whole and rounded up. A refusal adds `Retry-After`, at least 1 and never before the reset.
 *
 * From draft 8 on both fields are lists: append those of several limiters, with names of their own, to one another.
 *
 * @throws InvalidOptionError for a dialect that is not known, or a name that is not printable ASCII.
 * @example
 * ```ts
 * const bucket = new TokenBucket({ capacity: 100, refill: 100, per: '1m' });
 * rateLimitHeaders(bucket.tryAcquire(), 'draft-10', { name: 'api', windowMs: 60_000 });
 * // { ratelimit: '"api";r=99;t=1', 'ratelimit-policy': '"api";q=100;w=60' }
 * ```
 */
export function rateLimitHeaders(
  decision: Decision,
  dialect: RateLimitDialect,
  options?: RateLimitHeadersOptions,
): Record<string, string> {
  const owner = 'rateLimitHeaders';
  checkOneOf(owner, 'dialect', dialect, RATE_LIMIT_DIALECTS);
  const own = readOptions(owner, options, {
    name: 'default',
    windowMs: undefined,
    partitionKey: undefined,
    now: undefined,
  });
  if (own.windowMs !== undefined) checkNumber(owner, 'windowMs', own.windowMs, { above: 0 });
  const untilMoreMs = decision.allowed ? decision.resetAfterMs : decision.retryAfterMs;
  const parts: FieldParts = {
    name: quoteName(owner, 'name', own.name),
    limit: whole(decision.limit),
    remaining: Math.min(whole(decision.remaining), whole(decision.limit)),
    reset: wholeSeconds(untilMoreMs),
    resetAt: wholeSeconds(untilMoreMs + (own.now ?? Date.now())),
    window: own.windowMs === undefined ? undefined : Math.max(1, wholeSeconds(own.windowMs)),
    partition: own.partitionKey === undefined ? undefined : `:${base64(own.partitionKey)}:`,
  };
  const fields = fieldsOf(dialect, parts);
  return decision.allowed ? fields : { ...fields, 'retry-after': retryAfterSeconds(decision) };
}

/** What a refused client is told at the very least. */
export function retryAfterSeconds({ retryAfterMs }: Decision): string {
  return String(Math.max(1, wholeSeconds(retryAfterMs)));
}

/**
 * A name as a field can hold it.
 * @throws InvalidOptionError when none can.
 */
export function quoteName(owner: string, option: string, name: string | undefined): string {
  const quoted = typeof name === 'string' && name !== '' ? fieldString(name) : undefined;
  if (quoted === undefined) throw new InvalidOptionError(owner, option, 'must be printable ASCII, and not empty', name);
  return quoted;
}

export const RATE_LIMIT_DIALECTS: readonly RateLimitDialect[] = [
  'x-ratelimit',
  'draft-6',
  'draft-7',
  'draft-8',
  'draft-10',
];

interface FieldParts {
  readonly name: string;
  readonly limit: number;
  readonly remaining: number;
  readonly reset: number;
  readonly resetAt: number;
  readonly window: number | undefined;
  readonly partition: string | undefined;
}

function fieldsOf(dialect: RateLimitDialect, parts: FieldParts): Record<string, string> {
  const { name, limit, remaining, reset, resetAt, window: w, partition: pk } = parts;
  switch (dialect) {
    case 'x-ratelimit':
      return {
        'x-ratelimit-limit': `${limit}`,
        'x-ratelimit-remaining': `${remaining}`,
        'x-ratelimit-reset': `${resetAt}`,
      };
    case 'draft-6':
      return {
        'ratelimit-policy': item(';', `${limit}`, { w }),
        'ratelimit-limit': `${limit}`,
        'ratelimit-remaining': `${remaining}`,
        'ratelimit-reset': `${reset}`,
      };
    case 'draft-7':
      return {
        'ratelimit-policy': item(';', `${limit}`, { w }),
        ratelimit: `limit=${limit}, remaining=${remaining}, reset=${reset}`,
      };
    case 'draft-8':
      return {
        'ratelimit-policy': item('; ', name, { q: limit, w, pk }),
        ratelimit: item('; ', name, { r: remaining, t: reset }),
      };
    case 'draft-10':
      return {
        'ratelimit-policy': item(';', name, { q: limit, w, pk }),
        ratelimit: item(';', name, { r: remaining, t: reset, pk }),
      };
  }
}

/** An item of a structured field with those parameters that have a value. */
function item(separator: string, value: string, parameters: Record<string, string | number | undefined>): string {
  const given = Object.entries(parameters).filter(([, parameter]) => parameter !== undefined);
  return [value, ...given.map(([key, parameter]) => `${key}=${parameter}`)].join(separator);
}

/** The largest integer that a structured field can hold. */
const LARGEST_INTEGER = 999_999_999_999_999;

const whole = (value: number): number => Math.min(LARGEST_INTEGER, Math.max(0, Math.floor(value) || 0));

const wholeSeconds = (ms: number): number => whole(Math.ceil(ms / 1000));

function base64(key: string | Uint8Array): string {
  const bytes = typeof key === 'string' ? new TextEncoder().encode(key) : key;
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}
