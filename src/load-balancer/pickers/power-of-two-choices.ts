import { checkOneOf, readOptions } from '../../core/options.js';
import { activeLoad, type Load, latencyLoad } from './load.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { WeightedRandom } from './weighted-random.js';

/** The options of `powerOfTwoChoices`. */
export interface PowerOfTwoChoicesOptions {
  /**
   * The load to compare: `'active'` is the number of calls in flight relative to the weight; `'latency'` is the
   * expected duration of one more call (Finagle's peak EWMA). @defaultValue 'active'
   */
  readonly by?: 'active' | 'latency' | undefined;
}

/**
 * Picks two different nodes at random by weight, and uses the less loaded of them (Mitzenmacher, "The Power of Two
 * Choices in Randomized Load Balancing", 2001). The result is nearly as even as always using the least loaded node. It
 * also works with many independent clients, which do not all go to the same node. O(log n) per pick, two random
 * numbers.
 *
 * @throws InvalidOptionError if `by` is invalid.
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
      if (others.length === 1) return others[0] as Candidate; // no random number is drawn, as in `choose`
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
