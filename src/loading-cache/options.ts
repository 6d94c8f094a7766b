import { type Clock, checkClock } from '../core/clock.js';
import { DeadlineList } from '../core/deadline-list.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkMethods, checkName, checkNumber, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import type { CacheLike } from './cache-like.js';
import type { CachedEntry, EarlyRefresh, StaleWindows } from './entry.js';

/** What a loader is told besides its key. */
export interface LoadContext<V> {
  /** Aborts when nobody waits for this load any longer. Pass it on to `fetch` and the like. */
  readonly signal: AbortSignal;
  /** What the cache still has of the key, however old: for an `If-None-Match`. Undefined also when there is nothing. */
  readonly previous: V | undefined;
}

/** What a loader of many keys is told besides them. */
export interface LoadManyContext {
  /** Aborts when nobody waits for any of these keys any longer. */
  readonly signal: AbortSignal;
}

/** What was found for many keys: by key, or in their order. An `Error` in a value's place is the failure of that key alone. */
export type LoadedMany<K, V> = ReadonlyMap<K, V | Error> | readonly (V | Error)[];

export interface BatchOptions {
  /** How many keys are asked for at once: an integer ≥ 1; `Infinity` allowed. @defaultValue 100 */
  readonly maxSize?: number | undefined;
  /** How long a batch waits for more keys after its first. 0: until the end of this turn of the event loop. @defaultValue 0 */
  readonly maxWait?: Duration | undefined;
}

export interface LoadingCacheOptions<K, V> {
  /** Brings the value of a key. Either this or `loadMany`. */
  readonly load?: ((key: K, context: LoadContext<V>) => V | PromiseLike<V>) | undefined;
  /** Brings the values of many keys: of all that are missed in one turn of the event loop. */
  readonly loadMany?:
    | ((keys: readonly K[], context: LoadManyContext) => LoadedMany<K, V> | PromiseLike<LoadedMany<K, V>>)
    | undefined;
  /** How `loadMany` collects its keys. */
  readonly batch?: BatchOptions | undefined;
  /** How many entries an `LruCache` keeps: an integer ≥ 1. Either this or `cache`. */
  readonly capacity?: number | undefined;
  /** Keeps the entries. It belongs to the loading cache from then on: what others put in would be taken for an entry. */
  readonly cache?: CacheLike<K, CachedEntry<V>> | undefined;
  /** How long a value is fresh; a function may give 0, for not at all. `Infinity` for ever. @defaultValue `Infinity` */
  readonly ttl?: Duration | ((value: V, key: K) => Duration) | undefined;
  /** What share of its ttl a value may lose at random, so that what was stored together does not expire together: in [0, 1). @defaultValue 0 */
  readonly ttlJitter?: number | undefined;
  /** How long a value that is no longer fresh is served while it is loaded anew. ≥ 0. @defaultValue 0 */
  readonly staleWhileRevalidate?: Duration | undefined;
  /** How long a value that is no longer fresh is served when its load fails, or is late. ≥ 0. @defaultValue 0 */
  readonly staleIfError?: Duration | undefined;
  /**
   * How long a failure is kept: no load of its key is tried meanwhile. Readers have the stale value if there is one, else
   * the error. A function may give 0, for not at all. @defaultValue 0
   */
  readonly negativeTtl?: Duration | ((error: unknown, key: K) => Duration) | undefined;
  /** The share of its ttl after which a read has the value loaded anew in the background: in (0, 1). @defaultValue none */
  readonly refreshAhead?: number | undefined;
  /** XFetch's beta: how eagerly reads shortly before the end of the ttl have the value loaded anew. Above 0; 1 is usual. @defaultValue none */
  readonly earlyExpiration?: number | undefined;
  /** After how long a reader has the stale value, where `staleIfError` allows, rather than wait on. The load goes on. @defaultValue none */
  readonly softTimeout?: Duration | undefined;
  /** After how long a reader has a `TimeoutError`, or the stale value as by `softTimeout`. @defaultValue none */
  readonly hardTimeout?: Duration | undefined;
  /** What a value can be invalidated by besides its key. @defaultValue none */
  readonly tags?: ((value: V, key: K) => readonly string[]) | undefined;
  /** What loads run under: a retry, a breaker, a bulkhead, a pipeline of them. Its context has keys that are strings, or numbers as such. */
  readonly policy?: Policy<V> | undefined;
  /** What it goes by in errors. @defaultValue the name of the factory */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** Draws jitter and early refreshes. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/**
 * The options of whoever does not look at what there was: with a context that has `V` in it, TypeScript would settle what
 * `V` is before it has seen what the loader brings.
 */
export type WithLoad<K, V, O> = Omit<O, 'load'> & {
  readonly load: (key: K, context: LoadContext<unknown>) => V | PromiseLike<V>;
};

/** Of all but what loads. */
export const KEEPING_DEFAULTS = {
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
  policy: undefined,
  name: undefined,
  clock: undefined,
  random: undefined,
} as const;

/** The options with their defaults, not checked yet. */
export function readLoadingOptions<K, V>(owner: string, options: LoadingCacheOptions<K, V>) {
  return readOptions(owner, options, { ...KEEPING_DEFAULTS, load: undefined, loadMany: undefined, batch: undefined });
}

type OwnKeepingOptions<K, V> = Omit<ReturnType<typeof readLoadingOptions<K, V>>, 'load' | 'loadMany' | 'batch'>;

/** What a loading cache goes by; everything is checked. */
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
    const rule = 'needs a "staleIfError" longer than "staleWhileRevalidate": nobody waits who could have a stale value';
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
  };
}

export const NO_TAGS: readonly string[] = [];

/** A copy: the caller's list may change. */
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

/** A duration, or a function that gives one each time: 0 is allowed where it makes sense. */
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
