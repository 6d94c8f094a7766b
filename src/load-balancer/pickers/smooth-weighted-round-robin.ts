import { CandidateIndexes } from './candidate-index.js';
import type { Candidate } from './picker.js';
import { SmoothWeightIndex } from './smooth-weight-index.js';

/**
 * Takes turns in proportion to weights, spread as evenly as can be: of weights 5, 1 and 1 come a a b a c a a (nginx, smooth
 * weighted round robin).
 *
 * Each turn every candidate is credited its weight, and the one with most credit pays for all of them: the credits of all
 * always add up to 0. Of equals the first wins. O(log n) a turn while the list is the same, O(n) for another list.
 */
export class SmoothWeightedRoundRobin {
  readonly #weightOf: (one: Candidate) => number;
  readonly #indexes = new CandidateIndexes<SmoothWeightIndex>();

  constructor(weightOf: (one: Candidate) => number) {
    this.#weightOf = weightOf;
  }

  /** @param take - whether the turn is taken, or only looked at. */
  next(candidates: readonly Candidate[], take: boolean): Candidate {
    const known = this.#indexes.find(candidates);
    if (known === undefined && !take) return this.nextOnce(candidates, false);
    return (known ?? this.#settle(candidates)).next(take);
  }

  /** Gives these nodes their present weights; what they owe each other stays. */
  weightsChanged(nodes: readonly Candidate[]): void {
    for (const index of this.#indexes.all) for (const one of nodes) index.update(one);
  }

  /** Gives all nodes of a list their present weights: O(n), less than `weightsChanged` takes for all of them. */
  reweigh(candidates: readonly Candidate[]): void {
    const known = this.#indexes.find(candidates);
    if (known === undefined) return;
    known.saveCredits();
    this.#indexes.add(new SmoothWeightIndex(candidates, NO_LOAD, this.#weightOf));
  }

  nodesChanged(): void {
    for (const index of this.#indexes.all) index.saveCredits();
    this.#indexes.clear();
  }

  #settle(candidates: readonly Candidate[]): SmoothWeightIndex {
    for (const old of this.#indexes.take(candidates)) old.saveCredits();
    const settled = settlement(candidates, this.#weightOf);
    for (const one of candidates) one.credit = settled(one.credit);
    return this.#indexes.add(new SmoothWeightIndex(candidates, NO_LOAD, this.#weightOf));
  }

  /** The turn of a list that is used once, such as a part of another list. The lists it is from begin again after it. */
  nextOnce(candidates: readonly Candidate[], take: boolean): Candidate {
    const indexes = this.#indexes;
    for (const old of take ? indexes.take(candidates) : indexes.overlapping(candidates)) old.saveCredits();
    const weightOf = this.#weightOf;
    const settled = settlement(candidates, weightOf);
    let best = candidates[0] as Candidate;
    let most = -Infinity;
    let total = 0;
    for (const one of candidates) {
      const weight = weightOf(one);
      const credit = settled(one.credit) + weight;
      total += weight;
      if (take) one.credit = credit;
      if (credit > most) {
        best = one;
        most = credit;
      }
    }
    if (take) best.credit -= total;
    return best;
  }
}

/** Weights alone decide. */
const NO_LOAD = (): number => 0;

/**
 * What the candidates owe to, or are owed by, others than themselves is forgotten, and so is what is more than they could
 * owe each other: otherwise a node would have to wait for its turn until it has paid for the weight of one that is gone.
 */
function settlement(
  candidates: readonly Candidate[],
  weightOf: (one: Candidate) => number,
): (credit: number) => number {
  const total = candidates.reduce((sum, one) => sum + weightOf(one), 0);
  const mean = candidates.reduce((sum, { credit }) => sum + credit, 0) / candidates.length;
  // Who has just had its turn owes less than all weights together; what one is owed stays below twice that.
  return (credit) => Math.max(-total, Math.min(2 * total, credit - mean));
}
