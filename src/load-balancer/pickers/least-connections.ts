import { CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { SmoothWeightIndex } from './smooth-weight-index.js';

/**
 * Picks the node with the fewest calls in flight. Equal nodes take turns. Ignores weights, but uses slow start. O(log
 * n) per pick.
 */
export function leastConnections(): PickerFactory {
  return { name: 'leastConnections', start: () => new LeastConnections(({ ramp }) => ramp) };
}

/**
 * Picks the node with the fewest calls in flight relative to its weight (nginx, least_conn). Equal nodes take turns by
 * weight. O(log n) per pick.
 */
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
    return this.#indexOf(candidates).next(take);
  }

  /** Sets the load of the excluded nodes to infinity during the choice: O(log n) for each of them. */
  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    const index = this.#indexOf(candidates);
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

  #indexOf(candidates: readonly Candidate[]): SmoothWeightIndex {
    const known = this.#indexes.find(candidates);
    if (known !== undefined) return known;
    for (const old of this.#indexes.take(candidates)) old.saveCredits();
    return this.#indexes.add(new SmoothWeightIndex(candidates, this.#loadOf, this.#weightOf));
  }
}
