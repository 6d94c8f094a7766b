import { AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';

export interface WarmUpOptions<K> {
  /** How many keys are loaded at once: an integer ≥ 1. @defaultValue 10 */
  readonly concurrency?: number | undefined;
  /** Ends it early: it rejects with the signal's reason, and loads that nobody else waits for are aborted. */
  readonly signal?: AbortSignal | null | undefined;
  /** Told of each key when it is there, or has failed. What it throws ends the warm-up. */
  readonly onProgress?: ((progress: WarmUpProgress<K>) => void) | undefined;
}

export interface WarmUpResult {
  /** Keys whose value is there. */
  readonly loaded: number;
  /** Keys whose load has failed. */
  readonly failed: number;
}

export interface WarmUpProgress<K> extends WarmUpResult {
  readonly key: K;
  /** Why this key's load has failed; absent if it has not. */
  readonly error?: unknown;
}

/** Gets each key, so many at once. The keys are asked for as they are needed, so there may be any number of them. */
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
    if (scope.reason !== undefined) throw scope.reason; // which also tells the source of the keys that it is over
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
