import { parseRetryAfter } from '../core/retry-after.js';
import { parseFieldList } from './structured-fields.js';

/**
 * One limit, as far as it was told. None of it is a promise: a server that says there is something left may refuse all
 * the same.
 */
export interface AnnouncedLimit {
  /** The policy, or what is counted: `burst`, `tokens`, `requests`, `core`. */
  readonly name: string | undefined;
  /** What passes in one window, or at once: an integer ≥ 0. */
  readonly limit: number | undefined;
  /** What still passes before `resetAfterMs` is over: an integer ≥ 0. */
  readonly remaining: number | undefined;
  /** Milliseconds from now until there is more. */
  readonly resetAfterMs: number | undefined;
  /** The time in which `limit` passes, in milliseconds. */
  readonly windowMs: number | undefined;
  /** Whose share this is, in base64: to be compared, not to be read. */
  readonly partitionKey: string | undefined;
}

export const UNSAID: AnnouncedLimit = {
  name: undefined,
  limit: undefined,
  remaining: undefined,
  resetAfterMs: undefined,
  windowMs: undefined,
  partitionKey: undefined,
};

/**
 * The limits in fields of one value each: `X-RateLimit-Limit`, `-Remaining`, `-Reset` and their kin. Of each group of
 * fields whose names differ in nothing but these three words there is one.
 *
 * @param fields - by lower-case name.
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

/** Kong's names for what it counts in. */
const KONG_WINDOWS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['second', 1000],
  ['minute', 60_000],
  ['hour', 3_600_000],
  ['day', 86_400_000],
]);

function limitOf(group: ReadonlyMap<string, string>, now: number): AnnouncedLimit | undefined {
  const name = group.get('name') || undefined;
  // Of several values, from as many limiters behind one another, the first limit goes with the least that is left.
  const limit = countsOf(group.get('limit'))[0];
  const [remaining] = countsOf(group.get('remaining')).sort((a, b) => a - b);
  const resetAfterMs = parseReset(group.get('reset-after') ?? group.get('reset'), now);
  if (limit === undefined && remaining === undefined && resetAfterMs === undefined) return undefined;
  return { ...UNSAID, name, limit, remaining, resetAfterMs, windowMs: KONG_WINDOWS.get(name ?? '') };
}

/** `100`, `99.5`, or several of them; below 0 there is nothing left either. */
function countsOf(text = ''): number[] {
  const values = (parseFieldList(text) ?? []).map(({ value }) => value);
  return values.filter((value) => typeof value === 'number').map((value) => Math.max(0, Math.floor(value)));
}

/**
 * The milliseconds until a reset in any of its dialects. A number from 10⁹ on cannot be meant as seconds from now,
 * which would be thirty years, nor one from 10¹² on as seconds since 1970.
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

/** `6m0s`, `1h30m`, `7.66s`, `120ms`, as Go and OpenAI write it. */
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
