import { AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';

/** The options of `warmUp`. */
export interface WarmUpOptions<K> {
  /** The number of keys that are loaded concurrently: an integer ≥ 1. @defaultValue 10 */
  readonly concurrency?: number | undefined;
  /**
   * Ends the warm-up early: `warmUp` rejects with the signal's reason. Its loads are aborted unless other callers wait
   * for them. @defaultValue none
   */
  readonly signal?: AbortSignal | null | undefined;
  /** Called after each key has been loaded or has failed. If it throws, the warm-up ends. @defaultValue none */
  readonly onProgress?: ((progress: WarmUpProgress<K>) => void) | undefined;
}

/** The result of `warmUp`. */
export interface WarmUpResult {
  /** The number of keys whose value is in the cache or was loaded. */
  readonly loaded: number;
  /** The number of keys whose load failed. */
  readonly failed: number;
}

/** The state of a warm-up after one key. */
export interface WarmUpProgress<K> extends WarmUpResult {
  /** The key that was just loaded or has just failed. */
  readonly key: K;
  /** The error of this key's load; absent if the load succeeded. */
  readonly error?: unknown;
}

/**
 * Gets each key, at most `concurrency` at a time. The next key is taken from the iterable only when it is needed, so
 * the iterable may be arbitrarily long.
 */
export async function warmUpKeys<K>(
  owner: string,
  keys: Iterable<K> | AsyncIterable<K>,
  options: WarmUpOptions<K> | undefined,
  get: (key: K, signal: AbortSignal) => Promise<unknown>,
): Promise<WarmUpResult> {
  const own = readOptions(owner, options, { concurrency: 10, signal: null, onProgress: undefined });
  const concurrency = checkInteger(owner, 'concurrency', own.concurrency, { min: 1 });
  const onProgress = checkOptionalFunction(owner, 'onProgress', own.onProgress);
  const signal = checkSignal(owner, own.signal);
  checkIterable(owner, keys);
  if (signal?.aborted) throw signal.reason;

  const scope = new AbortScope(signal === null ? undefined : scopeOf(signal));
  const counts = { loaded: 0, failed: 0 };
  let running = 0;
  let wake = (): void => {};

  const load = async (key: K): Promise<void> => {
    const failure = await get(key, scope.signal).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    running--;
    if (scope.reason === undefined) {
      counts[failure === undefined ? 'loaded' : 'failed']++;
      onProgress?.({ key, ...counts, ...failure });
    }
    wake();
  };
  const loadAll = async (): Promise<void> => {
    for await (const key of keys) {
      running++;
      load(key).catch((error) => scope.abort(error));
      await untilBelow(concurrency);
    }
    await untilBelow(1);
  };
  const untilBelow = async (most: number): Promise<void> => {
    while (running >= most && scope.reason === undefined) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (scope.reason !== undefined) throw scope.reason; // inside the loop this also closes the iterator of the keys
  };

  try {
    await scope.race(loadAll());
  } catch (error) {
    scope.abort(error);
    wake();
    throw error;
  } finally {
    scope.leave();
  }
  return counts;
}

function checkIterable(owner: string, keys: unknown): void {
  const { [Symbol.iterator]: sync, [Symbol.asyncIterator]: async } = Object(keys);
  if (typeof sync === 'function' || typeof async === 'function') return;
  throw new InvalidOptionError(owner, 'keys', 'must be iterable', keys);
}
