import type { Policy } from '../core/policy.js';
import { policyKeyOf } from '../loading-cache/source.js';
import type { Failure } from './cache-updater.js';
import type { TrackedWrite, WriteContext } from './store-call.js';
import type { WriteEntry } from './write-entry.js';

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
