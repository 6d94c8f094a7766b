import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkOptionalFunction, readOptions } from '../core/options.js';
import { type LoadingCache, LoadingCacheImpl } from './loading-cache.js';
import { checkLoadingOptions, checkPolicy, KEEPING_DEFAULTS, type LoadingCacheOptions } from './options.js';
import { LoaderSource, type Source } from './source.js';

type CacheOptionsOfMemoize<K, V> = Omit<LoadingCacheOptions<K, V>, 'load' | 'loadMany' | 'batch'>;

/** The options of a `loadingCache`, but for what loads: that is the function. */
export interface MemoizeOptions<A extends readonly unknown[], K, V> extends CacheOptionsOfMemoize<K, V> {
  /**
   * What calls share a value by. @defaultValue the argument itself, of a function with one argument that is a string, a
   * number, a bigint, a boolean, null or undefined
   */
  readonly key?: ((...args: A) => K) | undefined;
}

type Primitive = string | number | bigint | boolean | null | undefined;

/** Who has more than one argument, or one that is no primitive, has to say what calls share a value by. */
type NeedsKey<A extends readonly unknown[], K> = A extends readonly [] | readonly [Primitive?]
  ? unknown
  : { readonly key: (...args: A) => K };

/** What can be done to the values of a memoized function from outside, where nobody has arguments to load with. */
export type MemoizeCache<K, V> = Omit<LoadingCache<K, V>, 'get' | 'getMany' | 'getSync' | 'refresh' | 'warmUp'>;

export interface Memoized<A extends readonly unknown[], K, V> {
  (...args: A): Promise<V>;
  /** The values there are. */
  readonly cache: MemoizeCache<K, V>;
}

/**
 * A function that remembers what it answered: a `loadingCache` whose loader is the function.
 *
 * Calls with the same key share one call of the function, and its value for as long as that is fresh. A failure is shared
 * and not kept, unless `negativeTtl` says so.
 *
 * @throws InvalidOptionError for options that cannot work, and, as a rejection, for arguments that are no key without
 * `key`: an object is another one each time it is made, and would never be found again.
 * @example
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
  const own = readOptions(owner, given, { ...KEEPING_DEFAULTS, key: undefined });
  const keyOf = checkOptionalFunction(owner, 'key', own.key) ?? ((...args: A) => onlyArgument(owner, args) as K);
  const policy = checkPolicy(owner, own.policy);
  const cache = new LoadingCacheImpl<K, V>(owner, own, checkLoadingOptions<K, V>(owner, own), noSource);
  const memoized = (...args: A): Promise<V> => {
    try {
      return cache.getFrom(new LoaderSource<K, V>(() => fn(...args), policy), keyOf(...args));
    } catch (error) {
      return Promise.reject(error);
    }
  };
  return Object.assign(memoized, { cache: cache as MemoizeCache<K, V> });
}

/** For whoever reads from the cache of a function all the same. */
const noSource: Source<unknown, never> = {
  load: () => Promise.reject(new TypeError('The cache of a memoized function cannot load: call the function')),
};

function onlyArgument(owner: string, args: readonly unknown[]): unknown {
  const [only] = args;
  const isPrimitive = (typeof only !== 'object' && typeof only !== 'function') || only === null;
  if (args.length <= 1 && isPrimitive) return only;
  throw new InvalidOptionError(owner, 'key', 'is required, unless there is one argument and it is a primitive', args);
}
