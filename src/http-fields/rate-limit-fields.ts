import { parseRetryAfter } from '../core/retry-after.js';
import { type AnnouncedLimit, classicLimits, UNSAID } from './classic-limits.js';
import { type BareItem, type FieldItem, parseFieldDictionary, parseFieldList } from './structured-fields.js';

/** What a server has said of its limits in one response. */
export interface RateLimitFields {
  /** `RateLimit` first, then `RateLimit-*` and `X-RateLimit-*`, then what is known by its policy alone. */
  readonly limits: readonly AnnouncedLimit[];
  /** What `Retry-After` asks for, in milliseconds. Where it is given, it counts more than all of `limits`. */
  readonly retryAfterMs: number | undefined;
}

/** Header fields in any of the shapes they come in: `Headers`, Node's record, pairs of name and value. */
export type HeaderFields = Iterable<readonly [string, string]> | { readonly [name: string]: HeaderValue };
type HeaderValue = string | number | readonly string[] | undefined;

export interface ParseRateLimitOptions {
  /**
   * The time that dates are compared with, in milliseconds since 1970.
   * @defaultValue the response's own `Date` and its `Age`, so that no clock need be right; `Date.now()` without a valid one
   */
  readonly now?: number | undefined;
}

/**
 * What the headers of a response say about rate limits, whichever way they say it:
 *
 * - `Retry-After`: seconds or a date. A date in the past is 0.
 * - `RateLimit` and `RateLimit-Policy` of the IETF drafts: lists (8 to 10, and the names `a` and `w` that are to come),
 *   or the dictionary of draft 7.
 * - `RateLimit-Limit`, `-Remaining` and `-Reset` (drafts up to 6), `X-RateLimit-*` and `X-Rate-Limit-*`, also with what
 *   is counted (`x-ratelimit-remaining-tokens`) or whose it is (`anthropic-ratelimit-…`) in the name. The reset may be
 *   seconds, seconds or milliseconds since 1970, a date, or a duration like `1m30s`.
 *
 * For clients that slow down by themselves. What is malformed is as if it were not there; nothing makes it throw. What
 * a cache has kept (`Age` above 0) says nothing of limits any more. Time is linear in the length of the headers: values
 * above 4,096 characters and list members after the 32nd are not looked at.
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
  // Drafts up to 3 had the policies behind the limit itself: `RateLimit-Limit: 100, 100;w=60`.
  const policies = quotaPolicies(
    fields.get('ratelimit-policy') ?? fields.get('ratelimit-limit')?.replace(/^[^,]*,/, ''),
  );
  return { limits: withPolicies(limits, policies), retryAfterMs };
}

const MAX_NAME = 64;
const MAX_VALUE = 4096;
const MAX_MEMBERS = 32;

/** The fields that matter, by lower-case name. Several of one name are one, as HTTP has it. */
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
    // What only looks like headers says nothing from where it breaks.
  }
  return fields;
}

/** An HTTP date as milliseconds since 1970. */
function dateOf(text: string | undefined): number | undefined {
  return text === undefined || /^\s*\d/.test(text) ? undefined : parseRetryAfter(text, 0);
}

/** How long a cache has kept the response; 0 if that is not said. */
function ageOf(text: string | undefined): number {
  return text !== undefined && /^\s*\d{1,15}\s*$/.test(text) ? Number(text) * 1000 : 0;
}

/** `"burst";r=50;t=30`, or draft 7's `limit=100, remaining=50, reset=30`. */
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

/** `"burst";q=100;w=60`, or `100;w=60` in drafts up to 7. */
function quotaPolicies(text = ''): AnnouncedLimit[] {
  return flawless((parseFieldList(text) ?? []).slice(0, MAX_MEMBERS).map(quotaPolicy));
}

function quotaPolicy(item: FieldItem): AnnouncedLimit | undefined {
  const limit = readCount(isName(item) ? item.parameters.get('q') : item);
  const window = readCount(item.parameters.get('w'));
  if (!isCount(limit) || Number.isNaN(window) || window === 0 || !isPartition(item.parameters.get('pk')))
    return undefined;
  return { ...UNSAID, ...labelOf(item), limit, windowMs: window === undefined ? undefined : window * 1000 };
}

function labelOf(item: FieldItem): Pick<AnnouncedLimit, 'name' | 'partitionKey'> {
  const partition = item.parameters.get('pk');
  return {
    name: isName(item) ? String(item.value) : undefined,
    partitionKey: partition === undefined ? undefined : String(partition.value),
  };
}

/** An integer ≥ 0; NaN for anything else that is there. */
function readCount(item: BareItem | undefined): number | undefined {
  if (item === undefined) return undefined;
  return item.type === 'integer' && Number(item.value) >= 0 ? Number(item.value) : Number.NaN;
}

const isCount = (count: number | undefined): count is number => count !== undefined && !Number.isNaN(count);

/** Strings are what the drafts ask for, tokens what some servers send. */
const isName = ({ type }: BareItem): boolean => type === 'string' || type === 'token';

const isPartition = (item: BareItem | undefined): boolean => item === undefined || item.type === 'bytes';

/** Each limit with what its policy adds, and the policies that no limit was told of. */
function withPolicies(limits: readonly AnnouncedLimit[], policies: readonly AnnouncedLimit[]): AnnouncedLimit[] {
  const left = new Set(policies);
  const whole = limits.map((limit) => {
    const policy = policies.find((candidate) => isPolicyOf(candidate, limit));
    if (policy === undefined) return limit;
    left.delete(policy);
    return {
      ...limit,
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

/** All of them, or none: a field with one malformed member is to be ignored. */
function flawless<T>(members: readonly (T | undefined)[]): T[] {
  const well = members.filter((member) => member !== undefined);
  return well.length === members.length ? well : [];
}
