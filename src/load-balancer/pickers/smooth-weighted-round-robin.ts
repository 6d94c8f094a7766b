import { CandidateIndexes } from './candidate-index.js';
import type { Candidate } from './picker.js';
import { SmoothWeightIndex } from './smooth-weight-index.js';

/**
 * Smooth weighted round robin (nginx): takes turns in proportion to weights, as evenly spread as possible. Weights 5, 1
 * and 1 result in a a b a c a a.
 *
 * In each turn, the weight of every candidate is added to its credit. The candidate with the highest credit wins (the
 * first of equal ones), and the sum of all weights is subtracted from its credit, so all credits add up to 0. O(log n)
 * per turn for the same list, O(n) for a new list.
 */
export class SmoothWeightedRoundRobin {
  readonly #weightOf: (one: Candidate) => number;
  readonly #indexes = new CandidateIndexes<SmoothWeightIndex>();

  constructor(weightOf: (one: Candidate) => number) {
    this.#weightOf = weightOf;
  }

  /** Returns the candidate whose turn it is. @param take - Whether the turn is taken, or only peeked at. */
  next(candidates: readonly Candidate[], take: boolean): Candidate {
    const known = this.#indexes.find(candidates);
    if (known === undefined && !take) return this.nextOnce(candidates, false);
    return (known ?? this.#createIndex(candidates)).next(take);
  }

  /** Applies the current weights of these nodes. Credits stay. */
  weightsChanged(nodes: readonly Candidate[]): void {
    for (const index of this.#indexes.all) for (const one of nodes) index.update(one);
  }

  /** Applies the current weights of all nodes of a list: O(n), cheaper than `weightsChanged` for all of them. */
  updateAllWeights(candidates: readonly Candidate[]): void {
    const known = this.#indexes.find(candidates);
    if (known === undefined) return;
    known.saveCredits();
    this.#indexes.add(new SmoothWeightIndex(candidates, NO_LOAD, this.#weightOf));
  }

  nodesChanged(): void {
    for (const index of this.#indexes.all) index.saveCredits();
    this.#indexes.clear();
  }

  #createIndex(candidates: readonly Candidate[]): SmoothWeightIndex {
    for (const old of this.#indexes.take(candidates)) old.saveCredits();
    const normalize = creditNormalizer(candidates, this.#weightOf);
    for (const one of candidates) one.credit = normalize(one.credit);
    return this.#indexes.add(new SmoothWeightIndex(candidates, NO_LOAD, this.#weightOf));
  }

  /**
   * Takes the turn of a list that is used once, such as a part of another list. Indexes of overlapping lists are
   * rebuilt.
   */
  nextOnce(candidates: readonly Candidate[], take: boolean): Candidate {
    const indexes = this.#indexes;
    for (const old of take ? indexes.take(candidates) : indexes.overlapping(candidates)) old.saveCredits();
    const weightOf = this.#weightOf;
    const normalize = creditNormalizer(candidates, weightOf);
    let best = candidates[0] as Candidate;
    let most = -Infinity;
    let total = 0;
    for (const one of candidates) {
      const weight = weightOf(one);
      const credit = normalize(one.credit) + weight;
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

/** Without a load, only weights decide. */
const NO_LOAD = (): number => 0;

/**
 * Returns a function that adjusts credits to a list of candidates. Their sum becomes 0, because credit relative to
 * nodes outside the list no longer counts, and each credit is limited to what is possible within the list. Otherwise a
 * node might have to wait until it has paid for the weight of a removed node.
 */
function creditNormalizer(
  candidates: readonly Candidate[],
  weightOf: (one: Candidate) => number,
): (credit: number) => number {
  const total = candidates.reduce((sum, one) => sum + weightOf(one), 0);
  const mean = candidates.reduce((sum, { credit }) => sum + credit, 0) / candidates.length;
  // After its turn, a node's credit is above −total. The credit of a node before its turn is below 2 × total.
  return (credit) => Math.max(-total, Math.min(2 * total, credit - mean));
}
