import { InvalidOptionError } from '../core/errors.js';
import { checkInteger, checkOptionalFunction, readOptions } from '../core/options.js';
import { dataOf, type HashData, type PlacementKey } from './key-bytes.js';
import { Placement } from './placement.js';
import type { RingPoints } from './ring-points.js';

/** How evenly the keys are spread. */
export interface RingStats {
  /** What fraction of all keys each node has: they add up to 1. */
  readonly share: ReadonlyMap<string, number>;
  /** Of the node that has most in relation to its weight, how many times its due. 1 is perfect. */
  readonly peakToMean: number;
  /** How far the shares scatter in relation to the weights: standard deviation over mean. 0 is perfect. */
  readonly cv: number;
}

/** What moves when one ring takes the place of another. */
export interface RingDiff {
  /** What fraction of all keys. */
  readonly share: number;
  /** From which node to which, the largest share first; undefined where there is no node. */
  readonly moves: readonly {
    readonly from: string | undefined;
    readonly to: string | undefined;
    readonly share: number;
  }[];
}

export interface GetManyOptions {
  /** Where a node stands. Replicas go to as many different zones as there are, then to each of them a second time, and so on. */
  readonly zoneOf?: ((node: string) => string | undefined) | undefined;
}

/** What all rings have in common: the reading of them. */
export abstract class BaseRing extends Placement {
  readonly #owner: string;
  /** Replaced, never changed: a reader sees one or the other. */
  #ring: RingPoints;

  constructor(owner: string, ring: RingPoints, weights: ReadonlyMap<string, number>) {
    super(weights);
    this.#owner = owner;
    this.#ring = ring;
  }

  /** The node of a key; undefined only when no node can have any. */
  get(key: PlacementKey): string | undefined {
    return this.#ring.ownerOf(this.hashOf(dataOf(key)));
  }

  /**
   * The nodes for a key and its replicas: `count` different ones, or all there are. The first is `get(key)`; a shorter
   * list is the beginning of a longer one, and when a node goes, those that stay keep their order.
   */
  getMany(key: PlacementKey, count: number, options?: GetManyOptions): string[] {
    checkInteger(this.#owner, 'count', count, { min: 0, orInfinity: true });
    const { zoneOf } = readOptions<GetManyOptions>(this.#owner, options, { zoneOf: undefined });
    const around = this.#ring.walk(this.hashOf(dataOf(key)));
    if (checkOptionalFunction(this.#owner, 'zoneOf', zoneOf) === undefined) return take(around, count);
    return take(byZones([...around], zoneOf as (node: string) => string | undefined), count);
  }

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

  /** What moves when `other` takes the place of this ring. @throws InvalidOptionError when it hashes keys differently. */
  diff(other: BaseRing): RingDiff {
    if (!(other instanceof BaseRing && this.hashesLike(other))) {
      throw new InvalidOptionError(this.#owner, 'other', 'must be a ring that hashes keys in the same way', other);
    }
    const moves = new Map<string, { from: string | undefined; to: string | undefined; share: number }>();
    for (const [from, to, share] of this.#ring.sharesWith(other.#ring)) {
      if (from === to) continue;
      const id = JSON.stringify([from, to]);
      moves.set(id, { from, to, share: share + (moves.get(id)?.share ?? 0) });
    }
    const sorted = [...moves.values()].sort((a, b) => b.share - a.share);
    return { share: sorted.reduce((sum, { share }) => sum + share, 0), moves: sorted };
  }

  /** Where on the circle a key is: 32 bits, signed or not. */
  protected abstract hashOf(data: HashData): number;

  /** Whether every key is in the same place on both circles. */
  protected abstract hashesLike(other: BaseRing): boolean;

  protected get ring(): RingPoints {
    return this.#ring;
  }

  /** Puts another state in place of this one, at once. */
  protected replace(ring: RingPoints, weights: ReadonlyMap<string, number>): void {
    this.#ring = ring;
    this.weights = weights;
  }
}

function take(nodes: Iterable<string>, count: number): string[] {
  const taken: string[] = [];
  if (count === 0) return taken;
  for (const node of nodes) if (taken.push(node) >= count) break;
  return taken;
}

/** In rounds: in each, the first node of every zone that has one left. */
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
