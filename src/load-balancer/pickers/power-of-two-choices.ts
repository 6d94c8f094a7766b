import { checkOneOf, readOptions } from '../../core/options.js';
import { activeLoad, type Load, latencyLoad } from './load.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { WeightedRandom } from './weighted-random.js';

export interface PowerOfTwoChoicesOptions {
  /**
   * What load is: `'active'`, the calls in flight for the node's weight; `'latency'`, how long one more is likely to take
   * (Finagle's peak EWMA). @defaultValue 'active'
   */
  readonly by?: 'active' | 'latency' | undefined;
}

/**
 * Two different nodes by chance, by weight, and of them the less loaded (Mitzenmacher, "The Power of Two Choices in Randomized
 * Load Balancing", 2001): nearly as even as the least loaded of all, and many clients that know nothing of each other do not
 * run to the same node at once. O(log n), O(1) draws.
 *
 * @throws InvalidOptionError for another `by`.
 */
export function powerOfTwoChoices(options?: PowerOfTwoChoicesOptions): PickerFactory {
  const name = 'powerOfTwoChoices';
  const { by } = readOptions<PowerOfTwoChoicesOptions, { by: 'active' | 'latency' }>(name, options, { by: 'active' });
  const load = checkOneOf(name, 'by', by, ['active', 'latency']) === 'active' ? activeLoad : latencyLoad;
  return { name, start: () => new PowerOfTwoChoices(load) };
}

class PowerOfTwoChoices implements Picker {
  readonly #weighted = new WeightedRandom();
  readonly #load: Load;

  constructor(load: Load) {
    this.#load = load;
  }

  choose(candidates: readonly Candidate[], { now, random }: PickCall): Candidate {
    if (candidates.length === 1) return candidates[0] as Candidate;
    const [one, other] = this.#weighted.drawTwo(candidates, random);
    return this.#load(other, now) < this.#load(one, now) ? other : one;
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate {
    if (candidates.length <= excluded.size + 1) {
      const others = candidates.filter((one) => !excluded.has(one));
      if (others.length === 1) return others[0] as Candidate; // without a draw, as of a list of one
    }
    return this.#weighted.without(candidates, excluded, () => this.choose(candidates, call));
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    this.#weighted.weightsChanged(nodes);
  }

  nodesChanged(): void {
    this.#weighted.nodesChanged();
  }
}
