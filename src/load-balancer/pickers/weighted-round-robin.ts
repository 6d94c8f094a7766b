import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightedRoundRobin } from './smooth-weighted-round-robin.js';

/**
 * Picks nodes in turn, in proportion to their weights and without bursts: the smooth weighted round robin of nginx.
 * O(log n) per pick; O(n) with `exclude`, and for a retry.
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
