import { InvalidOptionError } from '../../core/errors.js';
import { checkNumber, readOptions } from '../../core/options.js';
import { HashRing, type HashRingOptions } from '../../hash-ring/hash-ring.js';
import type { NodeOption } from '../../hash-ring/nodes.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { WeightTree } from './weight-tree.js';

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
 * O(1), and a step for each node on the ring that is out or full. Slow start does not change the ring.
 *
 * @throws InvalidOptionError for options that cannot work; picking throws it for a call without a key.
 */
export function consistentHash(options?: ConsistentHashOptions): PickerFactory {
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
export class ByKey implements Picker {
  readonly #owner: string;
  /** Nodes of which the balancer knows nothing are passed over, so that they may be in it for a while. */
  readonly #ring: HashRing;
  readonly #bound: number;
  readonly #placeOf: (key: string) => string;
  #byName: ReadonlyMap<string, Candidate> = new Map();
  readonly #indexes = new CandidateIndexes<CapacityIndex>();

  constructor(owner: string, options: HashRingOptions, bound: number, placeOf: (key: string) => string) {
    this.#owner = owner;
    this.#ring = new HashRing([], options);
    this.#bound = bound;
    this.#placeOf = placeOf;
  }

  choose(candidates: readonly Candidate[], call: PickCall): Candidate {
    return this.chooseExcept(candidates, NONE, call);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { key }: PickCall): Candidate {
    if (typeof key !== 'string')
      throw new InvalidOptionError(this.#owner, 'key', 'must be a string, given with each call', key);
    const index = this.#indexes.find(candidates) ?? this.#indexes.add(new CapacityIndex(candidates));
    const bound = this.#bound === Infinity ? undefined : index.boundWithout(excluded, this.#bound);
    const place = this.#placeOf(key);
    const canHave = (one: Candidate | undefined): one is Candidate =>
      one !== undefined &&
      index.positionOf(one) !== undefined &&
      !excluded.has(one) &&
      (bound === undefined || one.active < bound(one.effectiveWeight));
    const own = this.#byName.get(this.#ring.get(place) as string);
    if (canHave(own)) return own;
    for (const node of this.#afterOwn(place)) {
      const one = this.#byName.get(node);
      if (canHave(one)) return one;
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

  loadChanged(node: Candidate): void {
    for (const index of this.#indexes.all) index.update(node);
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    for (const one of nodes) this.loadChanged(one);
  }

  checkNodes(nodes: Iterable<NodeOption>): void {
    this.#ring.addAll(nodes);
  }

  nodesChanged(nodes: readonly Candidate[]): void {
    this.#indexes.clear();
    this.#byName = new Map(nodes.map((one) => [one.node, one]));
    this.#ring.removeAll(this.#ring.nodes.filter((node) => !this.#byName.has(node)));
  }
}

const NONE: ReadonlySet<Candidate> = new Set();

/** The calls in flight in a list and the weight of its nodes, kept as they change. */
class CapacityIndex extends CandidateIndex {
  readonly #active: Float64Array;
  readonly #weights: WeightTree;
  #allActive: number;

  constructor(candidates: readonly Candidate[]) {
    super(candidates);
    this.#active = Float64Array.from(candidates, ({ active }) => active);
    this.#weights = new WeightTree(candidates.map(({ effectiveWeight }) => effectiveWeight));
    this.#allActive = this.#active.reduce((sum, one) => sum + one, 0);
  }

  update(one: Candidate): void {
    const position = this.positionOf(one);
    if (position === undefined) return;
    this.#allActive += one.active - (this.#active[position] as number);
    this.#active[position] = one.active;
    if (one.effectiveWeight !== this.#weights.weightAt(position)) this.#weights.set(position, one.effectiveWeight);
  }

  /** The most calls that a weight may have: `bound` times its share of the calls of all that are not excluded, and one more. */
  boundWithout(excluded: ReadonlySet<Candidate>, bound: number): (weight: number) => number {
    let active = this.#allActive + 1;
    for (const one of excluded) {
      const position = this.positionOf(one);
      if (position === undefined) continue;
      active -= one.active;
      this.#weights.set(position, 0); // subtracting it from the total would leave the rounding of a large weight
    }
    const { total } = this.#weights;
    for (const one of excluded) this.update(one);
    return (weight) => Math.ceil((bound * active * weight) / total);
  }
}
