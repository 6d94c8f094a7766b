import { InvalidOptionError } from '../core/errors.js';

/**
 * Returns the shard of a key. `get` is a property, not a method, so that the compiler checks that a router only gets
 * keys of its own type.
 */
export interface ShardRouter<in K> {
  /** Whether `get` returns a promise: false or undefined for this type. */
  readonly isAsync?: false | undefined;
  /** The names of all shards that `get` may return. */
  readonly shards: readonly string[];
  /** Returns the shard of a key; undefined if no shard has it. */
  readonly get: (key: K) => string | undefined;
}

/** A shard router that looks up keys asynchronously. */
export interface AsyncShardRouter<in K> {
  /** Whether `get` returns a promise: true for this type. */
  readonly isAsync: true;
  /** The names of the shards that are known so far. */
  readonly shards: readonly string[];
  /**
   * Resolves with the shard of a key; undefined if no shard has it. Rejects with the abort reason of the signal, or
   * with the error if the lookup fails.
   */
  readonly get: (key: K, options?: ShardGetOptions) => Promise<string | undefined>;
}

/** The options of `get`. */
export interface ShardGetOptions {
  /** A signal that ends the wait of this caller when it is aborted. Other callers keep waiting. @defaultValue none */
  readonly signal?: AbortSignal | null | undefined;
}

/** Checks the name of a shard: a non-empty string. */
export function checkShard(owner: string, option: string, shard: unknown): string {
  if (typeof shard === 'string' && shard !== '') return shard;
  throw new InvalidOptionError(owner, option, 'must be a string that is not empty', shard);
}

/** Checks that a value is an iterable object. A string is rejected, although it is iterable. */
export function checkIterable<T>(owner: string, option: string, list: Iterable<T>): Iterable<T> {
  if (typeof list === 'object' && list !== null && Symbol.iterator in list) return list;
  throw new InvalidOptionError(owner, option, 'must be a list', list);
}
