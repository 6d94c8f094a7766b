import type { Candidate, Chooser, PickCall, Picker } from './picker.js';
import { SmoothTurns } from './smooth-turns.js';

/**
 * In turn, each as often as its weight says, and never in bursts: the smooth weighted round robin of nginx. O(log n); O(n)
 * with `exclude`, and for a retry.
 */
export function weightedRoundRobin(): Picker {
  return { name: 'weightedRoundRobin', start: () => new WeightedRoundRobin() };
}

class WeightedRoundRobin implements Chooser {
  readonly #turns = new SmoothTurns(({ effectiveWeight }) => effectiveWeight);

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return this.#turns.next(candidates, take);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    return this.#turns.nextOnce(
      candidates.filter((one) => !excluded.has(one)),
      take,
    );
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    this.#turns.weightsChanged(nodes);
  }

  nodesChanged(): void {
    this.#turns.nodesChanged();
  }
}
