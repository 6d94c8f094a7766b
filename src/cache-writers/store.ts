import { AbortScope } from '../core/abort-scope.js';
import type { Policy } from '../core/policy.js';
import { policyKeyOf, runLoad, SignalContext } from '../loading-cache/source.js';
import type { Failure } from './cache-updater.js';

/** One write, as it stands until the store has it. */
export type WriteEntry<K, V> =
  | { readonly type: 'set'; readonly key: K; readonly value: V }
  | { readonly type: 'delete'; readonly key: K };

/** What a function that writes is told besides what to write. */
export interface WriteContext {
  /** Aborts when nobody waits for this write any longer. The store may have it all the same. */
  readonly signal: AbortSignal;
}

/**
 * One write to the store, with all the tries its policy makes. Its outcome may be there before all of it has ended: an
 * abort or a timeout ends the wait and not the write, which may reach the store later. So the next write of the same key
 * has to wait until `isRunning` is false, or the older one might come last.
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

  /** Never throws: whatever happens is in the promise. Rejects at once on abort. */
  start<T>(
    policy: Policy<unknown> | undefined,
    key: string | undefined,
    write: (context: WriteContext) => T | PromiseLike<T>,
  ): Promise<T> {
    const running = runLoad(policy, this.scope, key, (call) => this.#count(() => write(new SignalContext(call))));
    return this.scope.race(running as Promise<T>);
  }

  /** Resolves when no try is running any more. */
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

/** Where a `writeBehind` writes to. */
export interface Store<K, V> {
  /** How many entries one call takes. */
  readonly maxEntries: number;
  readonly canDelete: boolean;
  /** What went wrong, for each entry in their order. Never rejects. */
  write(entries: readonly WriteEntry<K, V>[], call: TrackedWrite): Promise<readonly (Failure | undefined)[]>;
}

/** One call for each entry. */
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

/** One call for many entries. */
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
        .then((answer) => failuresIn(entries, answer))
        .catch((error) => entries.map(() => ({ error }))),
  };
}

function failuresIn<K, V>(entries: readonly WriteEntry<K, V>[], answer: unknown): (Failure | undefined)[] {
  if (answer instanceof Map) return entries.map(({ key }) => asFault(answer.get(key)));
  if (!Array.isArray(answer)) return entries.map(() => undefined);
  if (answer.length !== entries.length && answer.some((one) => one instanceof Error)) {
    const should = `must have as many places as there are entries: ${entries.length}`;
    throw new TypeError(`What writeMany answers, if there are errors in it, ${should}`, { cause: answer });
  }
  return entries.map((_, index) => asFault(answer[index]));
}

const asFault = (value: unknown): Failure | undefined => (value instanceof Error ? { error: value } : undefined);
