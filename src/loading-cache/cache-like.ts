import { InvalidOptionError } from '../core/errors.js';

/** What is asked of a cache to keep things in: a `Map` will do, an `lru-cache`, any cache of this package. */
export interface CacheLike<K, V> {
  get(key: K): V | undefined;
  set(key: K, value: V): unknown;
  delete(key: K): boolean;
  /** Without it, what was cleared is out of reach at once but takes up room until it is evicted. */
  clear?(): void;
  /** A `get` that does not count as a use. @defaultValue `get` */
  peek?(key: K): V | undefined;
}

export function checkCacheLike<C>(owner: string, option: string, value: C): C {
  const { get, set, delete: remove } = Object(value) as Partial<CacheLike<unknown, unknown>>;
  if ([get, set, remove].every((method) => typeof method === 'function')) return value;
  throw new InvalidOptionError(owner, option, 'must be an object with get, set, delete', value);
}
