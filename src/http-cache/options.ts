import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkNumber, readOptions } from '../core/options.js';
import { TOKEN } from '../http-fields/cache-control.js';
import { type CacheLike, checkCacheLike } from '../loading-cache/cache-like.js';
import { BodyMemory } from './body-memory.js';
import type { CacheUserRequest, UserRules } from './request-identity.js';
import { BoundedStore, ResponseStore, type StoredResponses } from './response-store.js';

/** The options of `cachedFetch`. */
export interface CachedFetchOptions {
  /** The largest number of stored URLs: an integer ≥ 1. The least recently used URL is evicted. @defaultValue 10_000 */
  readonly capacity?: number | undefined;
  /**
   * The approximate memory for all responses together, in bytes: an integer ≥ 1. It covers stored responses, and bodies
   * that have arrived from the origin but were not read yet. If there is no room, the least recently used response is
   * evicted; if that is not enough, a body is passed on as it is read and is not stored. @defaultValue 50 MiB
   */
  readonly maxBytes?: number | undefined;
  /**
   * The largest body that is stored, in bytes: an integer from 0 to `maxBytes`. A longer body is passed on without
   * being stored. @defaultValue 5 MiB
   */
  readonly maxEntryBytes?: number | undefined;
  /**
   * The cache that holds the responses, in place of an `LruCache` with `capacity` and `maxBytes`: a `Map`, an
   * `lru-cache` or a cache of this package. It must limit its own size. Only `cachedFetch` may write to it. Its errors
   * are reported as uncaught errors and do not fail a request. @defaultValue none
   */
  readonly store?: CacheLike<string, StoredResponses> | undefined;
  /**
   * The freshness of a response without explicit freshness information, as a share of the time since its
   * `Last-Modified` date: a number in [0, 1]. The result is limited to one day; with 0 such a response is never fresh.
   * @defaultValue 0.1
   */
  readonly heuristic?: number | undefined;
  /**
   * Returns the name of the user of a request. Use it if the request itself does not show its user (a session that an
   * agent keeps), or if equal users look different (a token that changes). A response that is not `public` is served
   * only to requests with the same name. Headers and members of `init` then do not distinguish users, except those in
   * `userHeaders` if that option is set. The function is called once per request, before `fetch` returns. If it throws,
   * the request rejects with its error. @defaultValue none: users are distinguished by `userHeaders` and `init`
   */
  readonly user?: ((request: CacheUserRequest) => string) | undefined;
  /**
   * The names of the request headers that distinguish users. A response that is not `public` is served only to requests
   * with the same values of all these headers. A shorter list increases the hit ratio. A list without a header that
   * carries credentials serves the response of one user to another. @defaultValue all headers, except those that never
   * name a user: the CORS-safelisted ones, the conditional, range and preference fields of RFC 9110, `cache-control`,
   * `pragma`, `user-agent`, `traceparent`, `tracestate`, `baggage`, `b3`, `x-b3-*`, `sentry-trace`, `x-request-id`,
   * `x-correlation-id`, `x-amzn-trace-id`, `idempotency-key`
   */
  readonly userHeaders?: readonly string[] | undefined;
  /**
   * How long a request waits for the complete response to an equal request of another caller, before it is sent to the
   * origin itself: a finite duration ≥ 0. A request that has been in flight for longer is not joined any more. A
   * shorter time limits the effect of a stalled body; a longer one sends fewer requests to a slow origin.
   * @defaultValue `'5s'`, as nginx's `proxy_cache_lock_timeout`
   */
  readonly lockTimeout?: Duration | undefined;
  /** The name of the cache in `Cache-Status` fields: a token (RFC 9110). @defaultValue `'breakwater'` */
  readonly name?: string | undefined;
  /** The clock that measures ages. Tests pass a `TestClock`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** Returns the time of day in milliseconds since 1970, to compare with dates in headers. @defaultValue `Date.now` */
  readonly now?: (() => number) | undefined;
}

/** The checked options of `cachedFetch`. */
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

const OWNER = 'cachedFetch';

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
  const own = readOptions<CachedFetchOptions>(OWNER, options, CACHED_DEFAULTS);
  const clock = checkClock(OWNER, own.clock);
  const { capacity = 10_000, maxBytes = 50 * MIB, now = () => Date.now() } = own;
  // A store of the caller limits its own size.
  const most = own.store === undefined ? checkInteger(OWNER, 'maxBytes', maxBytes, { min: 1 }) : Infinity;
  const { maxEntryBytes = Math.min(5 * MIB, most) } = own;
  const bounded = own.store === undefined ? makeStore(capacity, most, clock) : undefined;
  const store = bounded ?? checkStore(own.store as CacheLike<string, StoredResponses>, own);
  checkInteger(OWNER, 'maxEntryBytes', maxEntryBytes, { min: 0, max: most });
  return {
    name: checkToken('name', own.name),
    clock,
    now: checkFunction(OWNER, 'now', now),
    maxEntryBytes,
    heuristic: checkNumber(OWNER, 'heuristic', own.heuristic, { min: 0, max: 1 }),
    lockTimeoutMs: toMs(OWNER, 'lockTimeout', own.lockTimeout, { orZero: true }),
    users: {
      user: own.user === undefined ? undefined : checkFunction(OWNER, 'user', own.user),
      userHeaders: own.userHeaders === undefined ? undefined : checkHeaderNames(own.userHeaders),
    },
    store: new ResponseStore(store, () => bounded?.room ?? Infinity),
    bodies: bounded?.bodies ?? new BodyMemory(Math.max(50 * MIB, maxEntryBytes), () => {}),
  };
}

function makeStore(capacity: number, maxBytes: number, clock: Clock): BoundedStore {
  return new BoundedStore(checkInteger(OWNER, 'capacity', capacity, { min: 1 }), maxBytes, clock);
}

function checkStore<S>(store: S, given: CachedFetchOptions): S {
  for (const option of ['capacity', 'maxBytes'] as const) {
    if (given[option] === undefined) continue;
    throw new InvalidOptionError(OWNER, option, 'has no effect beside "store"', given[option]);
  }
  return checkCacheLike(OWNER, 'store', store);
}

const isToken = (value: unknown): value is string => typeof value === 'string' && TOKEN.test(value);

function checkToken(option: string, value: unknown): string {
  if (isToken(value)) return value;
  throw new InvalidOptionError(OWNER, option, 'must be a token (RFC 9110)', value);
}

function checkHeaderNames(names: unknown): string[] {
  if (Array.isArray(names) && names.every(isToken)) return names.map((name) => name.toLowerCase());
  throw new InvalidOptionError(OWNER, 'userHeaders', 'must be an array of header names', names);
}
