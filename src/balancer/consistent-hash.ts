import { InvalidOptionError } from '../core/errors.js';
import { checkNumber, readOptions } from '../core/options.js';
import { HashRing, type HashRingOptions } from '../hash-ring/hash-ring.js';
import type { NodeOption } from '../hash-ring/nodes.js';
import type { Candidate, Chooser, PickCall, Picker } from './picker.js';

export interface ConsistentHashOptions extends HashRingOptions {
  /**
   * How many times its fair share of the calls in flight a node may have; a key whose node has more goes to the next one
   * on the ring. Above 1; 1.25 is usual. @defaultValue none: the key decides alone
   */
  readonly boundedLoad?: number | undefined;
}

/**
 * By the key of the call: the same key goes to the same node as long as it is there, and few keys move when nodes come and
 * go. While a node is out, or has all it may have with `boundedLoad` (Mirrokni, Thorup and Zadimoghaddam, "Consistent
 * Hashing with Bounded Loads", 2018), its keys go to the nodes after it on the ring, each to its own.
 *
 * O(1) while the key's node can have it, O(n) with `boundedLoad`. Slow start does not change the ring.
 *
 * @throws InvalidOptionError for options that cannot work; picking throws it for a call without a key.
 */
export function consistentHash(options?: ConsistentHashOptions): Picker {
  const name = 'consistentHash';
  const { boundedLoad, ...ring } = readOptions<ConsistentHashOptions>(name, options, {
    boundedLoad: undefined,
    virtualNodes: undefined,
    hash: undefined,
    seed: undefined,
  });
  const bound = boundedLoad === undefined ? Infinity : checkNumber(name, 'boundedLoad', boundedLoad, { above: 1 });
  new HashRing([], ring); // so that a wrong option is found here
  return { name, start: () => new ByKey(name, ring, bound, (key) => key) };
}

/** Chooses by what `placeOf` makes of the key. */
export class ByKey implements Chooser {
  readonly #owner: string;
  readonly #options: HashRingOptions;
  #ring: HashRing;
  /** Of the nodes to come. */
  #next: HashRing;
  readonly #bound: number;
  readonly #placeOf: (key: string) => string;
  /** The candidates of the last call, and the same by name: they are the same list until something happens to a node. */
  #candidates: readonly Candidate[] = [];
  #byName: ReadonlyMap<string, Candidate> = new Map();

  constructor(owner: string, options: HashRingOptions, bound: number, placeOf: (key: string) => string) {
    this.#owner = owner;
    this.#options = options;
    this.#ring = new HashRing([], options);
    this.#next = this.#ring;
    this.#bound = bound;
    this.#placeOf = placeOf;
  }

  choose(candidates: readonly Candidate[], { key }: PickCall): Candidate {
    if (typeof key !== 'string')
      throw new InvalidOptionError(this.#owner, 'key', 'must be a string, given with each call', key);
    const canHave = this.#bound === Infinity ? () => true : roomIn(candidates, this.#bound);
    if (candidates !== this.#candidates) {
      this.#candidates = candidates;
      this.#byName = new Map(candidates.map((one) => [one.node, one]));
    }
    const place = this.#placeOf(key);
    const own = this.#byName.get(this.#ring.get(place) as string);
    if (own !== undefined && canHave(own)) return own;
    for (const node of this.#afterOwn(place)) {
      const one = this.#byName.get(node);
      if (one !== undefined && canHave(one)) return one;
    }
    throw new Error('unreachable: every candidate is on the ring, and one of them has no more than its share');
  }

  /** The nodes after the key's own: more of them only as they are asked for, since the first is nearly always the one. */
  *#afterOwn(place: string): Generator<string> {
    const { size } = this.#ring;
    for (let [from, count] = [1, 4]; from < size; [from, count] = [count, count * 4]) {
      yield* this.#ring.getMany(place, count).slice(from);
    }
  }

  checkNodes(nodes: Iterable<NodeOption>): void {
    this.#next = new HashRing(nodes, this.#options);
  }

  nodesChanged(): void {
    this.#ring = this.#next;
  }
}

/** Whether a node has room for one more: at most `bound` times its share of all calls in flight, this one included. */
function roomIn(candidates: readonly Candidate[], bound: number): (one: Candidate) => boolean {
  const active = candidates.reduce((sum, one) => sum + one.active, 1);
  const weights = candidates.reduce((sum, { effectiveWeight }) => sum + effectiveWeight, 0);
  return (one) => one.active < Math.ceil((bound * active * one.effectiveWeight) / weights);
}
