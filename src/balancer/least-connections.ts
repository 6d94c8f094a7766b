import type { Candidate, Chooser, PickCall, Picker } from './picker.js';
import { smoothTurn } from './smooth-turns.js';

/** The node with the fewest calls in flight; equals in turn. Weights count for nothing, slow start does. O(n). */
export function leastConnections(): Picker {
  return { name: 'leastConnections', start: () => new LeastConnections(({ ramp }) => ramp) };
}

/** The node with the fewest calls in flight for its weight; equals in turn, by weight (nginx, least_conn). O(n). */
export function weightedLeastConnections(): Picker {
  return {
    name: 'weightedLeastConnections',
    start: () => new LeastConnections(({ effectiveWeight }) => effectiveWeight),
  };
}

class LeastConnections implements Chooser {
  readonly #weightOf: (one: Candidate) => number;

  constructor(weightOf: (one: Candidate) => number) {
    this.#weightOf = weightOf;
  }

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    const weightOf = this.#weightOf;
    let least: Candidate[] = [];
    for (const one of candidates) {
      // As nginx compares them: a product loses nothing that a quotient would.
      const first = least[0];
      const lead = first === undefined ? -1 : one.active * weightOf(first) - first.active * weightOf(one);
      if (lead < 0) least = [one];
      else if (lead === 0) least.push(one);
    }
    return least.length === 1 ? (least[0] as Candidate) : smoothTurn(least, take, weightOf);
  }
}
