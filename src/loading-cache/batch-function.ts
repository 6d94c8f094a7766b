import { AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { checkCallOptions, checkFunction, checkInteger, given, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { BatchSource } from './batch.js';
import { checkPolicy, type LoadedMany } from './options.js';
import { runLoad, SignalContext } from './source.js';

/** Options of `batch`. */
export interface BatchFunctionOptions<K, V> {
  /** The maximum number of keys of one call: an integer ≥ 1, or `Infinity`. @defaultValue 100 */
  readonly maxBatch?: number | undefined;
  /**
   * How long the first key of a call waits for further keys. 0 collects the keys that are requested in one turn of the
   * event loop.
   * @defaultValue 0
   */
  readonly maxWait?: Duration | undefined;
  /** A policy around each call of `loadMany`, for example a retry with a timeout. @defaultValue none */
  readonly policy?: Policy<LoadedMany<K, V>> | Policy | undefined;
  /** The clock that measures `maxWait`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Options of one call of a batched function. */
export interface BatchCallOptions {
  /** Leaves the batch when the signal aborts. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
}

/** A function that loads one value, in one call together with other values. */
export type BatchedFunction<K, V> = (key: K, options?: BatchCallOptions) => Promise<V>;

/**
 * Returns a function that loads one value and combines concurrent calls to one call of `loadMany`, without a cache. Keys
 * that are requested twice in one batch are passed once.
 *
 * `loadMany` returns an array with a value for each key in the order of the keys, or a Map. A value that is an Error
 * rejects only the callers of its key. An aborted caller leaves its batch; when all callers have left, the call is
 * aborted. The values of a batch are shared by the callers of a key and by no others.
 *
 * O(1) memory for each waiting caller; no timer with `maxWait: 0`.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const user = batch(async (ids: readonly number[]) => ids.map((id) => ({ id })), { maxBatch: 50 });
 * const [first, second] = await Promise.all([user(1), user(2)]); // one call with [1, 2]
 * ```
 */
export function batch<K, V>(
  loadMany: (
    keys: readonly K[],
    context: { readonly signal: AbortSignal },
  ) => PromiseLike<LoadedMany<K, V>> | LoadedMany<K, V>,
  options?: BatchFunctionOptions<K, V>,
): BatchedFunction<K, V> {
  const owner = 'batch';
  const own = readOptions(owner, options, { maxBatch: 100, maxWait: 0, policy: undefined, clock: undefined });
  const load = checkFunction(owner, 'loadMany', loadMany);
  const policy = checkPolicy(owner, own.policy as Policy<LoadedMany<K, V>> | undefined);
  const limits = {
    maxSize: checkInteger(owner, 'maxBatch', own.maxBatch, { min: 1, orInfinity: true }),
    maxWaitMs: toMs(owner, 'maxWait', own.maxWait, { orZero: true }),
  };
  const loadBatch = async (keys: readonly K[], scope: AbortScope): Promise<LoadedMany<K, V>> => {
    const distinct = [...new Set(keys)];
    const loaded = await runLoad(policy, scope, undefined, (call) => load(distinct, new SignalContext(call)));
    return distinct.length === keys.length ? loaded : forEachCaller(keys, distinct, loaded);
  };
  const source = new BatchSource<K, V>(loadBatch, limits, checkClock(owner, own.clock));

  return (key, callOptions = {}) => {
    try {
      checkCallOptions(owner, callOptions, ['signal']);
      const signal = checkSignal(owner, given(callOptions, 'signal', null));
      if (signal?.aborted) return Promise.reject(signal.reason);
      const scope = new AbortScope(signal === null ? undefined : scopeOf(signal));
      return source.load(key, scope).finally(() => scope.leave());
    } catch (error) {
      return Promise.reject(error);
    }
  };
}

/** Returns the values in the order of the callers, of whom several may have the same key. */
function forEachCaller<K, V>(keys: readonly K[], distinct: readonly K[], loaded: LoadedMany<K, V>): LoadedMany<K, V> {
  if (!Array.isArray(loaded)) return loaded;
  if (loaded.length !== distinct.length) {
    throw new TypeError(`loadMany must return a Map, or an array with one value per key: ${distinct.length}`);
  }
  const position = new Map(distinct.map((key, index) => [key, index]));
  return keys.map((key) => loaded[position.get(key) as number]);
}
