import { checkInteger, readOptions } from '../core/options.js';
import { dataOf, type PlacementKey } from './key-bytes.js';
import { mixed, murmur3 } from './murmur3.js';
import { type NodeOption, sortedNodes } from './nodes.js';
import { Placement } from './placement.js';

export interface RendezvousOptions {
  /** The same in every process. An integer from 0 to 2³² - 1. @defaultValue 0 */
  readonly seed?: number | undefined;
}

interface Candidate {
  readonly node: string;
  readonly weight: number;
  readonly seed: number;
  readonly increment: number;
}

/**
 * Places a key on the node that draws the highest number for it (Thaler and Ravishankar, "A Name-Based Mapping Scheme for
 * Rendezvous", 1996; weights after Schindelhauer and Schomaker, 2005).
 *
 * Perfectly even, nothing to tune, and only keys move that must, weights or not. Each lookup asks every node: O(nodes),
 * so for up to thirty of them or so; beyond that `HashRing`.
 *
 * @throws InvalidOptionError for options that cannot work.
 * @example
 * ```ts
 * const shards = new Rendezvous(['a', 'b', { node: 'c', weight: 2 }]);
 * const [primary, replica] = shards.getMany('user:7', 2);
 * console.log(shards.get('user:7') === primary, primary !== replica); // true true
 * ```
 */
export class Rendezvous extends Placement {
  readonly #seed: number;
  /** Those that can win, sorted by name. */
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

  /** The node of a key; undefined only when no node can have any. */
  get(key: PlacementKey): string | undefined {
    const hash = murmur3(dataOf(key), this.#seed);
    let best: Candidate | undefined;
    let highest = -1;
    for (const candidate of this.#candidates) {
      const score = this.#score(hash, candidate);
      if (score <= highest) continue; // of equal ones the first by name
      best = candidate;
      highest = score;
    }
    return best?.node;
  }

  /** The nodes for a key and its replicas: `count` different ones, or all there are, best first. */
  getMany(key: PlacementKey, count: number): string[] {
    checkInteger('Rendezvous', 'count', count, { min: 0, orInfinity: true });
    const hash = murmur3(dataOf(key), this.#seed);
    return this.#candidates
      .map((candidate) => ({ node: candidate.node, score: this.#score(hash, candidate) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, count)
      .map(({ node }) => node);
  }

  /** What the node draws. With equal weights the logarithm changes nothing about who wins. */
  #score(hash: number, { seed, increment, weight }: Candidate): number {
    const drawn = mixed((hash ^ seed) + increment) >>> 0;
    return this.#isWeighted ? -weight / Math.log((drawn + 0.5) / 0x1_0000_0000) : drawn;
  }
}
