import { InvalidOptionError } from '../core/errors.js';

/** 2³², the length of the circle. */
const CIRCLE = 0x1_0000_0000;
/** The owner's rank stands below the point in one double: 2³² × 2²¹ are its 53 bits. */
const RANKS = 0x20_0000;
/** Up to this number of owners, a search among those seen is faster than a mark for each that there is. */
const FEW = 16;
/** The most points that the index can address. */
const MAX_POINTS = 0x4000_0000;

/**
 * Refuses a circle that is too large, before anything of it is built.
 * @throws InvalidOptionError for more nodes than have ranks, or more points than the index can address.
 */
export function checkCircle(owner: string, nodes: number, points: number): void {
  if (nodes > RANKS) {
    throw new InvalidOptionError(owner, 'nodes', `must be at most ${RANKS} that weigh anything`, nodes);
  }
  if (points > MAX_POINTS) {
    throw new InvalidOptionError(owner, 'nodes', `must have at most ${MAX_POINTS} points in all`, points);
  }
}

/**
 * A circle of 32-bit points, each with its owner, that never changes: what is placed belongs to the owner of the first
 * point at or after its hash, and after the last point comes the first one again.
 *
 * Points are sorted, those in one place by their owner's name, so that the order in which nodes came never matters. An
 * index with about one bucket a point says where to begin: on average the search ends after one step. O(1).
 */
export class RingPoints {
  /** The owners, sorted by name. */
  readonly nodes: readonly string[];
  readonly #points: Uint32Array;
  /** Of each point, the owner's place in `nodes`. */
  readonly #owners: Uint32Array;
  /** For each value of a hash's first bits, the first point that is not before it. */
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

  get size(): number {
    return this.#points.length;
  }

  /** @param nodes - sorted by name. @param pointsOf - the points of each of them. */
  static of(nodes: readonly string[], pointsOf: readonly Uint32Array[]): RingPoints {
    return RingPoints.#unpack(nodes, RingPoints.#pack(pointsOf));
  }

  /** Points and the ranks of their owners in one double each, sorted. */
  static #pack(pointsOf: readonly (Uint32Array | undefined)[]): Float64Array {
    const packed = new Float64Array(pointsOf.reduce((sum, points) => sum + (points?.length ?? 0), 0));
    let filled = 0;
    for (const [rank, points] of pointsOf.entries()) {
      for (const point of points ?? []) packed[filled++] = point * RANKS + rank;
    }
    return packed.sort(); // by number, without a comparator: twice as fast as sorting objects
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
   * The circle with other owners. Points that stay are merged with the new ones, not sorted again: O(points).
   * @param nodes - the owners from now on, sorted by name.
   * @param added - the points of new owners, and of those that get other points.
   */
  become(nodes: readonly string[], added: ReadonlyMap<string, Uint32Array>): RingPoints {
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

  /** For each present owner its place in other owners; -1 where none of its points stays. */
  #ranksAmong(nodes: readonly string[], added: ReadonlyMap<string, Uint32Array>): Int32Array {
    const ranks = new Int32Array(this.nodes.length).fill(-1);
    let rank = 0;
    for (const [old, node] of this.nodes.entries()) {
      while (rank < nodes.length && (nodes[rank] as string) < node) rank++;
      if (nodes[rank] === node && !added.has(node)) ranks[old] = rank;
    }
    return ranks;
  }

  /** The owner of a hash; undefined when there is no point. */
  ownerOf(hash: number): string | undefined {
    return this.nodes[this.#owners[this.#indexOf(hash)] as number];
  }

  /**
   * All owners, each once, in the order in which the circle comes to them from here. The first few cost no more in a circle of
   * many owners: only then is there a mark for each of these.
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
        for (const one of few) seen[one] = 1;
      }
      yield this.nodes[owner] as string;
    }
  }

  /** What fraction of all hashes belongs to each node. */
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

  /** The stretches of the circle, as shares of it, with their owners here and in the other one. */
  *sharesWith(other: RingPoints): Generator<[mine: string | undefined, others: string | undefined, share: number]> {
    const ends = Uint32Array.from([...this.#points, ...other.#points, CIRCLE - 1]).sort();
    let before = -1;
    for (const end of ends) {
      if (end > before) yield [this.ownerOf(end), other.ownerOf(end), (end - before) / CIRCLE];
      before = end;
    }
  }

  /** The first point at or after the hash. */
  #indexOf(hash: number): number {
    const points = this.#points;
    const place = hash >>> 0;
    let index = this.#starts[place >>> this.#shift] as number;
    while (index < points.length && (points[index] as number) < place) index++;
    return index === points.length ? 0 : index;
  }
}
