import { InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, given, readOptions } from '../core/options.js';
import { BaseRing } from './base-ring.js';
import type { HashData, HashFunction } from './key-bytes.js';
import { mixed, murmur3 } from './murmur3.js';
import { checkNode, checkNodeList, checkWeight, type NodeOption, sortedByName, sortedNodes } from './nodes.js';
import { checkCircle, RingPoints } from './ring-points.js';

export interface HashRingOptions {
  /** Points of a node of weight 1: more of them spread keys more evenly. An integer from 1 to 65,536. @defaultValue 160 */
  readonly virtualNodes?: number | undefined;
  /** The same in every process. Its result is mixed again, so that a simple one will do. @defaultValue `murmur3` */
  readonly hash?: HashFunction | undefined;
  /** The same in every process: rings of another seed place keys differently. An integer from 0 to 2³² - 1. @defaultValue 0 */
  readonly seed?: number | undefined;
}

/** A ring as plain data. The hash function is not in it. */
export interface HashRingJson {
  /** How points are computed. Rings of one layout place keys in one way, now and in later versions. */
  readonly layout: 1;
  readonly virtualNodes: number;
  readonly seed: number;
  readonly nodes: readonly { readonly node: string; readonly weight: number }[];
}

const LAYOUT = 1;
/** A table of points of this size takes a quarter of a gigabyte. */
const MAX_POINTS = 0x100_0000;

/**
 * Places keys on nodes so that few of them move when nodes come and go (Karger and others, "Consistent Hashing and Random
 * Trees", 1997).
 *
 * Each node has points on a circle, `virtualNodes` for each unit of weight, and a key belongs to the node of the first point
 * after its own. A node that comes takes its keys from all others, a node that goes leaves them to all others; between
 * those that stay nothing moves, nor when a weight changes. The same nodes make the same ring in every process, in
 * whatever order they came.
 *
 * `get` is O(1). Adding and removing is O(points), for one node or for many at once. With 160 points a node, shares scatter by 8 % (one over the root of the
 * points). About nine bytes a point, for at most 2²¹ nodes and 2³⁰ points.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  /** A ring from what `toJSON` gave, with the hash function that it had. */
  static fromJSON(json: HashRingJson, options?: Pick<HashRingOptions, 'hash'>): HashRing {
    if (json?.layout !== LAYOUT) {
      throw new InvalidOptionError('HashRing', 'json.layout', `must be ${LAYOUT}, as toJSON() gives it`, json?.layout);
    }
    const { virtualNodes, seed, nodes } = json;
    return new HashRing(nodes, { virtualNodes, seed, hash: options && given(options, 'hash') });
  }

  /** Adds a node, or gives it another weight. Only keys move that must. O(points): for many nodes use `addAll`. */
  add(node: string, options: { readonly weight?: number | undefined } = {}): this {
    checkNode('HashRing', node);
    const weight = checkWeight('HashRing', given(options, 'weight', 1));
    this.#become(new Map(this.weights).set(node, weight));
    return this;
  }

  /**
   * Adds nodes, or gives them other weights: the same ring as by `add` for each of them, for the cost of one. Of several
   * entries for one node the last one counts. O(points); one step whose failure changes nothing.
   *
   * @throws InvalidOptionError if any of the nodes or weights cannot work.
   * @example
   * ```ts
   * const ring = new HashRing(['a', 'b']);
   * ring.addAll(['c', { node: 'd', weight: 2 }]);
   * console.log(ring.nodes); // [ 'a', 'b', 'c', 'd' ]
   * ```
   */
  addAll(nodes: Iterable<NodeOption>): this {
    this.#become(new Map([...this.weights, ...sortedNodes('HashRing', nodes)]));
    return this;
  }

  /** Removes a node and returns whether it was in the ring. O(points): for many nodes use `removeAll`. */
  remove(node: string): boolean {
    return this.removeAll([node]) === 1;
  }

  /**
   * Removes nodes and returns the number of those that were in the ring. O(points).
   * @throws InvalidOptionError if it is no list, and removes none.
   */
  removeAll(nodes: Iterable<string>): number {
    const weights = new Map(this.weights);
    for (const node of checkNodeList('HashRing', nodes)) weights.delete(node);
    const removed = this.size - weights.size;
    this.#become(weights);
    return removed;
  }

  /** Makes these the nodes. Points are computed for new weights only, and nothing changes if that fails. */
  #become(weights: ReadonlyMap<string, number>): void {
    const sorted = sortedByName(weights);
    const counts = new Map<string, number>();
    let [owners, points] = [this.ring.nodes.length, this.ring.size];
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
    this.replace(this.ring.become(nodes, added), sorted);
  }

  toJSON(): HashRingJson {
    const nodes = [...this.weights].map(([node, weight]) => ({ node, weight }));
    return { layout: LAYOUT, virtualNodes: this.#virtualNodes, seed: this.#seed, nodes };
  }

  protected hashOf(data: HashData): number {
    return mixed(this.#hash(data, this.#seed));
  }

  protected hashesLike(other: BaseRing): boolean {
    return other instanceof HashRing && other.#hash === this.#hash && other.#seed === this.#seed;
  }
}

/** At least one for whatever weighs anything. */
function countOf(weight: number, virtualNodes: number): number {
  const count = weight === 0 ? 0 : Math.max(1, Math.round(weight * virtualNodes));
  if (count <= MAX_POINTS) return count;
  const rule = `must be at most ${MAX_POINTS / virtualNodes} with ${virtualNodes} points for each 1 of it`;
  throw new InvalidOptionError('HashRing', 'weight', rule, weight);
}

/**
 * Two hashes of the name, as the start and the step of a walk, each step mixed: as even as a hash for each point, in half
 * the time. A node with more points has those that it would have with fewer, too.
 */
function virtualPoints(node: string, count: number, hash: HashFunction, seed: number): Uint32Array {
  const start = hash(`0:${node}`, seed);
  const step = hash(`1:${node}`, seed) | 1; // odd, so that the walk is long
  return Uint32Array.from({ length: count }, (_, i) => mixed((start + Math.imul(i, step)) | 0));
}

function checkHash(hash: HashFunction): HashFunction {
  const sample: unknown = checkFunction('HashRing', 'hash', hash)('', 0);
  if (typeof sample === 'number' && Number.isFinite(sample)) return hash;
  throw new InvalidOptionError('HashRing', 'hash', 'must return a number', sample);
}
