import { CandidateIndex } from './candidate-index.js';
import type { Candidate } from './picker.js';
import { SmoothWeightTree } from './smooth-weight-tree.js';

type NumberOf = (one: Candidate) => number;

/**
 * A list whose candidates take turns by weight, the least loaded only. Credits are in the tree while the list is in use; they
 * go back to the nodes when it is replaced.
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

  /** Returns whose turn it is. @param take - whether the turn is taken, or only looked at. */
  next(take: boolean): Candidate {
    const next = this.candidates[this.#tree.next] as Candidate;
    if (take) this.#tree.take();
    return next;
  }

  /** Takes over the present load and weight of a node. */
  update(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#tree.set(position, this.#loadOf(one), this.#weightOf(one));
  }

  /** Leaves a node out until its next `update`. */
  withhold(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#tree.set(position, Infinity, this.#weightOf(one));
  }

  saveCredits(): void {
    const credits = this.#tree.credits();
    let position = 0;
    for (const one of this.candidates) one.credit = credits[position++] as number;
  }
}
