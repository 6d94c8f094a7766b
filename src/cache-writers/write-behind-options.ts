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

export interface WriteBehindOptions<K, V> {
  /** Writes one value to the store. Must be safe to repeat. Either this or `writeMany`. */
  readonly write?: ((key: K, value: V, context: WriteContext) => unknown) | undefined;
  /** Deletes from the store; goes with `write`. @defaultValue none: nothing can be deleted */
  readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
  /**
   * Writes many, each key once. It may answer with the failures of single keys: a `Map` from key to `Error`, or an array
   * in the order of the entries with an `Error` in the place of each that failed. Any other answer: all are written.
   */
  readonly writeMany?: ((entries: readonly WriteEntry<K, V>[], context: WriteContext) => unknown) | undefined;
  /** Has each value as soon as it is accepted. Anything with `set` and `delete`, synchronous or not. @defaultValue none */
  readonly cache?: WritableCache<K, V> | undefined;
  /** How long a write waits for company, and for a newer one of its key. ≥ 0. @defaultValue '1s' */
  readonly flushEvery?: Duration | undefined;
  /** So many are written without waiting any longer, and as many at most by one `writeMany`: an integer ≥ 1. @defaultValue 100 */
  readonly maxBatch?: number | undefined;
  /** How many keys may be pending: an integer ≥ 1, or `Infinity`. @defaultValue 10_000 */
  readonly maxPending?: number | undefined;
  /** What a write of one key more does: it waits for room, or is refused. @defaultValue 'wait' */
  readonly atLimit?: 'wait' | 'reject' | undefined;
  /** How many calls of `write` or `writeMany` run at once: an integer ≥ 1. Never two with the same key. @defaultValue 1 */
  readonly concurrency?: number | undefined;
  /** How long keys wait after a failure. One that gives undefined gives up. @defaultValue `exponentialBackoff()` */
  readonly backoff?: Backoff | undefined;
  /** After so many tries a write is lost: an integer ≥ 1, or `Infinity`. @defaultValue Infinity */
  readonly maxAttempts?: number | undefined;
  /** What each call runs under: a timeout, a breaker. With `write`, its context has keys that are strings. */
  readonly policy?: Policy<unknown> | undefined;
  /** Makes writes survive a crash: each is in the journal before it is accepted. @defaultValue none */
  readonly journal?: WriteJournal<K, V> | undefined;
  /** What the journal still had, in any order: pending from the start. @defaultValue nothing */
  readonly initial?: Iterable<JournalEntry<K, V>> | undefined;
  /** What it goes by in errors. @defaultValue 'writeBehind' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** For the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

export interface WriteBehindCloseOptions {
  /** After so long it gives up what is still pending. ≥ 0; `Infinity` for never. @defaultValue Infinity */
  readonly timeout?: Duration | undefined;
  /** Ends this caller's wait; the closing goes on. */
  readonly signal?: AbortSignal | null | undefined;
}

export interface ReadYourWritesOptions<K, D> {
  /** Returns the result for a key whose deletion is pending. @defaultValue a function that returns undefined */
  readonly onDeleted?: ((key: K) => D) | undefined;
}

/** What a writer goes by; everything is checked. */
export interface WriteBehindSettings<K, V> {
  readonly name: string;
  readonly store: Store<K, V>;
  readonly cache: WritableCache<K, V> | undefined;
  readonly flushEveryMs: number;
  readonly maxBatch: number;
  readonly maxPending: number;
  readonly refuses: boolean;
  readonly concurrency: number;
  readonly backoff: Backoff;
  readonly maxAttempts: number;
  readonly journal: WriteJournal<K, V> | undefined;
  /** By number, the last one last. */
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
    refuses: checkOneOf(WRITE_BEHIND, 'atLimit', own.atLimit, ['wait', 'reject']) === 'reject',
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
    throw new InvalidOptionError(WRITE_BEHIND, 'write', 'or "writeMany" is required, one of them', write);
  }
  const checked = checkPolicy(WRITE_BEHIND, policy);
  if (writeMany !== undefined) {
    if (remove !== undefined) throw new InvalidOptionError(WRITE_BEHIND, 'remove', 'goes with "write"', remove);
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
    if (type === 'delete' && !store.canDelete)
      throw new InvalidOptionError(WRITE_BEHIND, 'remove', 'is required', undefined);
  }
  return copies.sort((one, other) => one.number - other.number);
}

/** How often what has happened since the writer was made. */
export interface WriteBehindStats {
  /** Writes accepted, those that it began with among them. */
  readonly accepted: number;
  /** Writes whose place a newer one of their key has taken before they were in the store. */
  readonly coalesced: number;
  /** Writes that are in the store. */
  readonly written: number;
  /** Calls of `write`, `remove` or `writeMany`, not counting those that `policy` repeats. */
  readonly batches: number;
  /** Writes that have failed, each time they have. */
  readonly failures: number;
  /** Writes that were tried again, each time they were. */
  readonly retries: number;
  readonly lost: number;
  /** Callers who wait for room now. */
  readonly waiting: number;
}

export type WriteBehindCounts = { -readonly [S in Exclude<keyof WriteBehindStats, 'waiting'>]: WriteBehindStats[S] };

export interface WriteBehindEvents<K, V> extends CacheErrorEvents<K> {
  /** A call has ended, with so many writes, of which so many failed. */
  batch: { readonly size: number; readonly failed: number; readonly durationMs: number };
  /** A write has failed for the `attempt`th time. Undefined `delayMs`: it is not tried again, since it is lost. */
  failure: {
    readonly write: WriteEntry<K, V>;
    readonly error: unknown;
    readonly attempt: number;
    readonly delayMs: number | undefined;
  };
  /** A write was given up. The cache has forgotten its key. */
  lost: LostWrite<K, V>;
  /** The journal has failed. If that was an `append`, those who wait for it are told as well. */
  journalError: { readonly error: unknown };
}
