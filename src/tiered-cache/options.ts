import { circuitBreaker } from '../circuit-breaker/index.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkMethods, checkString, readOptions, type WithDefaults } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import type { CacheLike } from '../loading-cache/cache-like.js';
import type { CachedEntry } from '../loading-cache/entry.js';
import { type LoadingCacheSetOptions, metadataOf } from '../loading-cache/entry-store.js';
import {
  checkLoadingOptions,
  checkPolicy,
  LOADING_CACHE_DEFAULTS,
  type LoadingCacheOptions,
  type LoadingSettings,
} from '../loading-cache/options.js';
import type { EntryMetadata } from '../loading-cache/source.js';
import { timeout } from '../timeout/index.js';
import type { CacheStore } from './cache-store.js';
import { jsonSerializer, RecordCodec, type Serializer } from './record-codec.js';
import type { SecondTierSettings } from './second-tier.js';
import type { EntryLifetimes } from './tiered-source.js';

/** `T`, but TypeScript does not infer it from an argument of this type. `NoInfer` does the same since TypeScript 5.4. */
export type Fixed<T> = [T][T extends unknown ? 0 : never];

/** The first tier, in this process: the capacity of an `LruCache`, or a cache that only the tiered cache uses. */
export type FirstTier<V> = { readonly capacity: number } | CacheLike<string, CachedEntry<V>>;

/** The options of the two tiers, with or without a loader. */
export interface TierOptions<D> {
  /**
   * How long a value may be served from this process before the second tier is read again: a duration above 0, or
   * `Infinity`. It limits how outdated a value can be if other processes write and no bus shares their invalidations.
   * @defaultValue `Infinity`: as long as the value is fresh
   */
  readonly l1Ttl?: Duration | undefined;
  /** How long one call to the second tier may take: a duration above 0. @defaultValue `'250ms'` */
  readonly l2Timeout?: Duration | undefined;
  /**
   * The policy that runs each call to the second tier.
   * @defaultValue a `circuitBreaker` that opens for 1 s after 5 consecutive failures
   */
  readonly l2Policy?: Policy | undefined;
  /**
   * The prefix of all keys and tags in the second tier, so that several caches can share one store. @defaultValue `''`
   */
  readonly prefix?: string | undefined;
  /** Converts values to the data of the store and back. @defaultValue JSON, for a store of strings */
  readonly serializer?: Serializer<D> | undefined;
}

/** Requires a `serializer` for a store whose data is not a string. */
export type NeedsSerializer<D> = [D] extends [string] ? unknown : { readonly serializer: Serializer<D> };

/** The options of a tiered cache with a loader: those of a `loadingCache` and those of the tiers. */
export interface TieredLoadingOptions<V, D>
  extends Omit<LoadingCacheOptions<string, V>, 'capacity' | 'cache'>,
    TierOptions<D> {}

/** The options of a tiered cache without a loader: only `set` stores values. */
export interface TieredOptions<V, D>
  extends Pick<LoadingCacheOptions<string, V>, 'ttl' | 'ttlJitter' | 'tags' | 'name' | 'clock' | 'random'>,
    TierOptions<D> {
  readonly load?: undefined;
  readonly loadMany?: undefined;
}

const ORIGIN_DEFAULTS = { load: undefined, loadMany: undefined, batch: undefined } as const;

const TIER_DEFAULTS = {
  l1Ttl: Infinity,
  l2Timeout: '250ms',
  l2Policy: undefined,
  prefix: '',
  serializer: undefined,
} as const;

/** The options that are meaningless without a loader. */
const ABOUT_LOADS = [
  'batch',
  'policy',
  'staleWhileRevalidate',
  'staleIfError',
  'negativeTtl',
  'refreshAhead',
  'earlyExpiration',
  'softTimeout',
  'hardTimeout',
] as const;

type OwnTieredOptions<V, D> = WithDefaults<
  TieredLoadingOptions<V, D>,
  Omit<typeof LOADING_CACHE_DEFAULTS, 'capacity' | 'cache'> & typeof ORIGIN_DEFAULTS & typeof TIER_DEFAULTS
>;

/** Reads the options and fills in the defaults. Checks only that no option needs a loader that is missing. */
export function readTieredOptions<V, D>(owner: string, options: TieredLoadingOptions<V, D>): OwnTieredOptions<V, D> {
  const { capacity, cache, ...keeping } = LOADING_CACHE_DEFAULTS;
  const own = readOptions(owner, options, { ...keeping, ...ORIGIN_DEFAULTS, ...TIER_DEFAULTS });
  if (own.load !== undefined || own.loadMany !== undefined) return own;
  for (const option of ABOUT_LOADS) {
    const given = options[option];
    if (given !== undefined) throw new InvalidOptionError(owner, option, 'needs "load" or "loadMany"', given);
  }
  return own;
}

/** The checked options of a tiered cache. */
export interface TieredSettings<V, D> {
  /** The settings of the first tier, a loading cache. Its TTLs come with each loaded value. */
  readonly loading: LoadingSettings<string, V>;
  readonly tier: SecondTierSettings<V, D>;
  readonly lifetimes: EntryLifetimes<V>;
}

export function checkTieredOptions<V, D>(
  owner: string,
  store: CacheStore<D>,
  own: OwnTieredOptions<V, D>,
): TieredSettings<V, D> {
  const loading = checkLoadingOptions<string, V>(owner, { ...own, capacity: undefined, cache: undefined });
  const { clock, name, windows } = loading;
  const timeoutMs = toMs(owner, 'l2Timeout', own.l2Timeout);
  const serializer = (own.serializer ?? jsonSerializer) as Serializer<D>;
  checkMethods(owner, 'serializer', serializer, ['serialize', 'deserialize']);
  const breaker = () => circuitBreaker({ name: `${name} l2`, consecutiveFailures: 5, openFor: '1s', clock });
  return {
    loading: { ...loading, jitter: 0 },
    lifetimes: new OptionLifetimes(loading, toMs(owner, 'l1Ttl', own.l1Ttl, { orInfinity: true }), timeoutMs),
    tier: {
      store: checkStore(owner, store),
      records: new RecordCodec<V, D>(serializer, Math.max(windows.revalidateMs, windows.errorMs)),
      prefix: checkString(owner, 'prefix', own.prefix),
      policy: checkPolicy(owner, own.l2Policy, 'l2Policy') ?? breaker(),
      deadline: timeout({ name: `${name} l2`, duration: timeoutMs, clock }),
      clock,
    },
  };
}

function checkStore<D>(owner: string, store: CacheStore<D>): CacheStore<D> {
  const required = ['get', 'set', 'delete', 'deleteMatching'] as const;
  checkMethods(owner, 'l2', store, required);
  return checkMethods(owner, 'l2', store, store.getMany === undefined ? required : [...required, 'getMany']);
}

/** Computes the lifetimes from the options. */
class OptionLifetimes<V> implements EntryLifetimes<V> {
  readonly readingMs: number;
  readonly #settings: LoadingSettings<string, V>;
  readonly #firstTierMs: number;

  constructor(settings: LoadingSettings<string, V>, firstTierMs: number, readingMs: number) {
    this.#settings = settings;
    this.#firstTierMs = firstTierMs;
    this.readingMs = readingMs;
  }

  metadataOf(value: V, key: string, own?: LoadingCacheSetOptions): EntryMetadata {
    return metadataOf(this.#settings, value, key, own);
  }

  inFirstTier(metadata: EntryMetadata): EntryMetadata {
    return { ...metadata, freshMs: Math.min(metadata.freshMs, this.#firstTierMs) };
  }
}
