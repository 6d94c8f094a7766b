import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';

/**
 * In turn, each as often as its weight says, and never in bursts: the smooth weighted round robin of nginx. O(log n); O(n)
 * with `exclude`, and for a retry.
 */
export function weightedRoundRobin(): PickerFactory {
  return { name: 'weightedRoundRobin', start: () => new WeightedRoundRobin() };
}

class WeightedRoundRobin implements Picker {
  readonly #smooth = new SmoothWeightedRoundRobin(({ effectiveWeight }) => effectiveWeight);

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return this.#smooth.next(candidates, take);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    return this.#smooth.nextOnce(
      candidates.filter((one) => !excluded.has(one)),
      take,
    );
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    this.#smooth.weightsChanged(nodes);
  }

  nodesChanged(): void {
    this.#smooth.nodesChanged();
  }
}
