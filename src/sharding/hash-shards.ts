import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';
import { HashRing } from '../hash-ring/hash-ring.js';
import { jumpHash } from '../hash-ring/jump-hash.js';
import { dataOf, type PlacementKey } from '../hash-ring/key-bytes.js';
import { murmur3 } from '../hash-ring/murmur3.js';
import type { NodeOption } from '../hash-ring/nodes.js';
import type { Placement } from '../hash-ring/placement.js';
import { checkShard, type ShardRouter } from './shard-router.js';

/** The methods of a placement that are used. Rings, rendezvous and Maglev tables have them; a custom one can too. */
export type ShardPlacement = Pick<Placement, 'get' | 'getMany' | 'nodes'>;

/** Shards with numbers from 0 on. Use it if shards are only added at the end. */
export interface NumberedShards {
  /** The number of buckets: an integer from 1 to 65,536. */
  readonly buckets: number;
  /**
   * Returns the shard of a bucket. Several buckets can have the same shard: with many more buckets than shards, single
   * buckets can be moved.
   * @defaultValue the number as a string
   */
  readonly name?: ((bucket: number) => string) | undefined;
}

/** Shards over which keys are distributed by their hashes. */
export interface HashShards extends ShardRouter<PlacementKey> {
  /**
   * Returns the shards for a key and its replicas: `count` different shards, or all shards if there are fewer. The
   * first is `get(key)`. The result for a smaller count is a prefix of the result for a larger one.
   */
  getMany(key: PlacementKey, count: number): string[];
}

/**
 * Creates a router that distributes keys evenly over shards by their hashes, equally in every process. Use it if keys
 * are read one by one. Neighbouring keys are on different shards, so a range query has to ask every shard.
 *
 * `source` is a placement of `breakwater/hash-ring`; a list of nodes, for a `HashRing` of them; or `{ buckets, name }`,
 * for numbered shards with jump consistent hash. A placement is used directly, not copied: a node that is added to a
 * ring later becomes a shard.
 *
 * A number is hashed as its decimal string, so 7 and '7' are on the same shard. For numbered shards, `getMany`
 * continues with the next numbers.
 *
 * O(1) for a ring; O(log buckets) for numbered shards, which need no memory except for their names.
 *
 * @throws InvalidOptionError if `source` is none of these or is invalid.
 * @example
 * ```ts
 * const users = hashShards(['db-1', 'db-2', { node: 'db-3', weight: 2 }]);
 * const [primary, copy] = users.getMany('user:7', 2);
 * console.log(users.get('user:7') === primary, primary !== copy); // true true
 *
 * const orders = hashShards({ buckets: 16, name: (bucket) => `orders_${bucket}` });
 * console.log(orders.get(7) === orders.get('7')); // true
 * ```
 */
export function hashShards(source: ShardPlacement | Iterable<NodeOption> | NumberedShards): HashShards {
  if (typeof source !== 'object' || source === null) {
    throw new InvalidOptionError('hashShards', 'source', 'must be a placement, nodes, or { buckets }', source);
  }
  if (isPlacement(source)) return new PlacedShards(source);
  if (Symbol.iterator in source) return new PlacedShards(new HashRing(source));
  return new BucketShards(source);
}

function isPlacement(source: object): source is ShardPlacement {
  const { get, getMany } = source as { get?: unknown; getMany?: unknown };
  return typeof get === 'function' && typeof getMany === 'function';
}

/** Returns the placement that a router distributes by, also for a router of another copy of this package. */
export function placementOf<T extends object>(router: T): T | ShardPlacement {
  return '~placement' in router ? (router['~placement'] as ShardPlacement) : router;
}

class PlacedShards implements HashShards {
  /** Internal: read by `rebalancePlan`. */
  readonly '~placement': ShardPlacement;

  constructor(placement: ShardPlacement) {
    this['~placement'] = placement;
  }

  get shards(): readonly string[] {
    return this['~placement'].nodes;
  }

  get(key: PlacementKey): string | undefined {
    return this['~placement'].get(key);
  }

  getMany(key: PlacementKey, count: number): string[] {
    return this['~placement'].getMany(key, count);
  }
}

class BucketShards implements HashShards {
  readonly #names: readonly string[];
  readonly shards: readonly string[];

  constructor(options: NumberedShards) {
    const own = readOptions('hashShards', options, { buckets: undefined, name: undefined });
    const buckets = checkInteger('hashShards', 'buckets', own.buckets, { min: 1, max: 0x1_0000 });
    const name = checkOptionalFunction('hashShards', 'name', own.name) ?? String;
    this.#names = Array.from({ length: buckets }, (_, bucket) =>
      checkShard('hashShards', `name(${bucket})`, name(bucket)),
    );
    this.shards = [...new Set(this.#names)];
  }

  get(key: PlacementKey): string {
    return this.#names[this.#bucketOf(key)] as string;
  }

  getMany(key: PlacementKey, count: number): string[] {
    checkInteger('hashShards', 'count', count, { min: 0, orInfinity: true });
    const first = this.#bucketOf(key);
    const around = new Set([...this.#names.slice(first), ...this.#names.slice(0, first)]);
    return [...around].slice(0, count);
  }

  #bucketOf(key: PlacementKey): number {
    const data = dataOf(key);
    return jumpHash(typeof data === 'string' ? data : wideHash(data), this.#names.length);
  }
}

/** Returns 64 bits: the same as `jumpHash` computes for a string of the same bytes. */
function wideHash(bytes: Uint8Array): bigint {
  return (BigInt(murmur3(bytes, 0x9e37_79b9)) << 32n) | BigInt(murmur3(bytes, 0));
}
