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

/** What goes to the store at once, whatever becomes of the cache. */
export interface StoreWriterOptions<K, V> {
  /** Holds copies of what the store has. Anything with `set` and `delete`, synchronous or not. */
  readonly cache: WritableCache<K, V>;
  /** Writes to the store, which has it when the promise is fulfilled. Must be safe to repeat. */
  readonly write: (key: K, value: V, context: WriteContext) => unknown;
  /** Deletes from the store. @defaultValue none: nothing can be deleted */
  readonly remove?: ((key: K, context: WriteContext) => unknown) | undefined;
  /** What each write runs under: a retry, a timeout, a breaker. Its context has keys that are strings, or numbers as such. */
  readonly policy?: Policy<unknown> | undefined;
  /** What it goes by in errors. @defaultValue the name of the factory */
  readonly name?: string | undefined;
}

export const STORE_WRITER_DEFAULTS = {
  cache: undefined,
  write: undefined,
  remove: undefined,
  policy: undefined,
  name: undefined,
} as const;

/** What one write may bring along. */
export interface WriteOptions {
  /** Before its turn: nothing has happened. Later: the store may have it or not. Either way it rejects with the reason. */
  readonly signal?: AbortSignal | null | undefined;
}

export interface WriteThroughSetOptions extends WriteOptions {
  /** Passed on to the cache, in milliseconds. ≥ 0; `Infinity` for ever. @defaultValue the cache's */
  readonly ttl?: Duration | undefined;
  /** Passed on to the cache. @defaultValue the cache's */
  readonly tags?: readonly string[] | undefined;
}

/** One write: what it does to the store, and what the cache is told before and after. */
interface Change<K> {
  readonly key: K;
  readonly store: (context: WriteContext) => unknown;
  readonly before: (() => CacheChange) | undefined;
  readonly after: () => CacheChange;
}

/** What is to become of the cache: the value is in it afterwards, or at the same time, or not at all. */
export type CacheOrder = 'store-first' | 'both' | 'around';

/**
 * Writes to the store, and makes the cache agree.
 *
 * THE RULE: when a write is over, the cache has what the store has, or nothing. If it fails, be it by an error, a timeout
 * or an abort, the store may have it all the same, now or in a moment: so the key leaves the cache at once, and again when
 * the last try has really ended, since somebody may have read the older value meanwhile. Only then comes the next write.
 */
export class StoreWriter<K, V> implements Observable<CacheErrorEvents<K>> {
  readonly #name: string;
  readonly #write: StoreWriterOptions<K, V>['write'];
  readonly #remove: StoreWriterOptions<K, V>['remove'];
  readonly #order: CacheOrder;
  readonly #policy: Policy<unknown> | undefined;
  readonly #updater: CacheUpdater<K, V>;
  readonly #mutex = new KeyedMutex<K>();
  readonly #events = new Emitter<CacheErrorEvents<K>>();

  /** @param own - read, and not checked yet. */
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

  /** Never rejects. The turn lasts until no try of the write is running any more. */
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
    const fault = await (failure === undefined ? after() : this.#updater.delete(key));
    const problem = failure ?? fault;
    if (problem === undefined) waiter.resolve();
    else waiter.reject(problem.error);
    if (call.isRunning) {
      await call.whenEnded();
      if (failure !== undefined) await this.#updater.delete(key);
    }
    call.scope.leave();
  }
}

/** `entry` is for the cache. */
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
 * The signal of one call that takes no other option.
 * @param call - the method, for the message.
 */
export function readSignal(
  owner: string,
  call: string,
  options: { readonly signal?: AbortSignal | null | undefined } | undefined,
): AbortSignal | null {
  if (options === undefined) return null;
  return checkSignal(owner, readOptions(`${owner}.${call}`, options, { signal: null }).signal);
}
