import { CandidateIndex } from './candidate-index.js';
import type { Candidate } from './picker.js';
import { SmoothWeightTree } from './smooth-weight-tree.js';

type NumberOf = (one: Candidate) => number;

/**
 * A list of candidates of which the least loaded take turns by weight. Credits are kept in the tree while the list is
 * in use, and are saved to the nodes when the list is replaced.
 */
export class SmoothWeightIndex extends CandidateIndex {
  readonly #tree: SmoothWeightTree;
  readonly #loadOf: NumberOf;
  readonly #weightOf: NumberOf;

  constructor(candidates: readonly Candidate[], loadOf: NumberOf, weightOf: NumberOf) {
    super(candidates);
    this.#loadOf = loadOf;
    this.#weightOf = weightOf;
    this.#tree = new SmoothWeightTree(
      candidates.map((one) => ({ load: loadOf(one), weight: weightOf(one), credit: one.credit })),
    );
  }

  /** Returns the candidate whose turn it is. @param take - Whether the turn is taken, or only peeked at. */
  next(take: boolean): Candidate {
    const next = this.candidates[this.#tree.next] as Candidate;
    if (take) this.#tree.take();
    return next;
  }

  /** Updates the load and the weight of a node. */
  update(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#tree.set(position, this.#loadOf(one), this.#weightOf(one));
  }

  /** Excludes a node until its next `update`. */
  withhold(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#tree.set(position, Infinity, this.#weightOf(one));
  }

  /** Saves the credits to the nodes. */
  saveCredits(): void {
    const credits = this.#tree.credits();
    let position = 0;
    for (const one of this.candidates) one.credit = credits[position++] as number;
  }
}
