import { checkSignal, scopeOf } from '../core/abort-scope.js';
import { rejectNextMicrotask } from '../core/context.js';
import { type Duration, toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter, type Observable } from '../core/events.js';
import { checkFunction, checkName, checkOptionalFunction, readOptions } from '../core/options.js';
import type { Policy } from '../core/policy.js';
import { FlightWaiter } from '../core/single-flight.js';
import { checkPolicy, checkTagList } from '../loading-cache/options.js';
import { policyKeyOf } from '../loading-cache/source.js';
import {
  type CacheChange,
  type CacheErrorEvents,
  CacheUpdater,
  checkWritableCache,
  type WritableCache,
  type WritableCacheSetOptions,
} from './cache-updater.js';
import { KeyedMutex } from './keyed-mutex.js';
import { TrackedWrite, type WriteContext } from './store.js';

/** The types of events. */
const EVENTS = ['cacheError'] as const;

/** The options that `writeThrough` and `writeAround` share. */
export interface StoreWriterOptions<K, V> {
  /** The cache in front of the store: any object with `set` and `delete`, synchronous or not. */
  readonly cache: WritableCache<K, V>;
  /** Writes to the store. The store has the value when the returned promise is fulfilled. Must be safe to repeat. */
  readonly write: (key: K, value: V, context: WriteContext) => unknown;
  /** Deletes a key from the store. @defaultValue none: `delete` rejects */
  readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
  /**
   * The policy that runs each write, for example a retry, a timeout or a circuit breaker. The key is passed on as the
   * policy's `key` if it is a string, a number or a bigint. @defaultValue none
   */
  readonly policy?: Policy<unknown> | undefined;
  /** The name of the writer in errors. @defaultValue the name of the factory */
  readonly name?: string | undefined;
}

export const STORE_WRITER_DEFAULTS = {
  cache: undefined,
  write: undefined,
  remove: undefined,
  policy: undefined,
  name: undefined,
} as const;

/** The options of one write. */
export interface WriteOptions {
  /**
   * Aborts the write, which then rejects with the signal's reason. If it aborts before the write's turn, nothing
   * happens. If it aborts later, the store may or may not have the value. @defaultValue none
   */
  readonly signal?: AbortSignal | null | undefined;
}

/** The options of `WriteThrough.set`. */
export interface WriteThroughSetOptions extends WriteOptions {
  /**
   * The TTL that is passed on to the cache, in milliseconds: a duration ≥ 0, or `Infinity`.
   * @defaultValue none: the cache uses its own
   */
  readonly ttl?: Duration | undefined;
  /** The tags that are passed on to the cache. @defaultValue none: the cache uses its own */
  readonly tags?: readonly string[] | undefined;
}

/** One write: the call of the store, and the changes of the cache before and after it. */
interface Change<K> {
  readonly key: K;
  readonly store: (context: WriteContext) => unknown;
  readonly before: (() => CacheChange) | undefined;
  readonly after: () => CacheChange;
}

/** When the cache is changed: after the store, before and after the store, or only by removing the key. */
export type CacheOrder = 'store-first' | 'both' | 'around';

/**
 * Writes to the store and keeps the cache consistent with it.
 *
 * Rule: when a write has ended, the cache holds the value of the store or no value. If the write fails (by an error, a
 * timeout or an abort), the store may have the value nevertheless, now or later. The key is therefore removed from the
 * cache immediately, and once more when the last attempt has ended, because a read may have cached the older value in
 * between. Only then does the next write of the key begin.
 */
export class StoreWriter<K, V> implements Observable<CacheErrorEvents<K>> {
  readonly #name: string;
  readonly #write: StoreWriterOptions<K, V>['write'];
  readonly #remove: StoreWriterOptions<K, V>['remove'];
  readonly #order: CacheOrder;
  readonly #policy: Policy<unknown> | undefined;
  readonly #updater: CacheUpdater<K, V>;
  readonly #mutex = new KeyedMutex<K>();
  readonly #events = new Emitter<CacheErrorEvents<K>>(EVENTS);

  /** @param own - the options with their defaults, not checked yet. */
  constructor(owner: string, own: StoreWriterOptions<K, V>, order: CacheOrder) {
    this.#name = checkName(owner, own.name);
    const cache = checkWritableCache(owner, own.cache);
    this.#updater = new CacheUpdater(cache, (key, error) => this.#events.emit('cacheError', { key, error }));
    this.#write = checkFunction(owner, 'write', own.write);
    this.#remove = checkOptionalFunction(owner, 'remove', own.remove);
    this.#policy = checkPolicy(owner, own.policy);
    this.#order = order;
  }

  get writing(): number {
    return this.#mutex.size;
  }

  on<E extends keyof CacheErrorEvents<K>>(type: E, listener: (event: CacheErrorEvents<K>[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  async set(key: K, value: V, options?: WriteThroughSetOptions): Promise<void> {
    const write = this.#write;
    const store = (context: WriteContext) => write(key, value, context);
    if (this.#order === 'around') {
      const signal = readSignal(this.#name, 'set', options);
      return this.#submit({ key, store, before: undefined, after: () => this.#updater.delete(key) }, signal);
    }
    const { signal, entry } = readSetOptions(this.#name, options);
    const keep = () => this.#updater.set(key, value, entry);
    return this.#submit({ key, store, before: this.#order === 'both' ? keep : undefined, after: keep }, signal);
  }

  async delete(key: K, options?: WriteOptions): Promise<void> {
    const remove = this.#remove;
    if (remove === undefined) throw new InvalidOptionError(this.#name, 'remove', 'is required to delete', remove);
    const signal = readSignal(this.#name, 'delete', options);
    const store = (context: WriteContext) => remove(key, context);
    const drop = () => this.#updater.delete(key);
    return this.#submit({ key, store, before: this.#order === 'both' ? drop : undefined, after: drop }, signal);
  }

  #submit(change: Change<K>, signal: AbortSignal | null): Promise<void> {
    if (signal?.aborted) return rejectNextMicrotask(signal.reason);
    const call = new TrackedWrite(signal === null ? undefined : scopeOf(signal));
    const waiter = new FlightWaiter<void>();
    call.scope.enter(waiter);
    waiter.leaveFlight = this.#mutex.runExclusive(change.key, () => this.#perform(change, call, waiter));
    return waiter.promise;
  }

  /**
   * Performs the write and settles the waiter. Never rejects. Ends when no attempt of the write is running any more.
   */
  async #perform(
    { key, store, before, after }: Change<K>,
    call: TrackedWrite,
    waiter: FlightWaiter<void>,
  ): Promise<void> {
    if (call.scope.reason !== undefined) return; // aborted before its turn: nothing has happened
    before?.();
    const failure = await call.start(this.#policy, policyKeyOf(key), store).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const cacheFailure = await (failure === undefined ? after() : this.#updater.delete(key));
    const reported = failure ?? cacheFailure;
    if (reported === undefined) waiter.resolve();
    else waiter.reject(reported.error);
    if (call.isRunning) {
      await call.whenEnded();
      if (failure !== undefined) await this.#updater.delete(key);
    }
    call.scope.leave();
  }
}

/** Reads the options of `set`. `entry` contains the options for the cache. */
function readSetOptions(
  owner: string,
  options: WriteThroughSetOptions | undefined,
): { readonly signal: AbortSignal | null; readonly entry: WritableCacheSetOptions | undefined } {
  if (options === undefined) return { signal: null, entry: undefined };
  const { signal, ttl, tags } = readOptions(`${owner}.set`, options, { signal: null, ttl: undefined, tags: undefined });
  return { signal: checkSignal(owner, signal), entry: checkEntryOptions(owner, ttl, tags) };
}

function checkEntryOptions(
  owner: string,
  ttl: Duration | undefined,
  tags: readonly string[] | undefined,
): WritableCacheSetOptions | undefined {
  if (ttl === undefined && tags === undefined) return undefined;
  return {
    ...(ttl !== undefined && { ttl: toMs(owner, 'ttl', ttl, { orZero: true, orInfinity: true }) }),
    ...(tags !== undefined && { tags: checkTagList(owner, tags) }),
  };
}

/**
 * Reads the options of a method whose only option is `signal`.
 * @param call - the name of the method, for error messages.
 */
export function readSignal(
  owner: string,
  call: string,
  options: { readonly signal?: AbortSignal | null | undefined } | undefined,
): AbortSignal | null {
  if (options === undefined) return null;
  return checkSignal(owner, readOptions(`${owner}.${call}`, options, { signal: null }).signal);
}
