import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';
import { dataOf, type HashData, type PlacementKey } from './key-bytes.js';
import { Placement } from './placement.js';
import type { RingPoints } from './ring-points.js';

/** Statistics on how evenly keys are distributed. */
export interface RingStats {
  /** The share of all keys that each node has, from 0 to 1. The shares add up to 1. */
  readonly share: ReadonlyMap<string, number>;
  /** The highest load of a node, relative to the share that its weight entitles it to. 1 is perfect. */
  readonly peakToMean: number;
  /** The coefficient of variation of the loads relative to the weights: standard deviation / mean. 0 is perfect. */
  readonly cv: number;
}

/** The keys that move when one ring replaces another. */
export interface RingDiff {
  /** The share of all keys that move, from 0 to 1. */
  readonly share: number;
  /** The movements between pairs of nodes, the largest share first. A side is undefined if that ring has no node. */
  readonly moves: readonly {
    readonly from: string | undefined;
    readonly to: string | undefined;
    readonly share: number;
  }[];
}

/** The options of `getMany`. */
export interface GetManyOptions {
  /**
   * Returns the zone of a node. Replicas are placed in as many different zones as exist, then in each zone a second
   * time, and so on. @defaultValue zones are ignored
   */
  readonly zoneOf?: ((node: string) => string | undefined) | undefined;
}

/** The base of all rings: looks up keys and compares rings. */
export abstract class BaseRing extends Placement {
  readonly #owner: string;
  /** Replaced, never changed, so a reader always sees a consistent state. */
  #ring: RingPoints;

  constructor(owner: string, ring: RingPoints, weights: ReadonlyMap<string, number>) {
    super(weights);
    this.#owner = owner;
    this.#ring = ring;
  }

  /** Returns the node of a key; undefined only if no node has a weight above 0. */
  get(key: PlacementKey): string | undefined {
    return this.#ring.ownerOf(this['~hashOf'](dataOf(key)));
  }

  /**
   * Returns the nodes for a key and its replicas: `count` different nodes, or all nodes if there are fewer. The first
   * is `get(key)`. The result for a smaller count is a prefix of the result for a larger one. If a node is removed, the
   * remaining nodes keep their order.
   */
  getMany(key: PlacementKey, count: number, options?: GetManyOptions): string[] {
    checkInteger(this.#owner, 'count', count, { min: 0, orInfinity: true });
    const { zoneOf } = readOptions<GetManyOptions>(this.#owner, options, { zoneOf: undefined });
    const around = this.#ring.walk(this['~hashOf'](dataOf(key)));
    if (checkOptionalFunction(this.#owner, 'zoneOf', zoneOf) === undefined) return take(around, count);
    return take(byZones([...around], zoneOf as (node: string) => string | undefined), count);
  }

  /** Computes how evenly keys are distributed over the nodes. O(points). */
  stats(): RingStats {
    const share = this.#ring.shares();
    const total = [...this.weights.values()].reduce((sum, weight) => sum + weight, 0);
    const loads = [...share].map(([node, part]) => part / ((this.weights.get(node) as number) / total));
    const variance = loads.reduce((sum, load) => sum + (load - 1) ** 2, 0) / (loads.length || 1);
    const shares = new Map([...this.weights.keys()].map((node) => [node, share.get(node) ?? 0]));
    return {
      share: shares,
      peakToMean: loads.reduce((most, load) => Math.max(most, load), 1),
      cv: Math.sqrt(variance),
    };
  }

  /**
   * Computes which keys move when `other` replaces this ring. O(points log points).
   * @throws InvalidOptionError if the two rings hash keys differently.
   */
  diff(other: BaseRing): RingDiff {
    if (!(isRing(other) && hashEqually(this, other))) {
      throw new InvalidOptionError(this.#owner, 'other', 'must be a ring that hashes keys in the same way', other);
    }
    const moves = new Map<string, { from: string | undefined; to: string | undefined; share: number }>();
    for (const [from, to, share] of this.#ring.sharesWith(other['~ring'])) {
      if (from === to) continue;
      const id = JSON.stringify([from, to]);
      moves.set(id, { from, to, share: share + (moves.get(id)?.share ?? 0) });
    }
    const sorted = [...moves.values()].sort((a, b) => b.share - a.share);
    return { share: sorted.reduce((sum, { share }) => sum + share, 0), moves: sorted };
  }

  /** Internal: returns the position of a key on the circle, in 32 bits, signed or unsigned. */
  abstract '~hashOf'(data: HashData): number;

  /** Internal: the points of the ring. The rings of other copies of this package read them too. */
  get '~ring'(): RingPoints {
    return this.#ring;
  }

  /** Replaces the points and the weights together. */
  protected replace(ring: RingPoints, weights: ReadonlyMap<string, number>): void {
    this.#ring = ring;
    this.weights = weights;
  }
}

/** Whether the value is a ring of any copy of this package, such as ESM beside CommonJS, or two versions. */
export function isRing(value: unknown): value is BaseRing {
  return typeof value === 'object' && value !== null && '~ring' in value;
}

/**
 * Whether two rings give every key the same position, judged by keys of several kinds. The functions themselves cannot be
 * compared: in another copy of this package, the same hash function is another object.
 */
function hashEqually(one: BaseRing, other: BaseRing): boolean {
  const keys = ['', 'key', 'KEY', 'clé', '鍵', '🗝', 'a key that is longer than one block of sixteen bytes'];
  return keys.every((key) => one['~hashOf'](key) >>> 0 === other['~hashOf'](key) >>> 0);
}

function take(nodes: Iterable<string>, count: number): string[] {
  const taken: string[] = [];
  if (count === 0) return taken;
  for (const node of nodes) if (taken.push(node) >= count) break;
  return taken;
}

/** Yields the nodes in rounds: each round contains the next node of every zone that has nodes left. */
function* byZones(nodes: readonly string[], zoneOf: (node: string) => string | undefined): Generator<string> {
  let left = nodes.map((node) => ({ node, zone: zoneOf(node) }));
  while (left.length > 0) {
    const zones = new Set<string | undefined>();
    const later: typeof left = [];
    for (const one of left) {
      if (zones.has(one.zone)) later.push(one);
      else {
        zones.add(one.zone);
        yield one.node;
      }
    }
    left = later;
  }
}
