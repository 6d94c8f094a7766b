import { InvalidOptionError } from '../core/errors.js';

/** Knows which shard has a key. `get` is a property, so that the compiler holds routers to the keys they were made for. */
export interface ShardRouter<in K> {
  readonly isAsync?: false | undefined;
  /** The names of all shards it may answer. */
  readonly shards: readonly string[];
  /** The shard of a key; undefined when no shard has it. */
  readonly get: (key: K) => string | undefined;
}

/** Likewise, but has to ask somebody. */
export interface AsyncShardRouter<in K> {
  readonly isAsync: true;
  /** The names of the shards it knows of by now. */
  readonly shards: readonly string[];
  /** The shard of a key; undefined when no shard has it. Rejects with the signal's reason, or when it cannot find out. */
  readonly get: (key: K, options?: ShardGetOptions) => Promise<string | undefined>;
}

export interface ShardGetOptions {
  /** Ends this wait, and no other one. */
  readonly signal?: AbortSignal | null | undefined;
}

export function checkShard(owner: string, option: string, shard: unknown): string {
  if (typeof shard === 'string' && shard !== '') return shard;
  throw new InvalidOptionError(owner, option, 'must be a string that is not empty', shard);
}

/** A string is no list, although it can be iterated. */
export function checkIterable<T>(owner: string, option: string, list: Iterable<T>): Iterable<T> {
  if (typeof list === 'object' && list !== null && Symbol.iterator in list) return list;
  throw new InvalidOptionError(owner, option, 'must be a list', list);
}
