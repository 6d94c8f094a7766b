import { InvalidOptionError } from '../core/errors.js';

/**
 * The methods that a cache needs to be written to: a `Map`, an `lru-cache`, any cache of this package or a remote
 * cache.
 */
export interface WritableCache<K, V> {
  /** Stores a value. A returned promise is awaited. */
  set(key: K, value: V, options?: WritableCacheSetOptions): unknown;
  /** Removes a key. A returned promise is awaited. */
  delete(key: K): unknown;
}

/** The options that `WritableCache.set` receives, if the caller of the write passed any. */
export interface WritableCacheSetOptions {
  /** The TTL of the entry in milliseconds. */
  readonly ttl?: number | undefined;
  /** The tags of the entry. */
  readonly tags?: readonly string[] | undefined;
}

/** The events of all cache writers. */
export interface CacheErrorEvents<K> {
  /**
   * A call of the cache failed. The writer tried to delete the key; if that failed too, the cache may hold an old
   * value.
   */
  cacheError: { readonly key: K; readonly error: unknown };
}

/** The error of a failed operation. */
export interface Failure {
  readonly error: unknown;
}

/**
 * The result of a change: undefined if the cache now holds the value or no value. Only a remote cache returns a
 * promise.
 */
export type CacheChange = Failure | undefined | Promise<Failure | undefined>;

/**
 * Changes a cache that may be remote and may fail. Changes of one key are applied in the order in which they were made,
 * each one after the previous one has ended, because two requests in flight could overtake each other. A synchronous
 * cache is changed synchronously. If it calls back and changes the same key again, that change is applied right after
 * the current one.
 */
export class CacheUpdater<K, V> {
  readonly #cache: WritableCache<K, V>;
  readonly #onError: (key: K, error: unknown) => void;
  /**
   * For each key that is being changed, the changes that follow. They include changes that were made during the change.
   */
  readonly #queues = new Map<K, Set<() => CacheChange>>();

  constructor(cache: WritableCache<K, V>, onError: (key: K, error: unknown) => void) {
    this.#cache = cache;
    this.#onError = onError;
  }

  /** Stores a value. If the cache fails, deletes the key, so that no older value remains. */
  set(key: K, value: V, options?: WritableCacheSetOptions): CacheChange {
    return this.#runInOrder(key, () => {
      const cache = this.#cache;
      const store = () => (options === undefined ? cache.set(key, value) : cache.set(key, value, options));
      return this.#attempt(key, store, () => this.#delete(key));
    });
  }

  delete(key: K): CacheChange {
    return this.#runInOrder(key, () => this.#delete(key));
  }

  #delete(key: K): CacheChange {
    return this.#attempt(
      key,
      () => this.#cache.delete(key),
      (error) => ({ error }),
    );
  }

  #attempt(key: K, change: () => unknown, onFailure: (error: unknown) => CacheChange): CacheChange {
    const onError = (error: unknown): CacheChange => {
      this.#onError(key, error);
      return onFailure(error);
    };
    try {
      const done = change();
      return isPromiseLike(done) ? Promise.resolve(done).then(() => undefined, onError) : undefined;
    } catch (error) {
      return onError(error);
    }
  }

  #runInOrder(key: K, change: () => CacheChange): CacheChange {
    const queue = this.#queues.get(key);
    if (queue !== undefined) return new Promise((resolve) => queue.add(() => passOn(change(), resolve)));
    const newQueue = new Set<() => CacheChange>();
    this.#queues.set(key, newQueue);
    const done = change();
    if (done instanceof Promise) done.then(() => this.#runQueued(key, newQueue));
    else this.#runQueued(key, newQueue);
    return done;
  }

  /** Applies the queued changes, synchronously as long as the cache is synchronous. */
  #runQueued(key: K, queue: Set<() => CacheChange>): void {
    for (const change of queue) {
      queue.delete(change);
      const done = change();
      if (done instanceof Promise) {
        done.then(() => this.#runQueued(key, queue));
        return;
      }
    }
    this.#queues.delete(key);
  }
}

export function checkWritableCache<C>(owner: string, value: C): C {
  const { set, delete: remove } = Object(value) as Partial<WritableCache<unknown, unknown>>;
  if (typeof set === 'function' && typeof remove === 'function') return value;
  throw new InvalidOptionError(owner, 'cache', 'must be an object with set, delete', value);
}

function passOn(change: CacheChange, resolve: (change: CacheChange) => void): CacheChange {
  resolve(change);
  return change;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
