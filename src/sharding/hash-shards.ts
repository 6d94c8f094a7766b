import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';
import { HashRing } from '../hash-ring/hash-ring.js';
import { jumpHash } from '../hash-ring/jump-hash.js';
import { dataOf, type PlacementKey } from '../hash-ring/key-bytes.js';
import { murmur3 } from '../hash-ring/murmur3.js';
import type { NodeOption } from '../hash-ring/nodes.js';
import type { Placement } from '../hash-ring/placement.js';
import { checkShard, type ShardRouter } from './shard-router.js';

/** What a ring, rendezvous or Maglev table can do, or one of your own. */
export type ShardPlacement = Pick<Placement, 'get' | 'getMany' | 'nodes'>;

/** Shards with numbers from 0 on: those that are only ever added at the end. */
export interface NumberedShards {
  /** How many buckets: an integer from 1 to 65,536. */
  readonly buckets: number;
  /**
   * The shard of a bucket. Several buckets may share one: with many more buckets than shards, a bucket can move by itself.
   * @defaultValue the number as a string
   */
  readonly name?: ((bucket: number) => string) | undefined;
}

/** Shards that keys are spread over by their hashes. */
export interface HashShards extends ShardRouter<PlacementKey> {
  /**
   * The shards for a key and its replicas: `count` different ones, or all there are. The first is `get(key)`; a shorter
   * list is the beginning of a longer one.
   */
  getMany(key: PlacementKey, count: number): string[];
}

/**
 * Spreads keys over shards by their hashes: evenly, whatever the keys are, and the same in every process.
 *
 * Takes any placement of `breakwater/hash-ring`, a list of nodes, for a `HashRing` of them, or `{ buckets, name }`, for
 * shards that are numbered, by jump consistent hash. A placement is used as it is, not copied: a node that is added to a
 * ring later is a shard from then on. Neighbouring keys are far apart: a query over a range has to ask every shard.
 *
 * A number is hashed as its decimal string everywhere, so that 7 and '7' are on one shard. `getMany` of numbered shards
 * goes on with the next numbers.
 *
 * O(1) over a ring; O(log buckets) over numbers, with no memory but their names.
 *
 * @throws InvalidOptionError for what is none of these, or cannot work.
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

/** The placement behind the interface, for plans of what moves. */
export class PlacedShards implements HashShards {
  readonly placement: ShardPlacement;

  constructor(placement: ShardPlacement) {
    this.placement = placement;
  }

  get shards(): readonly string[] {
    return this.placement.nodes;
  }

  get(key: PlacementKey): string | undefined {
    return this.placement.get(key);
  }

  getMany(key: PlacementKey, count: number): string[] {
    return this.placement.getMany(key, count);
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

/** 64 bits, those that `jumpHash` gives to a string of the same bytes. */
function wideHash(bytes: Uint8Array): bigint {
  return (BigInt(murmur3(bytes, 0x9e37_79b9)) << 32n) | BigInt(murmur3(bytes, 0));
}
