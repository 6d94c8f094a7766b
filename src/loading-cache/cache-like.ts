import { InvalidOptionError } from '../core/errors.js';

/** The methods that a cache needs to hold entries: a `Map`, an `lru-cache` or any cache of this package has them. */
export interface CacheLike<K, V> {
  /** Returns the value of a key, or undefined. May count as a use. */
  get(key: K): V | undefined;
  /** Stores a value. */
  set(key: K, value: V): unknown;
  /** Removes a key and returns whether it was present. */
  delete(key: K): boolean;
  /**
   * Removes all entries. Without this method, cleared entries are never served but use memory until they are evicted.
   */
  clear?(): void;
  /** Returns the value of a key without counting as a use. @defaultValue `get` */
  peek?(key: K): V | undefined;
}

export function checkCacheLike<C>(owner: string, option: string, value: C): C {
  const { get, set, delete: remove } = Object(value) as Partial<CacheLike<unknown, unknown>>;
  if ([get, set, remove].every((method) => typeof method === 'function')) return value;
  throw new InvalidOptionError(owner, option, 'must be an object with get, set, delete', value);
}
