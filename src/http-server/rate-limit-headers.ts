import { type Decision, InvalidOptionError } from '../core/errors.js';
import { checkNumber, checkOneOf, readOptions } from '../core/options.js';

import { fieldString } from '../http-fields/structured-fields.js';

/**
 * The formats of rate limit header fields:
 *
 * | dialect | fields | reset |
 * | --- | --- | --- |
 * | `x-ratelimit` | `X-RateLimit-Limit`, `-Remaining`, `-Reset`, as GitHub has them | seconds since 1970 |
 * | `draft-6` | `RateLimit-Policy`, `RateLimit-Limit`, `-Remaining`, `-Reset` | seconds from now |
 * | `draft-7` | `RateLimit-Policy`, `RateLimit: limit=2, remaining=1, reset=60` | seconds from now |
 * | `draft-8` | `RateLimit: "default"; r=1; t=60`, `RateLimit-Policy: "default"; q=2; w=60` | seconds from now |
 * | `draft-10` | `RateLimit: "default";r=1;t=60`, `RateLimit-Policy: "default";q=2;w=60` | seconds from now |
 *
 * The drafts are versions of draft-ietf-httpapi-ratelimit-headers. 6 to 8 are formatted as express-rate-limit does.
 */
export type RateLimitDialect = 'x-ratelimit' | 'draft-6' | 'draft-7' | 'draft-8' | 'draft-10';

/** The options of `rateLimitHeaders`. */
export interface RateLimitHeadersOptions {
  /** The name of the policy, sent from draft 8 on: printable ASCII. @defaultValue 'default' */
  readonly name?: string | undefined;
  /** The window of the limit in milliseconds, above 0; sent from draft 6 on. @defaultValue not sent */
  readonly windowMs?: number | undefined;
  /**
   * The partition key, sent from draft 8 on. Sent unchanged, so it must not be personal data. @defaultValue not sent
   */
  readonly partitionKey?: string | Uint8Array | undefined;
  /** The current time in milliseconds since 1970, for `x-ratelimit`. @defaultValue `Date.now()` */
  readonly now?: number | undefined;
}

/**
 * Returns the header fields that describe a decision to a client, by lower-case name. Use it to send a decision without
 * the middleware.
 *
 * The reset of a rejected decision is the time until the same request would be allowed. Otherwise it is the time until
 * the full limit is available. Seconds are whole numbers, rounded up. A rejected decision adds `Retry-After`, which is
 * at least 1 and never before the reset.
 *
 * From draft 8 on both fields are lists. To report several limiters, give each a different name and append their
 * fields.
 *
 * @throws InvalidOptionError if the dialect is unknown or the name is not printable ASCII.
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

/** Returns the value of `Retry-After` for a rejected request: whole seconds, at least 1. */
export function retryAfterSeconds({ retryAfterMs }: Decision): string {
  return String(Math.max(1, wholeSeconds(retryAfterMs)));
}

/**
 * Returns a name as a quoted string for a header field.
 * @throws InvalidOptionError if the name is empty or contains a character that is not printable ASCII.
 */
export function quoteName(owner: string, option: string, name: string | undefined): string {
  const quoted = typeof name === 'string' && name !== '' ? fieldString(name) : undefined;
  if (quoted === undefined) throw new InvalidOptionError(owner, option, 'must be non-empty printable ASCII', name);
  return quoted;
}

/** All dialects. */
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

/** Formats an item of a structured field with the parameters that are defined. */
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
