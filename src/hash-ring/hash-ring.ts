import { InvalidOptionError } from '../core/errors.js';
import { checkCallOptions, checkFunction, checkInteger, given, readOptions } from '../core/options.js';
import { BaseRing } from './base-ring.js';
import type { HashData, HashFunction } from './key-bytes.js';
import { mixed, murmur3 } from './murmur3.js';
import { checkNode, checkNodeList, checkWeight, type NodeOption, sortedByName, sortedNodes } from './nodes.js';
import { checkCircle, RingPoints } from './ring-points.js';

/** The options of `HashRing`. */
export interface HashRingOptions {
  /**
   * The number of points of a node of weight 1: an integer from 1 to 65,536. More points distribute keys more evenly,
   * and need more memory. @defaultValue 160
   */
  readonly virtualNodes?: number | undefined;
  /**
   * The hash function. It must be the same in every process. Its result is mixed again, so a simple function is
   * sufficient.
   * @defaultValue `murmur3`
   */
  readonly hash?: HashFunction | undefined;
  /**
   * The seed of the hash function: an integer from 0 to 2³² - 1. It must be the same in every process, because rings
   * with different seeds place keys differently. @defaultValue 0
   */
  readonly seed?: number | undefined;
}

/** A ring as plain data, without the hash function. */
export interface HashRingJson {
  /** The version of the point computation. Rings of the same layout place keys equally, also in later versions. */
  readonly layout: 1;
  readonly virtualNodes: number;
  readonly seed: number;
  readonly nodes: readonly { readonly node: string; readonly weight: number }[];
}

const LAYOUT = 1;
/** The maximum number of points of one node; this many points take a quarter of a gigabyte. */
const MAX_POINTS = 0x100_0000;

/**
 * Consistent hash ring: places keys on nodes so that few keys move when nodes are added or removed (Karger and others,
 * "Consistent Hashing and Random Trees", 1997). Use it for caches and stateful servers.
 *
 * Each node has points on a circle, `virtualNodes` per unit of weight. A key belongs to the node of the first point at
 * or after the key's own hash. A new node takes its keys from all other nodes, and a removed node leaves its keys to
 * all other nodes. Between the remaining nodes no key moves; the same is true when a weight changes. The same nodes
 * make the same ring in every process, in whatever order they are added.
 *
 * `get` is O(1). Adding and removing is O(points), for one node or for many in one call. With 160 points per node, the
 * standard deviation of the shares is 8 % (1 / √points). About nine bytes per point, for at most 2²¹ nodes and 2³⁰
 * points.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const ring = new HashRing(['cache-1', 'cache-2', { node: 'cache-3', weight: 2 }]);
 * const [primary, replica] = ring.getMany('user:7', 2);
 * console.log(ring.get('user:7') === primary, primary !== replica); // true true
 * ```
 */
export class HashRing extends BaseRing {
  readonly #virtualNodes: number;
  readonly #hash: HashFunction;
  readonly #seed: number;

  constructor(nodes: Iterable<NodeOption> = [], options?: HashRingOptions) {
    const own = readOptions('HashRing', options, { virtualNodes: 160, hash: murmur3, seed: 0 });
    const virtualNodes = checkInteger('HashRing', 'virtualNodes', own.virtualNodes, { min: 1, max: 0x1_0000 });
    const hash = checkHash(own.hash);
    const seed = checkInteger('HashRing', 'seed', own.seed, { min: 0, max: 0xffff_ffff });
    const weights = sortedNodes('HashRing', nodes);
    const placed = [...weights].filter(([, weight]) => weight > 0);
    const counts = placed.map(([, weight]) => countOf(weight, virtualNodes));
    checkCircle(
      'HashRing',
      placed.length,
      counts.reduce((sum, count) => sum + count, 0),
    );
    const pointsOf = placed.map(([node], rank) => virtualPoints(node, counts[rank] as number, hash, seed));
    super(
      'HashRing',
      RingPoints.of(
        placed.map(([node]) => node),
        pointsOf,
      ),
      weights,
    );
    this.#virtualNodes = virtualNodes;
    this.#hash = hash;
    this.#seed = seed;
  }

  /** Creates a ring from the result of `toJSON`. The hash function must be the one of the original ring. */
  static fromJSON(json: HashRingJson, options?: Pick<HashRingOptions, 'hash'>): HashRing {
    if (json?.layout !== LAYOUT) {
      const rule = `must be ${LAYOUT}, as returned by toJSON()`;
      throw new InvalidOptionError('HashRing', 'json.layout', rule, json?.layout);
    }
    const { virtualNodes, seed, nodes } = json;
    return new HashRing(nodes, { virtualNodes, seed, hash: options && given(options, 'hash') });
  }

  /** Adds a node, or changes its weight. Only the necessary keys move. O(points); for many nodes use `addAll`. */
  add(node: string, options: { readonly weight?: number | undefined } = {}): this {
    checkNode('HashRing', node);
    checkCallOptions('HashRing.add', options, ['weight']);
    const weight = checkWeight('HashRing', given(options, 'weight', 1));
    this.#setWeights(new Map(this.weights).set(node, weight));
    return this;
  }

  /**
   * Adds nodes, or changes their weights. The result is the same as calling `add` for each of them, at the cost of one
   * call: O(points). If a node occurs several times, the last entry counts. If the call fails, nothing has changed.
   *
   * @throws InvalidOptionError if any of the nodes or weights is invalid.
   * @example
   * ```ts
   * const ring = new HashRing(['a', 'b']);
   * ring.addAll(['c', { node: 'd', weight: 2 }]);
   * console.log(ring.nodes); // [ 'a', 'b', 'c', 'd' ]
   * ```
   */
  addAll(nodes: Iterable<NodeOption>): this {
    this.#setWeights(new Map([...this.weights, ...sortedNodes('HashRing', nodes)]));
    return this;
  }

  /** Removes a node. Returns whether the node was in the ring. O(points); for many nodes use `removeAll`. */
  remove(node: string): boolean {
    return this.removeAll([node]) === 1;
  }

  /**
   * Removes nodes. Returns the number of nodes that were in the ring. O(points).
   * @throws InvalidOptionError if `nodes` is not iterable; in this case no node is removed.
   */
  removeAll(nodes: Iterable<string>): number {
    const weights = new Map(this.weights);
    for (const node of checkNodeList('HashRing', nodes)) weights.delete(node);
    const removed = this.size - weights.size;
    this.#setWeights(weights);
    return removed;
  }

  /** Replaces the nodes and weights. Computes points only for changed weights. If this fails, nothing has changed. */
  #setWeights(weights: ReadonlyMap<string, number>): void {
    const sorted = sortedByName(weights);
    const counts = new Map<string, number>();
    let [owners, points] = [this['~ring'].nodes.length, this['~ring'].size];
    const count = (weight: number | undefined, by: 1 | -1): number => {
      const more = weight === undefined ? 0 : countOf(weight, this.#virtualNodes);
      if (more > 0) owners += by;
      points += by * more;
      return more;
    };
    for (const [node, weight] of this.weights) if (sorted.get(node) !== weight) count(weight, -1);
    for (const [node, weight] of sorted) {
      if (this.weightOf(node) !== weight) counts.set(node, count(weight, 1));
    }
    if (counts.size === 0 && sorted.size === this.size) return;
    checkCircle('HashRing', owners, points);
    const added = new Map<string, Uint32Array>();
    for (const [node, size] of counts) added.set(node, virtualPoints(node, size, this.#hash, this.#seed));
    const nodes = [...sorted].filter(([, weight]) => weight > 0).map(([node]) => node);
    this.replace(this['~ring'].withOwners(nodes, added), sorted);
  }

  /** Returns the ring as plain data for `fromJSON`. */
  toJSON(): HashRingJson {
    const nodes = [...this.weights].map(([node, weight]) => ({ node, weight }));
    return { layout: LAYOUT, virtualNodes: this.#virtualNodes, seed: this.#seed, nodes };
  }

  /** Internal: returns the position of a key on the circle. */
  '~hashOf'(data: HashData): number {
    return mixed(this.#hash(data, this.#seed));
  }
}

/** Returns the number of points of a node: at least one if the weight is above 0. */
function countOf(weight: number, virtualNodes: number): number {
  const count = weight === 0 ? 0 : Math.max(1, Math.round(weight * virtualNodes));
  if (count <= MAX_POINTS) return count;
  const rule = `must be at most ${MAX_POINTS / virtualNodes} with ${virtualNodes} points per unit of weight`;
  throw new InvalidOptionError('HashRing', 'weight', rule, weight);
}

/**
 * Computes the points of a node. Two hashes of the name are the start and the step of an arithmetic sequence, and each
 * of its elements is mixed. The points are as evenly distributed as with one hash per point, in half the time. The
 * points for a smaller count are a prefix of those for a larger one.
 */
function virtualPoints(node: string, count: number, hash: HashFunction, seed: number): Uint32Array {
  const start = hash(`0:${node}`, seed);
  const step = hash(`1:${node}`, seed) | 1; // odd, so that the sequence does not repeat before 2³² elements
  return Uint32Array.from({ length: count }, (_, i) => mixed((start + Math.imul(i, step)) | 0));
}

function checkHash(hash: HashFunction): HashFunction {
  const sample: unknown = checkFunction('HashRing', 'hash', hash)('', 0);
  if (typeof sample === 'number' && Number.isFinite(sample)) return hash;
  throw new InvalidOptionError('HashRing', 'hash', 'must return a number', sample);
}
