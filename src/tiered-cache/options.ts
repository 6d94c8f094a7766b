import { circuitBreaker } from '../circuit-breaker/index.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkMethods, checkString, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import type { CacheLike } from '../loading-cache/cache-like.js';
import type { CachedEntry } from '../loading-cache/entry.js';
import { type LoadingCacheSetOptions, metadataOf } from '../loading-cache/entry-store.js';
import {
  checkLoadingOptions,
  checkPolicy,
  KEEPING_DEFAULTS,
  type LoadingCacheOptions,
  type LoadingSettings,
} from '../loading-cache/options.js';
import type { EntryMetadata } from '../loading-cache/source.js';
import { timeout } from '../timeout/index.js';
import type { CacheStore } from './cache-store.js';
import { jsonSerializer, RecordCodec, type Serializer } from './record-codec.js';
import type { SecondTierSettings } from './second-tier.js';
import type { EntryLifetimes } from './tiered-source.js';

/** The tier in this process: so many entries of an `LruCache`, or a cache that it has for itself. */
export type FirstTier<V> = { readonly capacity: number } | CacheLike<string, CachedEntry<V>>;

/** What is up to two tiers, with or without something to load from. */
export interface TierOptions<D> {
  /**
   * How long a value may be served from this process before the second tier is asked again: how old it can be when other
   * processes write and there is no bus. @defaultValue as long as it is fresh
   */
  readonly l1Ttl?: Duration | undefined;
  /** How long a call to the second tier may take. @defaultValue '250ms' */
  readonly l2Timeout?: Duration | undefined;
  /** What calls to the second tier go through. @defaultValue a `circuitBreaker` that 5 failures in a row open for 1 s */
  readonly l2Policy?: Policy | undefined;
  /** What keys and tags begin with in the second tier, so that caches can share it. @defaultValue '' */
  readonly prefix?: string | undefined;
  /** Makes data of values for the second tier. @defaultValue JSON, for a store of strings */
  readonly serializer?: Serializer<D> | undefined;
}

/** Of a store of anything but strings somebody must say how values become that. */
export type NeedsSerializer<D> = [D] extends [string] ? unknown : { readonly serializer: Serializer<D> };

/** Two tiers that load what neither has: the options of a `loadingCache`, and those of the tiers. */
export interface TieredLoadingOptions<V, D>
  extends Omit<LoadingCacheOptions<string, V>, 'capacity' | 'cache'>,
    TierOptions<D> {}

/** Two tiers that are filled from outside. */
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

/** What says something only of loads. */
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

/** The options with their defaults, not checked yet. */
export function readTieredOptions<V, D>(owner: string, options: TieredLoadingOptions<V, D>) {
  const { capacity, cache, ...keeping } = KEEPING_DEFAULTS;
  const own = readOptions(owner, options, { ...keeping, ...ORIGIN_DEFAULTS, ...TIER_DEFAULTS });
  if (own.load !== undefined || own.loadMany !== undefined) return own;
  for (const option of ABOUT_LOADS) {
    const given = options[option];
    if (given !== undefined) throw new InvalidOptionError(owner, option, 'needs "load" or "loadMany"', given);
  }
  return own;
}

type OwnTieredOptions<V, D> = ReturnType<typeof readTieredOptions<V, D>>;

/** What two tiers go by; everything is checked. */
export interface TieredSettings<V, D> {
  /** Of the first tier, as a loading cache: how long values live it is told with each. */
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
  const readingMs = toMs(owner, 'l2Timeout', own.l2Timeout);
  const serializer = (own.serializer ?? jsonSerializer) as Serializer<D>;
  checkMethods(owner, 'serializer', serializer, ['serialize', 'deserialize']);
  const breaker = () => circuitBreaker({ name: `${name} l2`, consecutiveFailures: 5, openFor: '1s', clock });
  return {
    loading: { ...loading, jitter: 0 },
    lifetimes: new OptionLifetimes(loading, toMs(owner, 'l1Ttl', own.l1Ttl, { orInfinity: true }), readingMs),
    tier: {
      store: checkStore(owner, store),
      records: new RecordCodec<V, D>(serializer, Math.max(windows.revalidateMs, windows.errorMs)),
      prefix: checkString(owner, 'prefix', own.prefix),
      policy: checkPolicy(owner, own.l2Policy, 'l2Policy') ?? breaker(),
      deadline: timeout({ name: `${name} l2`, duration: readingMs, clock }),
      clock,
    },
  };
}

function checkStore<D>(owner: string, store: CacheStore<D>): CacheStore<D> {
  const required = ['get', 'set', 'delete', 'deleteMatching'] as const;
  checkMethods(owner, 'l2', store, required);
  return checkMethods(owner, 'l2', store, store.getMany === undefined ? required : [...required, 'getMany']);
}

/** As the options say. */
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
