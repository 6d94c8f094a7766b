import { InvalidOptionError } from '../../core/errors.js';
import { checkNumber, readOptions } from '../../core/options.js';
import { HashRing, type HashRingOptions } from '../../hash-ring/hash-ring.js';
import type { NodeOption } from '../../hash-ring/nodes.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { WeightTree } from './weight-tree.js';

/** The options of `consistentHash`. */
export interface ConsistentHashOptions extends HashRingOptions {
  /**
   * The maximum number of calls in flight of a node, relative to its fair share: above 1, for example 1.25. A key whose
   * node has reached it goes to the next node on the ring. @defaultValue none: only the key decides
   */
  readonly boundedLoad?: number | undefined;
}

/**
 * Picks nodes by the key of the call, with a hash ring. The same key goes to the same node while that node is
 * available, and few keys move when nodes are added or removed. If the node is unavailable, or has reached
 * `boundedLoad` (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018), each of its keys
 * goes to the next node on the ring.
 *
 * O(1), plus one step for each unavailable or full node on the ring. Slow start does not change the ring.
 *
 * @throws InvalidOptionError if an option is invalid, and on each pick without a key.
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
  new HashRing([], ring); // checks the ring options here
  return { name, start: () => new KeyPicker(name, ring, bound, (key) => key) };
}

/** Picks nodes by a hash key that `hashKeyOf` returns for the key of the call. */
export class KeyPicker implements Picker {
  readonly #owner: string;
  /** The ring may temporarily contain nodes that the balancer does not have; they are skipped. */
  readonly #ring: HashRing;
  readonly #bound: number;
  readonly #hashKeyOf: (key: string) => string;
  #byName: ReadonlyMap<string, Candidate> = new Map();
  readonly #indexes = new CandidateIndexes<CapacityIndex>();

  constructor(owner: string, options: HashRingOptions, bound: number, hashKeyOf: (key: string) => string) {
    this.#owner = owner;
    this.#ring = new HashRing([], options);
    this.#bound = bound;
    this.#hashKeyOf = hashKeyOf;
  }

  choose(candidates: readonly Candidate[], call: PickCall): Candidate {
    return this.chooseExcept(candidates, NONE, call);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { key }: PickCall): Candidate {
    if (typeof key !== 'string')
      throw new InvalidOptionError(this.#owner, 'key', 'must be a string for each call', key);
    const index = this.#indexes.find(candidates) ?? this.#indexes.add(new CapacityIndex(candidates));
    const bound = this.#bound === Infinity ? undefined : index.boundWithout(excluded, this.#bound);
    const hashKey = this.#hashKeyOf(key);
    const isAvailable = (one: Candidate | undefined): one is Candidate =>
      one !== undefined &&
      index.positionOf(one) !== undefined &&
      !excluded.has(one) &&
      (bound === undefined || one.active < bound(one.effectiveWeight));
    const own = this.#byName.get(this.#ring.get(hashKey) as string);
    if (isAvailable(own)) return own;
    for (const node of this.#afterOwn(hashKey)) {
      const one = this.#byName.get(node);
      if (isAvailable(one)) return one;
    }
    throw new Error('unreachable: every candidate is on the ring, and at least one of them is below its bound');
  }

  /**
   * Yields the nodes after the key's own node. Fetches few of them at first, because the first is usually available.
   */
  *#afterOwn(hashKey: string): Generator<string> {
    const { size } = this.#ring;
    for (let [from, count] = [1, 4]; from < size; [from, count] = [count, count * 4]) {
      yield* this.#ring.getMany(hashKey, count).slice(from);
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

/** The calls in flight and the weights of a list of candidates, updated with each change. */
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

  /**
   * Returns the maximum number of calls in flight by weight: `bound` times its share of the calls of all nodes that are
   * not excluded, including one new call, rounded up.
   */
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
