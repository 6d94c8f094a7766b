import { parseRetryAfter } from '../core/retry-after.js';
import { type AnnouncedLimit, classicLimits, UNSAID } from './classic-limits.js';
import { type BareItem, type FieldItem, parseFieldDictionary, parseFieldList } from './structured-fields.js';

/** The result of `parseRateLimit`. */
export interface RateLimitFields {
  /** The limits: those of `RateLimit`, then of `RateLimit-*` and `X-RateLimit-*`, then policies without a limit. */
  readonly limits: readonly AnnouncedLimit[];
  /** The delay of `Retry-After` in milliseconds. If it is set, it takes precedence over all `limits`. */
  readonly retryAfterMs: number | undefined;
}

/** Header fields: a `Headers` object, Node.js' record, or pairs of name and value. */
export type HeaderFields = Iterable<readonly [string, string]> | { readonly [name: string]: HeaderValue };
type HeaderValue = string | number | readonly string[] | undefined;

/** The options of `parseRateLimit`. */
export interface ParseRateLimitOptions {
  /**
   * The current time in milliseconds since 1970, to compare dates with.
   * @defaultValue `Date` plus `Age` of the response, which needs no synchronized clock; `Date.now()` without a valid
   * `Date`
   */
  readonly now?: number | undefined;
}

/**
 * Parses the rate limits that the headers of a response announce, in all formats in use:
 *
 * - `Retry-After`: seconds or a date. A date in the past is 0.
 * - `RateLimit` and `RateLimit-Policy` of the IETF drafts: lists (drafts 8 to 10, and the parameters `a` and `w`
 *   planned after them), or the dictionary of draft 7.
 * - `RateLimit-Limit`, `-Remaining` and `-Reset` (drafts up to 6), `X-RateLimit-*` and `X-Rate-Limit-*`, also with the
 *   counted unit (`x-ratelimit-remaining-tokens`) or the vendor (`anthropic-ratelimit-…`) in the name. The reset may be
 *   seconds, seconds or milliseconds since 1970, a date, or a duration such as `1m30s`.
 *
 * Use it in a client that slows down by itself. Malformed fields are ignored; the function never throws. A response
 * from a cache (`Age` above 0) has no limits, because they are outdated.
 *
 * Cost: linear in the length of the headers. Values above 4,096 characters and list members after the 32nd are ignored.
 *
 * @example
 * ```ts
 * const response = await fetch('https://api.github.com/users/octocat');
 * const { limits, retryAfterMs } = parseRateLimit(response.headers);
 * const exhausted = limits.find(({ remaining }) => remaining === 0);
 * await sleep(retryAfterMs ?? exhausted?.resetAfterMs ?? 0);
 * ```
 */
export function parseRateLimit(headers: HeaderFields, options?: ParseRateLimitOptions): RateLimitFields {
  const fields = collect(headers);
  const ageMs = ageOf(fields.get('age'));
  const date = dateOf(fields.get('date'));
  const given = options !== undefined && Object.hasOwn(options, 'now') ? options.now : undefined;
  const now = given ?? (date === undefined ? Date.now() : date + ageMs);
  const retryAfterMs = parseRetryAfter(fields.get('retry-after'), now);
  if (ageMs > 0) return { limits: [], retryAfterMs };
  const limits = [...serviceLimits(fields.get('ratelimit')), ...classicLimits(fields, now)];
  // Drafts up to 3 append the policies to the limit itself: `RateLimit-Limit: 100, 100;w=60`.
  const policies = quotaPolicies(
    fields.get('ratelimit-policy') ?? fields.get('ratelimit-limit')?.replace(/^[^,]*,/, ''),
  );
  return { limits: withPolicies(limits, policies), retryAfterMs };
}

const MAX_NAME = 64;
const MAX_VALUE = 4096;
const MAX_MEMBERS = 32;

/** Returns the relevant fields by lower-case name. Several fields with one name are joined, as HTTP defines it. */
function collect(headers: HeaderFields): Map<string, string> {
  const fields = new Map<string, string>();
  try {
    const pairs = Symbol.iterator in headers ? headers : Object.entries(headers);
    for (const [name, value] of pairs as Iterable<readonly [string, HeaderValue]>) {
      if (value === undefined || name.length > MAX_NAME) continue;
      const key = name.toLowerCase();
      if (!/^(?:retry-after|date|age)$|rate-?limit/.test(key)) continue;
      const text = [fields.get(key) ?? [], value].flat().join(', ');
      if (text.length <= MAX_VALUE) fields.set(key, text);
    }
  } catch {
    // An object that only looks like headers: the fields read so far are used.
  }
  return fields;
}

/** Returns an HTTP date as milliseconds since 1970. */
function dateOf(text: string | undefined): number | undefined {
  return text === undefined || /^\s*\d/.test(text) ? undefined : parseRetryAfter(text, 0);
}

/** Returns the `Age` in milliseconds; 0 without a valid `Age`. */
function ageOf(text: string | undefined): number {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) * 1000 : 0;
}

/** Parses `"burst";r=50;t=30`, or draft 7's `limit=100, remaining=50, reset=30`. */
function serviceLimits(text = ''): AnnouncedLimit[] {
  const items = parseFieldList(text);
  if (items !== undefined) return flawless(items.slice(0, MAX_MEMBERS).map(serviceLimit));
  const members = parseFieldDictionary(text);
  const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((key) => readCount(members?.get(key)));
  if (!isCount(remaining) || !isCount(reset) || Number.isNaN(limit)) return [];
  return [{ ...UNSAID, limit, remaining, resetAfterMs: reset * 1000 }];
}

function serviceLimit(item: FieldItem): AnnouncedLimit | undefined {
  const remaining = readCount(item.parameters.get('r') ?? item.parameters.get('a'));
  const reset = readCount(item.parameters.get('t') ?? item.parameters.get('w'));
  const partition = item.parameters.get('pk');
  if (!isName(item) || !isCount(remaining) || Number.isNaN(reset) || !isPartition(partition)) return undefined;
  return { ...UNSAID, ...labelOf(item), remaining, resetAfterMs: reset === undefined ? undefined : reset * 1000 };
}

/** Parses `"burst";q=100;w=60`, or `100;w=60` in drafts up to 7. */
function quotaPolicies(text = ''): AnnouncedLimit[] {
  return flawless((parseFieldList(text) ?? []).slice(0, MAX_MEMBERS).map(quotaPolicy));
}

function quotaPolicy(item: FieldItem): AnnouncedLimit | undefined {
  const limit = readCount(isName(item) ? item.parameters.get('q') : item);
  const window = readCount(item.parameters.get('w'));
  if (!isCount(limit) || Number.isNaN(window) || window === 0 || !isPartition(item.parameters.get('pk')))
    return undefined;
  const unit = item.parameters.get('qu');
  return {
    ...UNSAID,
    ...labelOf(item),
    unit: unit === undefined || unit.value === 'requests' ? undefined : String(unit.value),
    limit,
    windowMs: window === undefined ? undefined : window * 1000,
  };
}

function labelOf(item: FieldItem): Pick<AnnouncedLimit, 'name' | 'partitionKey'> {
  const partition = item.parameters.get('pk');
  return {
    name: isName(item) ? String(item.value) : undefined,
    partitionKey: partition === undefined ? undefined : String(partition.value),
  };
}

/** Returns an integer ≥ 0; undefined if the item is absent, NaN if it is anything else. */
function readCount(item: BareItem | undefined): number | undefined {
  if (item === undefined) return undefined;
  return item.type === 'integer' && Number(item.value) >= 0 ? Number(item.value) : Number.NaN;
}

const isCount = (count: number | undefined): count is number => count !== undefined && !Number.isNaN(count);

/** Whether the item can be a name: the drafts require strings, and some servers send tokens. */
const isName = ({ type }: BareItem): boolean => type === 'string' || type === 'token';

const isPartition = (item: BareItem | undefined): boolean => item === undefined || item.type === 'bytes';

/** Returns the limits, completed by their policies, and the policies without a limit. */
function withPolicies(limits: readonly AnnouncedLimit[], policies: readonly AnnouncedLimit[]): AnnouncedLimit[] {
  const left = new Set(policies);
  const whole = limits.map((limit) => {
    const policy = policies.find((candidate) => isPolicyOf(candidate, limit));
    if (policy === undefined) return limit;
    left.delete(policy);
    return {
      ...limit,
      unit: policy.unit,
      limit: limit.limit ?? policy.limit,
      windowMs: limit.windowMs ?? policy.windowMs,
      partitionKey: limit.partitionKey ?? policy.partitionKey,
    };
  });
  return [...whole, ...left];
}

function isPolicyOf(policy: AnnouncedLimit, limit: AnnouncedLimit): boolean {
  if (policy.name !== limit.name) return false;
  if (policy.name === undefined) return policy.limit === limit.limit;
  return [policy.partitionKey, undefined].includes(limit.partitionKey) || policy.partitionKey === undefined;
}

/** Returns all members, or none if one is undefined: a field with a malformed member must be ignored. */
function flawless<T>(members: readonly (T | undefined)[]): T[] {
  const well = members.filter((member) => member !== undefined);
  return well.length === members.length ? well : [];
}
