import { type Clock, checkClock } from '../core/clock.js';
import { type Clone, checkClone } from '../core/clone.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkMethods, checkName, checkNumber, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import type { CacheLike } from './cache-like.js';
import type { CachedEntry, EarlyRefresh, StaleWindows } from './entry.js';

/** The second argument of `load`. */
export interface LoadContext<V> {
  /** Aborts when no caller waits for this load any longer. Pass it on to `fetch` or to the database driver. */
  readonly signal: AbortSignal;
  /**
   * The value that the cache still holds for the key, fresh or not: for a conditional request (`If-None-Match`).
   * `undefined` if the cache holds no value for the key.
   */
  readonly previous: V | undefined;
}

/** The second argument of `loadMany`. */
export interface LoadManyContext {
  /** Aborts when no caller waits for any of the keys in this call any longer. */
  readonly signal: AbortSignal;
}

/**
 * The result of `loadMany`: a `Map` by key, or an array in the order of the keys. An `Error` in the place of a value
 * fails that key only.
 */
export type LoadedMany<K, V> = ReadonlyMap<K, V | Error> | readonly (V | Error)[];

/** How `loadMany` collects keys into one call. */
export interface BatchOptions {
  /** The largest number of keys in one call of `loadMany`: an integer ≥ 1, or `Infinity`. @defaultValue 100 */
  readonly maxSize?: number | undefined;
  /**
   * How long a batch waits for further keys after its first key: a duration ≥ 0. With 0 the batch is sent at the end of
   * the current turn of the event loop. A longer wait makes larger batches and slower misses. @defaultValue 0
   */
  readonly maxWait?: Duration | undefined;
}

/** The options of `loadingCache`. Either `load` or `loadMany` is required, and either `capacity` or `cache`. */
export interface LoadingCacheOptions<K, V> {
  /** Loads the value of one key. Required unless `loadMany` is given; only one of the two is allowed. */
  readonly load?: ((key: K, context: LoadContext<V>) => V | PromiseLike<V>) | undefined;
  /**
   * Loads the values of many keys in one call: of the keys missed in one turn of the event loop, or as `batch` says.
   * Use it if the data source can answer many keys in one request. Only one of `load` and `loadMany` is allowed.
   */
  readonly loadMany?:
    | ((keys: readonly K[], context: LoadManyContext) => LoadedMany<K, V> | PromiseLike<LoadedMany<K, V>>)
    | undefined;
  /** How `loadMany` collects its keys. Allowed only with `loadMany`. */
  readonly batch?: BatchOptions | undefined;
  /**
   * The largest number of entries: an integer from 1 to 16,777,215. The loading cache then keeps its entries in an
   * `LruCache`. Required unless `cache` is given; only one of the two is allowed.
   */
  readonly capacity?: number | undefined;
  /**
   * The cache that holds the entries, for another eviction policy than LRU. Only the loading cache may write to it: a
   * value that other code stores in it would be read as an entry.
   */
  readonly cache?: CacheLike<K, CachedEntry<V>> | undefined;
  /**
   * How long a value is fresh: a duration above 0, `Infinity`, or a function that computes one per value and may also
   * return 0, for a value that is not fresh at all. @defaultValue `Infinity`
   */
  readonly ttl?: Duration | ((value: V, key: K) => Duration) | undefined;
  /**
   * Copies each value that is read or set, so that a caller that changes its value does not change the cached one:
   * 'structured' for `structuredClone`, or a function that returns a copy. Each read then costs a copy.
   * @defaultValue none: all callers share one value
   */
  readonly clone?: Clone<V> | undefined;
  /**
   * The largest share of its TTL that a value loses at random, in [0, 1). Values that were stored together then do not
   * expire together. @defaultValue 0
   */
  readonly ttlJitter?: number | undefined;
  /**
   * How long after its TTL a stale value is still served immediately while it is reloaded in the background: a duration
   * ≥ 0 or `Infinity` (RFC 5861). @defaultValue 0
   */
  readonly staleWhileRevalidate?: Duration | undefined;
  /**
   * How long after its TTL a stale value is still served if its load fails, or takes longer than a timeout: a duration
   * ≥ 0 or `Infinity` (RFC 5861). @defaultValue 0
   */
  readonly staleIfError?: Duration | undefined;
  /**
   * How long a failed load is remembered: a duration ≥ 0, `Infinity`, or a function that computes one per error. Until
   * then the key is not loaded again. Reads get the stale value if there is one, and otherwise the same error. With 0
   * the failure is not remembered. @defaultValue 0
   */
  readonly negativeTtl?: Duration | ((error: unknown, key: K) => Duration) | undefined;
  /**
   * The share of the TTL after which a read reloads the fresh value in the background: in (0, 1). With 0.8, a key that
   * is read often is reloaded before it becomes stale. @defaultValue none: a fresh value is not reloaded
   */
  readonly refreshAhead?: number | undefined;
  /**
   * Beta of XFetch: how early reads reload a value at random before its TTL ends. A number above 0; 1 is usual, and a
   * larger one reloads earlier. @defaultValue none: no early reload
   */
  readonly earlyExpiration?: number | undefined;
  /**
   * How long a read waits for a load before it takes the stale value, if `staleIfError` allows one. The load continues
   * and its value is kept. A duration above 0 and below `hardTimeout`; requires a `staleIfError` longer than
   * `staleWhileRevalidate`. @defaultValue none: the read waits for the load
   */
  readonly softTimeout?: Duration | undefined;
  /**
   * How long a read waits at most: a duration above 0. Then it takes the stale value if `staleIfError` allows one, and
   * otherwise rejects with a `TimeoutError`. @defaultValue none: the read waits for the load
   */
  readonly hardTimeout?: Duration | undefined;
  /**
   * Computes the tags of a value, for `deleteMatching` and `expireMatching`. @defaultValue none: values have no tags
   */
  readonly tags?: ((value: V, key: K) => readonly string[]) | undefined;
  /**
   * The policy that runs each load: a retry, a circuit breaker, a bulkhead or a pipeline of them. The key is passed on
   * as the policy's `key` if it is a string, a number or a bigint. @defaultValue none
   */
  readonly policy?: Policy<V> | undefined;
  /** The name of the cache in errors. @defaultValue the name of the factory */
  readonly name?: string | undefined;
  /** The clock for TTLs and timeouts. Tests pass a `TestClock`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /**
   * The source of randomness for `ttlJitter` and `earlyExpiration`: returns numbers in [0, 1).
   * @defaultValue `Math.random`
   */
  readonly random?: Random | undefined;
}

/**
 * The options for a loader that does not read `context.previous`. If the type of `context` contained `V`, TypeScript
 * would fix `V` before it had inferred it from the loader's result.
 */
export type WithLoad<K, V, O> = Omit<O, 'load'> & {
  readonly load: (key: K, context: LoadContext<unknown>) => V | PromiseLike<V>;
};

/** The defaults of all options except `load`, `loadMany` and `batch`. `memoize` shares them. */
export const LOADING_CACHE_DEFAULTS = {
  capacity: undefined,
  cache: undefined,
  ttl: Infinity,
  ttlJitter: 0,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  negativeTtl: 0,
  refreshAhead: undefined,
  earlyExpiration: undefined,
  softTimeout: undefined,
  hardTimeout: undefined,
  tags: undefined,
  clone: undefined,
  policy: undefined,
  name: undefined,
  clock: undefined,
  random: undefined,
} as const;

/** Reads the options and fills in the defaults. Does not check the values. */
export function readLoadingOptions<K, V>(owner: string, options: LoadingCacheOptions<K, V>) {
  return readOptions(owner, options, {
    ...LOADING_CACHE_DEFAULTS,
    load: undefined,
    loadMany: undefined,
    batch: undefined,
  });
}

type OwnKeepingOptions<K, V> = Omit<ReturnType<typeof readLoadingOptions<K, V>>, 'load' | 'loadMany' | 'batch'>;

/** The checked options of a loading cache. */
export interface LoadingSettings<K, V> {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly ttlMs: (value: V, key: K) => number;
  readonly negativeMs: (error: unknown, key: K) => number;
  readonly jitter: number;
  readonly windows: StaleWindows;
  readonly early: EarlyRefresh;
  readonly softLimits: DeadlineList | undefined;
  readonly hardLimits: DeadlineList | undefined;
  readonly tagsOf: (value: V, key: K) => readonly string[];
  /** Copies a value; undefined if values are shared. */
  readonly clone: ((value: V) => V) | undefined;
}

export function checkLoadingOptions<K, V>(owner: string, own: OwnKeepingOptions<K, V>): LoadingSettings<K, V> {
  const { refreshAhead, earlyExpiration, tags } = own;
  const clock = checkClock(owner, own.clock);
  const limits = (option: 'softTimeout' | 'hardTimeout') =>
    own[option] === undefined ? undefined : new DeadlineList(clock, toMs(owner, option, own[option]));
  const [softLimits, hardLimits] = [limits('softTimeout'), limits('hardTimeout')];
  if (softLimits !== undefined && hardLimits !== undefined && softLimits.durationMs >= hardLimits.durationMs) {
    throw new InvalidOptionError(owner, 'softTimeout', 'must be less than "hardTimeout"', own.softTimeout);
  }
  const windows = {
    revalidateMs: toMs(owner, 'staleWhileRevalidate', own.staleWhileRevalidate, { orZero: true, orInfinity: true }),
    errorMs: toMs(owner, 'staleIfError', own.staleIfError, { orZero: true, orInfinity: true }),
  };
  if (softLimits !== undefined && windows.errorMs <= windows.revalidateMs) {
    const rule =
      'needs a "staleIfError" longer than "staleWhileRevalidate": otherwise no waiting read has a stale value';
    throw new InvalidOptionError(owner, 'softTimeout', rule, own.softTimeout);
  }
  return {
    name: checkName(owner, own.name),
    clock,
    random: checkRandom(owner, own.random),
    ttlMs: durationOf(owner, 'ttl', own.ttl, false),
    negativeMs: durationOf(owner, 'negativeTtl', own.negativeTtl, true),
    jitter: checkBelowOne(owner, 'ttlJitter', checkNumber(owner, 'ttlJitter', own.ttlJitter, { min: 0 })),
    windows,
    early: {
      share: refreshAhead === undefined ? 1 : checkShare(owner, 'refreshAhead', refreshAhead),
      beta: earlyExpiration === undefined ? 0 : checkNumber(owner, 'earlyExpiration', earlyExpiration, { above: 0 }),
    },
    softLimits,
    hardLimits,
    tagsOf: tags === undefined ? () => NO_TAGS : checkedTags(owner, checkFunction(owner, 'tags', tags)),
    clone: checkClone(owner, own.clone),
  };
}

export const NO_TAGS: readonly string[] = [];

/** Returns a copy, because the caller's array may change later. */
export function checkTagList(owner: string, tags: readonly string[]): readonly string[] {
  if (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string')) return [...tags];
  throw new InvalidOptionError(owner, 'tags', 'must be an array of strings', tags);
}

export function checkBatchOptions(
  owner: string,
  batch: BatchOptions | undefined,
): { maxSize: number; maxWaitMs: number } {
  const own = readOptions(owner, batch, { maxSize: 100, maxWait: 0 }, 'batch');
  return {
    maxSize: checkInteger(owner, 'batch.maxSize', own.maxSize, { min: 1, orInfinity: true }),
    maxWaitMs: toMs(owner, 'batch.maxWait', own.maxWait, { orZero: true }),
  };
}

export function checkPolicy<V>(owner: string, policy: Policy<V> | undefined, option = 'policy'): Policy<V> | undefined {
  return policy === undefined ? undefined : checkMethods(owner, option, policy, ['execute', 'run', 'describe']);
}

function checkShare(owner: string, option: string, value: number): number {
  return checkBelowOne(owner, option, checkNumber(owner, option, value, { above: 0 }));
}

function checkBelowOne(owner: string, option: string, value: number): number {
  if (value < 1) return value;
  throw new InvalidOptionError(owner, option, 'must be below 1', value);
}

/** Turns a duration, or a function that returns one, into a function. A function may always return 0. */
function durationOf<A, K>(
  owner: string,
  option: string,
  given: Duration | ((about: A, key: K) => Duration),
  orZero: boolean,
): (about: A, key: K) => number {
  if (typeof given === 'function') {
    return (about, key) => toMs(owner, option, given(about, key), { orZero: true, orInfinity: true });
  }
  const ms = toMs(owner, option, given, { orZero, orInfinity: true });
  return () => ms;
}

function checkedTags<K, V>(
  owner: string,
  tags: (value: V, key: K) => readonly string[],
): LoadingSettings<K, V>['tagsOf'] {
  return (value, key) => checkTagList(owner, tags(value, key));
}
