import { LruCache } from '../cache/lru-cache.js';
import { type CacheLike, checkCacheLike } from '../caching/cache-like.js';
import { type Clock, checkClock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkNumber, readOptions } from '../core/options.js';
import { ResponseStore, type StoredResponses } from './response-store.js';
import type { StoringRules } from './stored-response.js';

export interface CachedOptions {
  /** How many URLs are kept at most, the one asked for least recently goes first: an integer ≥ 1. @defaultValue 10_000 */
  readonly capacity?: number | undefined;
  /** About what all responses together may take up, in bytes: an integer ≥ 1. @defaultValue 50 MiB */
  readonly maxBytes?: number | undefined;
  /** A longer body is passed on and not kept; in bytes, an integer ≥ 0, at most `maxBytes`. @defaultValue 5 MiB */
  readonly maxEntryBytes?: number | undefined;
  /**
   * Where to keep the responses, instead of an `LruCache` of `capacity` and `maxBytes`: a `Map`, an `lru-cache`, a cache
   * of this package. Its bounds are its own. What it throws surfaces as an uncaught error, and costs nobody his answer.
   * Give it to nobody else.
   */
  readonly store?: CacheLike<string, StoredResponses> | undefined;
  /**
   * For a response that does not say how long it is fresh: this share of the time for which it had not changed, a day at
   * most. In [0, 1]; 0 for not at all. @defaultValue 0.1
   */
  readonly heuristic?: number | undefined;
  /**
   * The request headers that tell users apart: a response that is not `public` answers only requests that have the same
   * in all of them. @defaultValue `['authorization', 'cookie', 'x-api-key']`
   */
  readonly userHeaders?: readonly string[] | undefined;
  /** What it goes by in `Cache-Status` fields: a token. @defaultValue 'breakwater' */
  readonly name?: string | undefined;
  /** What ages are measured by. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The time of day, in milliseconds since 1970, to compare with dates in headers. @defaultValue `Date.now` */
  readonly now?: (() => number) | undefined;
}

/** All of them checked. */
export interface CachedSettings {
  readonly name: string;
  readonly clock: Clock;
  readonly now: () => number;
  readonly maxEntryBytes: number;
  readonly rules: StoringRules;
  readonly store: ResponseStore;
}

const CACHED = 'cached';

const CACHED_DEFAULTS = {
  capacity: undefined,
  maxBytes: undefined,
  maxEntryBytes: undefined,
  store: undefined,
  heuristic: 0.1,
  userHeaders: ['authorization', 'cookie', 'x-api-key'],
  name: 'breakwater',
  clock: undefined,
  now: undefined,
};

const MIB = 1_048_576;

export function checkCachedOptions(options: CachedOptions | undefined): CachedSettings {
  const own = readOptions<CachedOptions>(CACHED, options, CACHED_DEFAULTS);
  const clock = checkClock(CACHED, own.clock);
  const { capacity = 10_000, maxBytes = 50 * MIB, now = () => Date.now() } = own;
  // A store of the caller's own has its own bounds.
  const most = own.store === undefined ? checkInteger(CACHED, 'maxBytes', maxBytes, { min: 1 }) : Infinity;
  const { maxEntryBytes = Math.min(5 * MIB, most) } = own;
  const rules = {
    heuristic: checkNumber(CACHED, 'heuristic', own.heuristic, { min: 0, max: 1 }),
    userHeaders: checkHeaderNames(own.userHeaders),
  };
  const store = own.store === undefined ? makeStore(capacity, most, clock) : checkStore(own.store, own);
  return {
    name: checkToken('name', own.name),
    clock,
    now: checkFunction(CACHED, 'now', now),
    maxEntryBytes: checkInteger(CACHED, 'maxEntryBytes', maxEntryBytes, { min: 0, max: most }),
    rules,
    store: new ResponseStore(store, rules, most),
  };
}

function makeStore(capacity: number, maxWeight: number, clock: Clock): CacheLike<string, StoredResponses> {
  checkInteger(CACHED, 'capacity', capacity, { min: 1 });
  return new LruCache<string, StoredResponses>({ capacity, maxWeight, weigh: ({ value }) => value.bytes, clock });
}

function checkStore<S>(store: S, given: CachedOptions): S {
  for (const option of ['capacity', 'maxBytes'] as const) {
    if (given[option] === undefined) continue;
    throw new InvalidOptionError(CACHED, option, 'has no effect beside "store"', given[option]);
  }
  return checkCacheLike(CACHED, 'store', store);
}

/** As HTTP has them (RFC 9110, 5.6.2). */
const isToken = (value: unknown): value is string => typeof value === 'string' && /^[!#$%&'*+.^`|~\w-]+$/.test(value);

function checkToken(option: string, value: unknown): string {
  if (isToken(value)) return value;
  throw new InvalidOptionError(CACHED, option, 'must be a token of HTTP', value);
}

function checkHeaderNames(names: unknown): string[] {
  if (Array.isArray(names) && names.every(isToken)) return names.map((name) => name.toLowerCase());
  throw new InvalidOptionError(CACHED, 'userHeaders', 'must be an array of names of headers', names);
}
