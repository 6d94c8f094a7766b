import { parseRetryAfter } from '../core/retry-after.js';
import { parseFieldList } from './structured-fields.js';

/**
 * One rate limit that a server announces, as far as it announces it. It is not a promise: the server may reject a
 * request although `remaining` is above 0.
 */
export interface AnnouncedLimit {
  /** The name of the policy, or of the counted resource: `burst`, `tokens`, `requests`, `core`. */
  readonly name: string | undefined;
  /** What is counted, if the server says that it is not requests: `content-bytes`, for example. */
  readonly unit: string | undefined;
  /** The number of requests (or units) allowed per window, or in a burst: an integer ≥ 0. */
  readonly limit: number | undefined;
  /** The number of requests (or units) still allowed within `resetAfterMs`: an integer ≥ 0. */
  readonly remaining: number | undefined;
  /** The time until more is allowed, in milliseconds from now. */
  readonly resetAfterMs: number | undefined;
  /** The length of the window of `limit`, in milliseconds. */
  readonly windowMs: number | undefined;
  /** The partition that the limit belongs to, in base64. Compare it, but do not decode it. */
  readonly partitionKey: string | undefined;
}

export const UNSAID: AnnouncedLimit = {
  name: undefined,
  unit: undefined,
  limit: undefined,
  remaining: undefined,
  resetAfterMs: undefined,
  windowMs: undefined,
  partitionKey: undefined,
};

/** Names of limits that count something other than requests, such as the tokens of OpenAI and Anthropic. */
const OTHER_UNITS = /(?:^|-)(?:tokens?|bytes|characters|credits)(?:-|$)/i;

/** Whether a limit counts requests, as far as it is known. */
export function countsRequests({ name = '', unit }: AnnouncedLimit): boolean {
  return unit === undefined && !OTHER_UNITS.test(name);
}

/**
 * Parses rate limit fields with one value each: `X-RateLimit-Limit`, `-Remaining`, `-Reset` and similar ones. Fields
 * whose names differ only in these three words are one group, and each group is one limit.
 *
 * @param fields - the fields by lower-case name.
 */
export function classicLimits(fields: ReadonlyMap<string, string>, now: number): AnnouncedLimit[] {
  const groups = new Map<string, Map<string, string>>();
  for (const [field, text] of fields) {
    const [, vendor, rest] = /^(.*?)rate-?limit-(.+)$/.exec(field) ?? [];
    const words = rest?.split('-') ?? [];
    const kind = words.find((word) => KINDS.includes(word));
    if (kind === undefined) continue;
    const isDelay = kind === 'reset' && words.includes('after'); // Discord's
    const name = words.filter((word) => word !== kind && !(isDelay && word === 'after')).join('-');
    const id = `${vendor} ${name}`;
    const group = groups.get(id) ?? new Map([['name', name]]);
    groups.set(id, group.set(isDelay ? 'reset-after' : kind, text));
  }
  const resource = fields.get('x-ratelimit-resource'); // GitHub's
  if (resource !== undefined) groups.get('x- ')?.set('name', resource);
  return [...groups.values()].map((group) => limitOf(group, now)).filter((limit) => limit !== undefined);
}

const KINDS = ['limit', 'remaining', 'reset'];

/** The window names in Kong's fields. */
const KONG_WINDOWS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['second', 1000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
]);

function limitOf(group: ReadonlyMap<string, string>, now: number): AnnouncedLimit | undefined {
  const name = group.get('name') || undefined;
  // Several values come from several limiters in a chain: the first limit is combined with the least remaining count.
  const limit = countsOf(group.get('limit'))[0];
  const [remaining] = countsOf(group.get('remaining')).sort((a, b) => a - b);
  const resetAfterMs = parseReset(group.get('reset-after') ?? group.get('reset'), now);
  if (limit === undefined && remaining === undefined && resetAfterMs === undefined) return undefined;
  return { ...UNSAID, name, limit, remaining, resetAfterMs, windowMs: KONG_WINDOWS.get(name ?? '') };
}

/** Parses `100`, `99.5`, or several numbers. A negative count is 0. */
function countsOf(text = ''): number[] {
  const values = (parseFieldList(text) ?? []).map(({ value }) => value);
  return values.filter((value) => typeof value === 'number').map((value) => Math.max(0, Math.floor(value)));
}

/**
 * Returns the milliseconds until a reset, in any of the formats in use. A number ≥ 10⁹ cannot be seconds from now,
 * which would be 30 years, so it is seconds since 1970. A number ≥ 10¹² is milliseconds since 1970.
 */
function parseReset(text: string | undefined, now: number): number | undefined {
  const value = text?.trim() ?? '';
  if (value.length > 64) return undefined;
  const ms = /^\d+(?:\.\d+)?$/.test(value)
    ? fromNumber(Number(value), now)
    : (fromDuration(value) ?? fromDate(value, now));
  return ms === undefined ? undefined : Math.max(0, Math.ceil(ms));
}

function fromNumber(value: number, now: number): number | undefined {
  if (value < 1e9) return value * 1000;
  if (value < 1e12) return value * 1000 - now;
  return value < 1e15 ? value - now : undefined;
}

/** Parses `6m0s`, `1h30m`, `7.66s` or `120ms`, the formats of Go and OpenAI. */
function fromDuration(value: string): number | undefined {
  const match = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?$/.exec(value);
  if (match === null || value === '') return undefined;
  const [days, hours, minutes, seconds, ms] = match.slice(1).map((part = '0') => Number(part));
  return (((days! * 24 + hours!) * 60 + minutes!) * 60 + seconds!) * 1000 + ms!;
}

function fromDate(value: string, now: number): number | undefined {
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(value);
  const at = isIso ? Date.parse(value) - now : parseRetryAfter(value, now);
  return Number.isNaN(at) ? undefined : at;
}
