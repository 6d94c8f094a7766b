import { AbortScope } from '../core/abort-scope.js';
import type { Policy } from '../core/policy.js';
import { policyKeyOf, runLoad, SignalContext } from '../loading-cache/source.js';
import type { Failure } from './cache-updater.js';

/** One write of a key: a value or a deletion. */
export type WriteEntry<K, V> =
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K };

/** The last argument of the functions that write to the store. */
export interface WriteContext {
  /** Aborts when no caller waits for this write any longer. The write may reach the store nevertheless. */
  readonly signal: AbortSignal;
}

/**
 * One write to the store, with all attempts of its policy. Its result may be known before all attempts have ended: an
 * abort or a timeout ends the wait but not the write, which may reach the store later. The next write of the same key
 * must therefore wait until `isRunning` is false. Otherwise the older write could arrive last.
 */
export class TrackedWrite {
  readonly scope: AbortScope;
  #running = 0;
  #onEnd: () => void = () => {};

  constructor(outer?: AbortScope) {
    this.scope = new AbortScope(outer);
  }

  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Starts the write. Never throws: each failure rejects the promise. An abort rejects it immediately. */
  start<T>(
    policy: Policy<unknown> | undefined,
    key: string | undefined,
    write: (context: WriteContext) => T | PromiseLike<T>,
  ): Promise<T> {
    const running = runLoad(policy, this.scope, key, (call) => this.#count(() => write(new SignalContext(call))));
    return this.scope.race(running as Promise<T>);
  }

  /** Resolves when no attempt is running any more. */
  whenEnded(): Promise<void> {
    if (!this.isRunning) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEnd = resolve;
    });
  }

  async #count<T>(write: () => T | PromiseLike<T>): Promise<T> {
    this.#running++;
    try {
      return await write();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#onEnd();
    }
  }
}

/** The store of a `writeBehind`. */
export interface Store<K, V> {
  /** The largest number of entries in one call. */
  readonly maxEntries: number;
  readonly canDelete: boolean;
  /** Writes the entries. Resolves with a failure or undefined for each entry, in their order. Never rejects. */
  write(entries: readonly WriteEntry<K, V>[], call: TrackedWrite): Promise<readonly (Failure | undefined)[]>;
}

/** Makes a store from `write` and `remove`: one call for each entry. */
export function singleStore<K, V>(
  write: (key: K, value: V, context: WriteContext) => unknown,
  remove: ((key: K, context: WriteContext) => unknown) | undefined,
  policy: Policy<unknown> | undefined,
): Store<K, V> {
  const writeOne = (entry: WriteEntry<K, V>, context: WriteContext): unknown =>
    entry.type === 'set' ? write(entry.key, entry.value, context) : remove?.(entry.key, context);
  return {
    maxEntries: 1,
    canDelete: remove !== undefined,
    write: ([entry], call) => {
      const { key } = entry as WriteEntry<K, V>;
      return call
        .start(policy, policyKeyOf(key), (context) => writeOne(entry as WriteEntry<K, V>, context))
        .then(
          () => [undefined],
          (error) => [{ error }],
        );
    },
  };
}

/** Makes a store from `writeMany`: one call for many entries. */
export function manyStore<K, V>(
  writeMany: (entries: readonly WriteEntry<K, V>[], context: WriteContext) => unknown,
  maxEntries: number,
  policy: Policy<unknown> | undefined,
): Store<K, V> {
  return {
    maxEntries,
    canDelete: true,
    write: (entries, call) =>
      call
        .start(policy, undefined, (context) => writeMany([...entries], context))
        .then((result) => failuresIn(entries, result))
        .catch((error) => entries.map(() => ({ error }))),
  };
}

function failuresIn<K, V>(entries: readonly WriteEntry<K, V>[], result: unknown): (Failure | undefined)[] {
  if (result instanceof Map) return entries.map(({ key }) => asFailure(result.get(key)));
  if (!Array.isArray(result)) return entries.map(() => undefined);
  if (result.length !== entries.length && result.some((one) => one instanceof Error)) {
    const counts = `got ${result.length} for ${entries.length}`;
    throw new TypeError(`writeMany must return one result per entry, ${counts}`, { cause: result });
  }
  return entries.map((_, index) => asFailure(result[index]));
}

const asFailure = (value: unknown): Failure | undefined => (value instanceof Error ? { error: value } : undefined);
