import { checkInteger, readOptions } from '../core/options.js';
import { dataOf, type PlacementKey } from './key-bytes.js';
import { mixed, murmur3 } from './murmur3.js';
import { type NodeOption, sortedNodes } from './nodes.js';
import { Placement } from './placement.js';

/** The options of `Rendezvous`. */
export interface RendezvousOptions {
  /**
   * The seed of the hash function: an integer from 0 to 2³² - 1. It must be the same in every process. @defaultValue 0
   */
  readonly seed?: number | undefined;
}

interface Candidate {
  readonly node: string;
  readonly weight: number;
  readonly seed: number;
  readonly increment: number;
}

/**
 * Rendezvous hashing: places a key on the node with the highest score for it (Thaler and Ravishankar, "A Name-Based
 * Mapping Scheme for Rendezvous", 1996; weights after Schindelhauer and Schomaker, 2005).
 *
 * It is perfectly even, needs no tuning, and moves only the necessary keys, with or without weights. A lookup computes
 * the score of every node: O(nodes). Use it for up to about thirty nodes, and a `HashRing` for more.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const shards = new Rendezvous(['a', 'b', { node: 'c', weight: 2 }]);
 * const [primary, replica] = shards.getMany('user:7', 2);
 * console.log(shards.get('user:7') === primary, primary !== replica); // true true
 * ```
 */
export class Rendezvous extends Placement {
  readonly #seed: number;
  /** The nodes with a weight above 0, sorted by name. */
  readonly #candidates: readonly Candidate[];
  readonly #isWeighted: boolean;

  constructor(nodes: Iterable<NodeOption>, options?: RendezvousOptions) {
    const { seed } = readOptions('Rendezvous', options, { seed: 0 });
    super(sortedNodes('Rendezvous', nodes));
    this.#seed = checkInteger('Rendezvous', 'seed', seed, { min: 0, max: 0xffff_ffff });
    this.#candidates = [...this.weights]
      .filter(([, weight]) => weight > 0)
      .map(([node, weight]) => ({
        node,
        weight,
        seed: murmur3(`0:${node}`, this.#seed),
        increment: murmur3(`1:${node}`, this.#seed),
      }));
    this.#isWeighted = this.#candidates.some(({ weight }) => weight !== this.#candidates[0]?.weight);
  }

  /** Returns the node of a key; undefined only if no node has a weight above 0. */
  get(key: PlacementKey): string | undefined {
    const hash = murmur3(dataOf(key), this.#seed);
    let best: Candidate | undefined;
    let highest = -1;
    for (const candidate of this.#candidates) {
      const score = this.#score(hash, candidate);
      if (score <= highest) continue; // if scores are equal, the first node by name wins
      best = candidate;
      highest = score;
    }
    return best?.node;
  }

  /**
   * Returns the nodes for a key and its replicas: `count` different nodes, or all nodes if there are fewer, best first.
   */
  getMany(key: PlacementKey, count: number): string[] {
    checkInteger('Rendezvous', 'count', count, { min: 0, orInfinity: true });
    const hash = murmur3(dataOf(key), this.#seed);
    return this.#candidates
      .map((candidate) => ({ node: candidate.node, score: this.#score(hash, candidate) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, count)
      .map(({ node }) => node);
  }

  /** Returns the score of a node. With equal weights the logarithm is omitted, because it does not change the order. */
  #score(hash: number, { seed, increment, weight }: Candidate): number {
    const random = mixed((hash ^ seed) + increment) >>> 0;
    return this.#isWeighted ? -weight / Math.log((random + 0.5) / 0x1_0000_0000) : random;
  }
}
