import { CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightIndex } from './smooth-weight-index.js';

/** The node with the fewest calls in flight; equals in turn. Weights count for nothing, slow start does. O(log n). */
export function leastConnections(): PickerFactory {
  return { name: 'leastConnections', start: () => new LeastConnections(({ ramp }) => ramp) };
}

/** The node with the fewest calls in flight for its weight; equals in turn, by weight (nginx, least_conn). O(log n). */
export function weightedLeastConnections(): PickerFactory {
  return {
    name: 'weightedLeastConnections',
    start: () => new LeastConnections(({ effectiveWeight }) => effectiveWeight),
  };
}

class LeastConnections implements Picker {
  readonly #weightOf: (one: Candidate) => number;
  readonly #loadOf: (one: Candidate) => number;
  readonly #indexes = new CandidateIndexes<SmoothWeightIndex>();

  constructor(weightOf: (one: Candidate) => number) {
    this.#weightOf = weightOf;
    this.#loadOf = (one) => one.active / weightOf(one);
  }

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return this.#of(candidates).next(take);
  }

  /** The excluded ones are given an infinite load meanwhile: O(log n) for each of them. */
  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    const index = this.#of(candidates);
    for (const one of excluded) index.withhold(one);
    const chosen = index.next(take);
    for (const one of excluded) index.update(one);
    return chosen;
  }

  loadChanged(node: Candidate): void {
    for (const index of this.#indexes.all) index.update(node);
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    for (const one of nodes) this.loadChanged(one);
  }

  nodesChanged(): void {
    for (const index of this.#indexes.all) index.saveCredits();
    this.#indexes.clear();
  }

  #of(candidates: readonly Candidate[]): SmoothWeightIndex {
    const known = this.#indexes.find(candidates);
    if (known !== undefined) return known;
    for (const old of this.#indexes.take(candidates)) old.saveCredits();
    return this.#indexes.add(new SmoothWeightIndex(candidates, this.#loadOf, this.#weightOf));
  }
}
