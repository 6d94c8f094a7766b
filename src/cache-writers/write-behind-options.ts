import { type Backoff, exponentialBackoff } from '../core/backoff.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError, type LostWrite } from '../core/errors.js';
import {
  checkFunction,
  checkInteger,
  checkMethods,
  checkName,
  checkOneOf,
  checkOptionalFunction,
  readOptions,
} from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { checkRandom, type Random } from '../core/random.js';
import { checkPolicy } from '../loading-cache/options.js';
import { type CacheErrorEvents, checkWritableCache, type WritableCache } from './cache-updater.js';
import { manyStore, type Store, singleStore, type WriteContext, type WriteEntry } from './store.js';
import type { JournalEntry, WriteJournal } from './write-journal.js';

/** The options of `writeBehind`. Either `write` or `writeMany` is required. */
export interface WriteBehindOptions<K, V> {
  /** Writes one value to the store. Must be safe to repeat. Only one of `write` and `writeMany` is allowed. */
  readonly write?: ((key: K, value: V, context: WriteContext) => unknown) | undefined;
  /** Deletes a key from the store. Allowed only with `write`. @defaultValue none: `delete` rejects */
  readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
  /**
   * Writes many entries to the store in one call, each key at most once. Must be safe to repeat. It may return the
   * errors of single keys: as a `Map` from key to `Error`, or as an array in the order of the entries with an `Error`
   * in the place of each failed entry. With any other result all entries count as written.
   */
  readonly writeMany?: ((entries: readonly WriteEntry<K, V>[], context: WriteContext) => unknown) | undefined;
  /**
   * The cache that receives each value when it is accepted: any object with `set` and `delete`, synchronous or not.
   * @defaultValue none
   */
  readonly cache?: WritableCache<K, V> | undefined;
  /**
   * How long a write waits for further writes and for a newer write of its key: a duration ≥ 0. A longer wait makes
   * fewer calls and loses more in a crash. @defaultValue `'1s'`
   */
  readonly flushEvery?: Duration | undefined;
  /**
   * The largest number of entries in one call of `writeMany`: an integer ≥ 1. When this number of keys is pending, they
   * are written without further waiting. @defaultValue 100
   */
  readonly maxBatch?: number | undefined;
  /** The largest number of pending keys: an integer ≥ 1, or `Infinity`. @defaultValue 10_000 */
  readonly maxPending?: number | undefined;
  /** Whether a write of a further key waits for room at `maxPending` or is rejected. @defaultValue `'wait'` */
  readonly atLimit?: 'wait' | 'reject' | undefined;
  /**
   * The number of concurrent calls of `write` or `writeMany`: an integer ≥ 1. Two calls never contain the same key.
   * @defaultValue 1
   */
  readonly concurrency?: number | undefined;
  /**
   * Computes how long keys wait after a failure, in milliseconds. If it returns undefined, the writes are lost.
   * @defaultValue `exponentialBackoff()`
   */
  readonly backoff?: Backoff | undefined;
  /**
   * The number of failed attempts after which a write is lost: an integer ≥ 1, or `Infinity`. @defaultValue `Infinity`
   */
  readonly maxAttempts?: number | undefined;
  /**
   * The policy that runs each call to the store, for example a timeout or a circuit breaker. With `write`, the key is
   * passed on as the policy's `key` if it is a string, a number or a bigint. @defaultValue none
   */
  readonly policy?: Policy<unknown> | undefined;
  /** The journal that saves each write before it is accepted, so that it survives a crash. @defaultValue none */
  readonly journal?: WriteJournal<K, V> | undefined;
  /**
   * The entries that the journal still held at the start, in any order. They are pending from the start.
   * @defaultValue none
   */
  readonly initial?: Iterable<JournalEntry<K, V>> | undefined;
  /** The name of the writer in errors. @defaultValue `'writeBehind'` */
  readonly name?: string | undefined;
  /** The clock for delays and timeouts. Tests pass a `TestClock`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The source of randomness for the backoff: returns numbers in [0, 1). @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** The options of `WriteBehind.close`. */
export interface WriteBehindCloseOptions {
  /**
   * The time after which `close` gives up the writes that are still pending: a duration ≥ 0, or `Infinity`.
   * @defaultValue `Infinity`
   */
  readonly timeout?: Duration | undefined;
  /** Ends this caller's wait. The writer continues to close. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
}

/** The options of `WriteBehind.readYourWrites`. */
export interface ReadYourWritesOptions<K, D> {
  /** Returns the result for a key whose deletion is pending. @defaultValue a function that returns undefined */
  readonly onDeleted?: ((key: K) => D) | undefined;
}

/** The checked options of a write-behind writer. */
export interface WriteBehindSettings<K, V> {
  readonly name: string;
  readonly store: Store<K, V>;
  readonly cache: WritableCache<K, V> | undefined;
  readonly flushEveryMs: number;
  readonly maxBatch: number;
  readonly maxPending: number;
  readonly rejectsAtLimit: boolean;
  readonly concurrency: number;
  readonly backoff: Backoff;
  readonly maxAttempts: number;
  readonly journal: WriteJournal<K, V> | undefined;
  /** The initial entries in ascending order of their numbers. */
  readonly initial: readonly JournalEntry<K, V>[];
  readonly clock: Clock;
  readonly random: Random;
}

const WRITE_BEHIND = 'writeBehind';

/** @throws InvalidOptionError */
export function checkWriteBehindOptions<K, V>(options: WriteBehindOptions<K, V>): WriteBehindSettings<K, V> {
  const own = readOptions(WRITE_BEHIND, options, {
    write: undefined,
    remove: undefined,
    writeMany: undefined,
    cache: undefined,
    flushEvery: '1s',
    maxBatch: 100,
    maxPending: 10_000,
    atLimit: 'wait',
    concurrency: 1,
    backoff: undefined,
    maxAttempts: Infinity,
    policy: undefined,
    journal: undefined,
    initial: undefined,
    name: undefined,
    clock: undefined,
    random: undefined,
  });
  const maxBatch = checkInteger(WRITE_BEHIND, 'maxBatch', own.maxBatch, { min: 1 });
  const store = storeOf(own, maxBatch);
  return {
    name: checkName(WRITE_BEHIND, own.name),
    store,
    cache: own.cache === undefined ? undefined : checkWritableCache(WRITE_BEHIND, own.cache),
    flushEveryMs: toMs(WRITE_BEHIND, 'flushEvery', own.flushEvery, { orZero: true }),
    maxBatch,
    maxPending: checkInteger(WRITE_BEHIND, 'maxPending', own.maxPending, { min: 1, orInfinity: true }),
    rejectsAtLimit: checkOneOf(WRITE_BEHIND, 'atLimit', own.atLimit, ['wait', 'reject']) === 'reject',
    concurrency: checkInteger(WRITE_BEHIND, 'concurrency', own.concurrency, { min: 1 }),
    backoff: checkOptionalFunction(WRITE_BEHIND, 'backoff', own.backoff) ?? exponentialBackoff(),
    maxAttempts: checkInteger(WRITE_BEHIND, 'maxAttempts', own.maxAttempts, { min: 1, orInfinity: true }),
    journal:
      own.journal === undefined ? undefined : checkMethods(WRITE_BEHIND, 'journal', own.journal, ['append', 'ack']),
    initial: own.initial === undefined ? [] : checkInitial(own.initial, store),
    clock: checkClock(WRITE_BEHIND, own.clock),
    random: checkRandom(WRITE_BEHIND, own.random),
  };
}

function storeOf<K, V>(
  { write, remove, writeMany, policy }: Pick<WriteBehindOptions<K, V>, 'write' | 'remove' | 'writeMany' | 'policy'>,
  maxBatch: number,
): Store<K, V> {
  if ((write === undefined) === (writeMany === undefined)) {
    throw new InvalidOptionError(WRITE_BEHIND, 'write', 'or "writeMany" is required, but not both', write);
  }
  const checked = checkPolicy(WRITE_BEHIND, policy);
  if (writeMany !== undefined) {
    if (remove !== undefined) {
      throw new InvalidOptionError(WRITE_BEHIND, 'remove', 'is allowed only with "write"', remove);
    }
    return manyStore(checkFunction(WRITE_BEHIND, 'writeMany', writeMany), maxBatch, checked);
  }
  checkFunction(WRITE_BEHIND, 'write', write);
  return singleStore(
    write as NonNullable<typeof write>,
    checkOptionalFunction(WRITE_BEHIND, 'remove', remove),
    checked,
  );
}

function checkInitial<K, V>(entries: Iterable<JournalEntry<K, V>>, store: Store<K, V>): JournalEntry<K, V>[] {
  if (typeof Object(entries)[Symbol.iterator] !== 'function') {
    throw new InvalidOptionError(WRITE_BEHIND, 'initial', 'must be iterable', entries);
  }
  const copies = Array.from(entries, (entry) => ({ ...entry }));
  for (const { type, number } of copies) {
    checkOneOf(WRITE_BEHIND, 'initial.type', type, ['set', 'delete']);
    checkInteger(WRITE_BEHIND, 'initial.number', number, { min: 0 });
    if (type === 'delete' && !store.canDelete) {
      throw new InvalidOptionError(WRITE_BEHIND, 'remove', 'is required, because "initial" has a deletion', undefined);
    }
  }
  return copies.sort((one, other) => one.number - other.number);
}

/** The counters of a write-behind writer since it was made. */
export interface WriteBehindStats {
  /** Writes that were accepted, including those in `initial`. */
  readonly accepted: number;
  /** Writes that a newer write of the same key replaced before the store had confirmed them. */
  readonly coalesced: number;
  /** Writes that the store has confirmed. */
  readonly written: number;
  /** Calls of `write`, `remove` or `writeMany`, without the repetitions by `policy`. */
  readonly batches: number;
  /** Failed attempts of writes. A write can fail several times. */
  readonly failures: number;
  /** Attempts of writes after the first one. */
  readonly retries: number;
  /** Writes that were given up. */
  readonly lost: number;
  /** Writes that wait for room now. */
  readonly waiting: number;
}

export type WriteBehindCounts = { -readonly [S in Exclude<keyof WriteBehindStats, 'waiting'>]: WriteBehindStats[S] };

/** The events of a write-behind writer. */
export interface WriteBehindEvents<K, V> extends CacheErrorEvents<K> {
  /** A call to the store has ended. `size` is the number of its writes, `failed` the number of those that failed. */
  batch: { readonly size: number; readonly failed: number; readonly durationMs: number };
  /**
   * A write has failed. `attempt` counts from 1. `delayMs` is undefined if the write is lost and not attempted again.
   */
  failure: {
    readonly write: WriteEntry<K, V>;
    readonly error: unknown;
    readonly attempt: number;
    readonly delayMs: number | undefined;
  };
  /** A write was given up. Its key has been removed from the cache. */
  lost: LostWrite<K, V>;
  /** The journal has failed. If an `append` failed, the callers of its writes get the error as well. */
  journalError: { readonly error: unknown };
}
