import { InvalidOptionError } from '../core/errors.js';

/** 2³², the length of the circle. */
const CIRCLE = 0x1_0000_0000;
/** The maximum number of owners. A point and the rank of its owner share one double: 2³² × 2²¹ are its 53 bits. */
const RANKS = 0x20_0000;
/** Up to this number of visited owners, searching a list is faster than a bitmap of all owners. */
const FEW = 16;
/** The most points that the index can address. */
const MAX_POINTS = 0x4000_0000;

/**
 * Rejects a circle that is too large, before any of it is built.
 * @throws InvalidOptionError for more nodes than ranks exist, or more points than the index can address.
 */
export function checkCircle(owner: string, nodes: number, points: number): void {
  if (nodes > RANKS) {
    throw new InvalidOptionError(owner, 'nodes', `must be at most ${RANKS} with a weight above 0`, nodes);
  }
  if (points > MAX_POINTS) {
    throw new InvalidOptionError(owner, 'nodes', `must have at most ${MAX_POINTS} points in all`, points);
  }
}

/**
 * An immutable circle of 32-bit points with their owners. A hash belongs to the owner of the first point at or after
 * it; after the last point, the circle continues with the first one.
 *
 * Points are sorted. Equal points are sorted by their owner's name, so the order in which nodes were added has no
 * effect. An index with about one bucket per point determines where the search begins; on average it ends after one
 * step. O(1).
 */
export class RingPoints {
  /** The owners, sorted by name. */
  readonly nodes: readonly string[];
  readonly #points: Uint32Array;
  /** For each point, the index of its owner in `nodes`. */
  readonly #owners: Uint32Array;
  /** For each value of a hash's leading bits, the first point that is not before it. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  private constructor(nodes: readonly string[], points: Uint32Array, owners: Uint32Array) {
    this.nodes = nodes;
    this.#points = points;
    this.#owners = owners;
    const bits = Math.max(1, Math.ceil(Math.log2(points.length)));
    this.#shift = 32 - bits;
    this.#starts = new Uint32Array(1 << bits);
    let next = 0;
    for (let bucket = 0; bucket < this.#starts.length; bucket++) {
      while (next < points.length && (points[next] as number) >>> this.#shift < bucket) next++;
      this.#starts[bucket] = next;
    }
  }

  /** The points in order. */
  get points(): Uint32Array {
    return this.#points;
  }

  /** The number of points. */
  get size(): number {
    return this.#points.length;
  }

  /** Builds a circle. @param nodes - Sorted by name. @param pointsOf - The points of each node, in the same order. */
  static of(nodes: readonly string[], pointsOf: readonly Uint32Array[]): RingPoints {
    return RingPoints.#unpack(nodes, RingPoints.#pack(pointsOf));
  }

  /** Packs each point with the rank of its owner into one double, and sorts them. */
  static #pack(pointsOf: readonly (Uint32Array | undefined)[]): Float64Array {
    const packed = new Float64Array(pointsOf.reduce((sum, points) => sum + (points?.length ?? 0), 0));
    let filled = 0;
    for (const [rank, points] of pointsOf.entries()) {
      for (const point of points ?? []) packed[filled++] = point * RANKS + rank;
    }
    return packed.sort(); // numeric, without a comparator: twice as fast as sorting objects
  }

  static #unpack(nodes: readonly string[], packed: Float64Array): RingPoints {
    const points = new Uint32Array(packed.length);
    const owners = new Uint32Array(packed.length);
    for (let i = 0; i < packed.length; i++) {
      points[i] = Math.floor((packed[i] as number) / RANKS);
      owners[i] = (packed[i] as number) % RANKS;
    }
    return new RingPoints(nodes, points, owners);
  }

  /**
   * Returns the circle with other owners. The remaining points are merged with the new ones, not sorted again:
   * O(points).
   * @param nodes - All owners of the new circle, sorted by name.
   * @param added - The points of new owners and of owners whose points change.
   */
  withOwners(nodes: readonly string[], added: ReadonlyMap<string, Uint32Array>): RingPoints {
    const ranks = this.#ranksAmong(nodes, added);
    const fresh = RingPoints.#pack(nodes.map((node) => added.get(node)));
    let kept = 0;
    for (const owner of this.#owners) kept += Number((ranks[owner] as number) >= 0);
    const packed = new Float64Array(kept + fresh.length);
    let next = 0;
    let filled = 0;
    for (let i = 0; i < this.#points.length; i++) {
      const rank = ranks[this.#owners[i] as number] as number;
      if (rank < 0) continue;
      const old = (this.#points[i] as number) * RANKS + rank;
      while (next < fresh.length && (fresh[next] as number) < old) packed[filled++] = fresh[next++] as number;
      packed[filled++] = old;
    }
    packed.set(fresh.subarray(next), filled);
    return RingPoints.#unpack(nodes, packed);
  }

  /** Returns for each current owner its rank among the new owners; -1 if none of its points remains. */
  #ranksAmong(nodes: readonly string[], added: ReadonlyMap<string, Uint32Array>): Int32Array {
    const ranks = new Int32Array(this.nodes.length).fill(-1);
    let rank = 0;
    for (const [old, node] of this.nodes.entries()) {
      while (rank < nodes.length && (nodes[rank] as string) < node) rank++;
      if (nodes[rank] === node && !added.has(node)) ranks[old] = rank;
    }
    return ranks;
  }

  /** Returns the owner of a hash; undefined if the circle has no points. */
  ownerOf(hash: number): string | undefined {
    return this.nodes[this.#owners[this.#indexOf(hash)] as number];
  }

  /**
   * Yields all owners, each once, in the order of the circle from this hash on. The bitmap of all owners is only
   * created after the first few, so those do not cost more on a circle with many owners.
   */
  *walk(hash: number): Generator<string> {
    const first = this.#indexOf(hash);
    const few: number[] = [];
    let seen: Uint8Array | undefined;
    for (let step = 0; step < this.#points.length; step++) {
      const owner = this.#owners[(first + step) % this.#points.length] as number;
      if (seen === undefined ? few.includes(owner) : seen[owner] === 1) continue;
      if (seen !== undefined) seen[owner] = 1;
      else if (few.push(owner) === FEW) {
        seen = new Uint8Array(this.nodes.length);
        for (const visited of few) seen[visited] = 1;
      }
      yield this.nodes[owner] as string;
    }
  }

  /** Returns the share of all hashes that belongs to each node, from 0 to 1. */
  shares(): Map<string, number> {
    const lengths = new Float64Array(this.nodes.length);
    let before = -1;
    for (let i = 0; i < this.#points.length; i++) {
      const owner = this.#owners[i] as number;
      lengths[owner] = (lengths[owner] as number) + (this.#points[i] as number) - before;
      before = this.#points[i] as number;
    }
    const first = this.#owners[0];
    if (first !== undefined) lengths[first] = (lengths[first] as number) + CIRCLE - 1 - before;
    return new Map(this.nodes.map((node, rank) => [node, (lengths[rank] as number) / CIRCLE]));
  }

  /** Yields the sections of the circle, as shares of it, with their owners on this circle and on the other one. */
  *sharesWith(other: RingPoints): Generator<[own: string | undefined, others: string | undefined, share: number]> {
    const ends = Uint32Array.from([...this.#points, ...other.points, CIRCLE - 1]).sort();
    let before = -1;
    for (const end of ends) {
      if (end > before) yield [this.ownerOf(end), other.ownerOf(end), (end - before) / CIRCLE];
      before = end;
    }
  }

  /** Returns the index of the first point at or after the hash. */
  #indexOf(hash: number): number {
    const points = this.#points;
    const target = hash >>> 0;
    let index = this.#starts[target >>> this.#shift] as number;
    while (index < points.length && (points[index] as number) < target) index++;
    return index === points.length ? 0 : index;
  }
}
