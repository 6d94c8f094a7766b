import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkNumber, readOptions } from '../core/options.js';
import { TOKEN } from '../http-fields/cache-control.js';
import { type CacheLike, checkCacheLike } from '../loading-cache/cache-like.js';
import { BodyMemory } from './body-memory.js';
import type { CacheUserRequest, UserRules } from './request-identity.js';
import { BoundedStore, ResponseStore, type StoredResponses } from './response-store.js';

export interface CachedFetchOptions {
  /** How many URLs are kept at most, the one asked for least recently goes first: an integer ≥ 1. @defaultValue 10_000 */
  readonly capacity?: number | undefined;
  /**
   * About how much memory all responses together may take up, in bytes: those that are stored, and the bodies that have
   * come from the origin and have not been read. An integer ≥ 1. Where there is no room, the least recently used response
   * is evicted first, and then a body is passed on as it is read and not stored. @defaultValue 50 MiB
   */
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
   * Names the user of a request, where the request itself does not show one (sessions that an agent keeps), or shows more
   * than one (a token that changes). A response that is not `public` answers only requests for which the function returns
   * the same string; headers and members of `init` do not distinguish users then, except those in `userHeaders` if that
   * is given. It is called once for a request, before the call of `fetch` returns; the call rejects with what the function
   * throws. @defaultValue none: users are told apart by `userHeaders` and `init`
   */
  readonly user?: ((request: CacheUserRequest) => string) | undefined;
  /**
   * The request headers that tell users apart: a response that is not `public` answers only requests that have the same
   * value in all of them. An array of header names. A shorter list gives more hits; a list without a header that carries
   * credentials gives one user's response to another. @defaultValue all headers, except those that never name a user:
   * the CORS-safelisted ones, the conditional, range and preference fields of RFC 9110, `cache-control`, `pragma`,
   * `user-agent`, `traceparent`, `tracestate`, `baggage`, `b3`, `x-b3-*`, `sentry-trace`, `x-request-id`,
   * `x-correlation-id`, `x-amzn-trace-id`, `idempotency-key`
   */
  readonly userHeaders?: readonly string[] | undefined;
  /**
   * How long a request waits for the response to an equal request of another caller, until its body is there, before it
   * goes to the origin on its own: a duration, finite, 0 for not at all. A request that has been in flight for longer than
   * that is not joined any more. A shorter time frees callers sooner from a stalled body; a longer one spares a slow
   * origin. @defaultValue '5s', as nginx's `proxy_cache_lock_timeout`
   */
  readonly lockTimeout?: Duration | undefined;
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
  readonly heuristic: number;
  readonly lockTimeoutMs: number;
  readonly users: UserRules;
  readonly store: ResponseStore;
  readonly bodies: BodyMemory;
}

const CACHED = 'cached';

const CACHED_DEFAULTS = {
  capacity: undefined,
  maxBytes: undefined,
  maxEntryBytes: undefined,
  store: undefined,
  heuristic: 0.1,
  user: undefined,
  userHeaders: undefined,
  lockTimeout: '5s' as const,
  name: 'breakwater',
  clock: undefined,
  now: undefined,
};

const MIB = 1_048_576;

export function checkCachedFetchOptions(options: CachedFetchOptions | undefined): CachedSettings {
  const own = readOptions<CachedFetchOptions>(CACHED, options, CACHED_DEFAULTS);
  const clock = checkClock(CACHED, own.clock);
  const { capacity = 10_000, maxBytes = 50 * MIB, now = () => Date.now() } = own;
  // A store of the caller's own has its own bounds.
  const most = own.store === undefined ? checkInteger(CACHED, 'maxBytes', maxBytes, { min: 1 }) : Infinity;
  const { maxEntryBytes = Math.min(5 * MIB, most) } = own;
  const bounded = own.store === undefined ? makeStore(capacity, most, clock) : undefined;
  const store = bounded ?? checkStore(own.store as CacheLike<string, StoredResponses>, own);
  checkInteger(CACHED, 'maxEntryBytes', maxEntryBytes, { min: 0, max: most });
  return {
    name: checkToken('name', own.name),
    clock,
    now: checkFunction(CACHED, 'now', now),
    maxEntryBytes,
    heuristic: checkNumber(CACHED, 'heuristic', own.heuristic, { min: 0, max: 1 }),
    lockTimeoutMs: toMs(CACHED, 'lockTimeout', own.lockTimeout, { orZero: true }),
    users: {
      user: own.user === undefined ? undefined : checkFunction(CACHED, 'user', own.user),
      userHeaders: own.userHeaders === undefined ? undefined : checkHeaderNames(own.userHeaders),
    },
    store: new ResponseStore(store, () => bounded?.room ?? Infinity),
    bodies: bounded?.bodies ?? new BodyMemory(Math.max(50 * MIB, maxEntryBytes), () => {}),
  };
}

function makeStore(capacity: number, maxBytes: number, clock: Clock): BoundedStore {
  return new BoundedStore(checkInteger(CACHED, 'capacity', capacity, { min: 1 }), maxBytes, clock);
}

function checkStore<S>(store: S, given: CachedFetchOptions): S {
  for (const option of ['capacity', 'maxBytes'] as const) {
    if (given[option] === undefined) continue;
    throw new InvalidOptionError(CACHED, option, 'has no effect beside "store"', given[option]);
  }
  return checkCacheLike(CACHED, 'store', store);
}

const isToken = (value: unknown): value is string => typeof value === 'string' && TOKEN.test(value);

function checkToken(option: string, value: unknown): string {
  if (isToken(value)) return value;
  throw new InvalidOptionError(CACHED, option, 'must be a token of HTTP', value);
}

function checkHeaderNames(names: unknown): string[] {
  if (Array.isArray(names) && names.every(isToken)) return names.map((name) => name.toLowerCase());
  throw new InvalidOptionError(CACHED, 'userHeaders', 'must be an array of names of headers', names);
}
