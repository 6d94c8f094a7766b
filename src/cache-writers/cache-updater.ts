import { InvalidOptionError } from '../core/errors.js';

/** What is asked of a cache to be written to: a `Map` will do, an `lru-cache`, any cache of this package, a remote one. */
export interface WritableCache<K, V> {
  set(key: K, value: V, options?: WritableCacheSetOptions): unknown;
  delete(key: K): unknown;
}

/** What a cache is told about one entry, where the caller said it. */
export interface WritableCacheSetOptions {
  /** In milliseconds. */
  readonly ttl?: number | undefined;
  readonly tags?: readonly string[] | undefined;
}

export interface CacheErrorEvents<K> {
  /** The cache has failed. It was told to forget the key; if that failed too, it may hold an old value of it. */
  cacheError: { readonly key: K; readonly error: unknown };
}

/** Why nobody knows what the cache holds of a key. */
export interface Failure {
  readonly error: unknown;
}

/** Undefined, at once or later, when the cache has the value, or at least no other one. */
export type CacheChange = Failure | undefined | Promise<Failure | undefined>;

/**
 * A cache that may be remote, and may fail. Changes of one key reach it in the order they were made, each after the one
 * before it has ended: two requests on their way may overtake each other. A cache that does all at once is changed at once;
 * what it changes of the same key meanwhile, by calling back, is changed right after that.
 */
export class CacheUpdater<K, V> {
  readonly #cache: WritableCache<K, V>;
  readonly #onError: (key: K, error: unknown) => void;
  /** For each key that is being changed, the changes that come after that: those made from within it are among them. */
  readonly #lines = new Map<K, Set<() => CacheChange>>();

  constructor(cache: WritableCache<K, V>, onError: (key: K, error: unknown) => void) {
    this.#cache = cache;
    this.#onError = onError;
  }

  /** A cache that cannot take the value must not keep an older one either. */
  set(key: K, value: V, options?: WritableCacheSetOptions): CacheChange {
    return this.#inTurn(key, () => {
      const cache = this.#cache;
      const store = () => (options === undefined ? cache.set(key, value) : cache.set(key, value, options));
      return this.#attempt(key, store, () => this.#delete(key));
    });
  }

  delete(key: K): CacheChange {
    return this.#inTurn(key, () => this.#delete(key));
  }

  #delete(key: K): CacheChange {
    return this.#attempt(
      key,
      () => this.#cache.delete(key),
      (error) => ({ error }),
    );
  }

  #attempt(key: K, change: () => unknown, otherwise: (error: unknown) => CacheChange): CacheChange {
    const onError = (error: unknown): CacheChange => {
      this.#onError(key, error);
      return otherwise(error);
    };
    try {
      const done = change();
      return isPromiseLike(done) ? Promise.resolve(done).then(() => undefined, onError) : undefined;
    } catch (error) {
      return onError(error);
    }
  }

  #inTurn(key: K, change: () => CacheChange): CacheChange {
    const waiting = this.#lines.get(key);
    if (waiting !== undefined) return new Promise((resolve) => waiting.add(() => passOn(change(), resolve)));
    const begun = new Set<() => CacheChange>();
    this.#lines.set(key, begun);
    const done = change();
    if (done instanceof Promise) done.then(() => this.#goOn(key, begun));
    else this.#goOn(key, begun);
    return done;
  }

  /** With those in line, as far as they take no time. */
  #goOn(key: K, waiting: Set<() => CacheChange>): void {
    for (const change of waiting) {
      waiting.delete(change);
      const done = change();
      if (done instanceof Promise) {
        done.then(() => this.#goOn(key, waiting));
        return;
      }
    }
    this.#lines.delete(key);
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
