import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkOptionalFunction, readOptions } from '../core/options.js';
import { createCache, type LoadingCache } from './loading-cache.js';
import { checkLoadingOptions, checkPolicy, LOADING_CACHE_DEFAULTS, type LoadingCacheOptions } from './options.js';
import { LoaderSource, type Source } from './source.js';

type CacheOptionsOfMemoize<K, V> = Omit<LoadingCacheOptions<K, V>, 'load' | 'loadMany' | 'batch'>;

/** The options of `memoize`: those of `loadingCache`, except that the function takes the place of the loader. */
export interface MemoizeOptions<A extends readonly unknown[], K, V> extends CacheOptionsOfMemoize<K, V> {
  /**
   * Computes the cache key from the arguments: calls with the same key share one value. Required unless the function
   * has at most one argument and that is a string, number, bigint, boolean, null or undefined.
   * @defaultValue the argument itself
   */
  readonly key?: ((...args: A) => K) | undefined;
}

type Primitive = string | number | bigint | boolean | null | undefined;

/** Requires `key` for a function with more than one argument, or with an argument that is not a primitive. */
type NeedsKey<A extends readonly unknown[], K> = A extends readonly [] | readonly [Primitive?]
  ? unknown
  : { readonly key: (...args: A) => K };

/**
 * The cache of a memoized function. It has no method that loads a value, because a load needs the arguments of a call.
 */
export type MemoizeCache<K, V> = Omit<LoadingCache<K, V>, 'get' | 'getMany' | 'getSync' | 'refresh' | 'warmUp'>;

/** A function made by `memoize`. */
export interface Memoized<A extends readonly unknown[], K, V> {
  (...args: A): Promise<V>;
  /** The cache with the results, for invalidation and statistics. */
  readonly cache: MemoizeCache<K, V>;
}

/**
 * Wraps a function so that its results are cached: a `loadingCache` whose loader is the function.
 *
 * Calls with the same key share one call of the function (single flight), and its result while that is fresh.
 * Concurrent calls also share a failure. A failure is not cached unless `negativeTtl` is set.
 *
 * Cost: that of a `loadingCache`, plus one call of `key` and one closure per call.
 *
 * @throws InvalidOptionError if an option is missing or out of range. If the arguments need a `key` function and there
 * is none, the call rejects with it: an object is a different key each time it is made and would never be found again.
 * ```ts
 * const priceOf = memoize(async (product: string, currency: string) => ({ product, currency, amount: 1 }), {
 *   key: (product, currency) => `${product}:${currency}`,
 *   capacity: 1000,
 *   ttl: '1m',
 * });
 * await priceOf('book', 'EUR');
 * priceOf.cache.deleteMatching({ prefix: 'book:' });
 * ```
 */
export function memoize<A extends readonly unknown[], V, K = A[0]>(
  fn: (...args: A) => V | PromiseLike<V>,
  options: MemoizeOptions<A, K, V> & NeedsKey<A, K>,
): Memoized<A, K, V> {
  const owner = 'memoize';
  checkFunction(owner, 'fn', fn);
  const given: MemoizeOptions<A, K, V> = options;
  const own = readOptions(owner, given, { ...LOADING_CACHE_DEFAULTS, key: undefined });
  const keyOf = checkOptionalFunction(owner, 'key', own.key) ?? ((...args: A) => onlyArgument(owner, args) as K);
  const policy = checkPolicy(owner, own.policy);
  const cache = createCache<K, V>(owner, own, checkLoadingOptions<K, V>(owner, own), noSource);
  const memoized = (...args: A): Promise<V> => {
    try {
      return cache.getFrom(new LoaderSource<K, V>(() => fn(...args), policy), keyOf(...args));
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.assign(memoized, { cache: cache as MemoizeCache<K, V> });
}

/** The source of the cache itself, for JavaScript callers that use a loading method in spite of the type. */
const noSource: Source<unknown, never> = {
  load: () => Promise.reject(new TypeError('The cache of a memoized function cannot load: call the function')),
};

function onlyArgument(owner: string, args: readonly unknown[]): unknown {
  const [only] = args;
  const isPrimitive = (typeof only !== 'object' && typeof only !== 'function') || only === null;
  if (args.length <= 1 && isPrimitive) return only;
  const rule = 'is required unless there is at most one argument and that argument is a primitive';
  throw new InvalidOptionError(owner, 'key', rule, args);
}
