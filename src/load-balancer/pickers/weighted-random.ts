import type { Random } from '../../core/random.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate } from './picker.js';
import { WeightTree } from './weight-tree.js';

/** Draws candidates at random in proportion to their weights. O(log n) per draw, O(n) once for a new list. */
export class WeightedRandom {
  readonly #indexes = new CandidateIndexes<WeightIndex>();

  /** Draws one candidate. */
  draw(candidates: readonly Candidate[], random: Random): Candidate {
    return this.#indexOf(candidates).draw(random);
  }

  /** Draws two different candidates, if there are two. The second one is drawn from the remaining weights. */
  drawTwo(candidates: readonly Candidate[], random: Random): [Candidate, Candidate] {
    return this.#indexOf(candidates).drawTwo(random);
  }

  /** Runs `draw` with the excluded candidates at weight 0. O(log n) for each of them. */
  without<T>(candidates: readonly Candidate[], excluded: Iterable<Candidate>, draw: () => T): T {
    return this.#indexOf(candidates).without(excluded, draw);
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    for (const index of this.#indexes.all) for (const one of nodes) index.update(one);
  }

  nodesChanged(): void {
    this.#indexes.clear();
  }

  #indexOf(candidates: readonly Candidate[]): WeightIndex {
    return this.#indexes.find(candidates) ?? this.#indexes.add(new WeightIndex(candidates));
  }
}

class WeightIndex extends CandidateIndex {
  readonly #tree: WeightTree;

  constructor(candidates: readonly Candidate[]) {
    super(candidates);
    this.#tree = new WeightTree(candidates.map(({ effectiveWeight }) => effectiveWeight));
  }

  draw(random: Random): Candidate {
    return this.candidates[this.#tree.find(random() * this.#tree.total)] as Candidate;
  }

  drawTwo(random: Random): [Candidate, Candidate] {
    const tree = this.#tree;
    const first = tree.find(random() * tree.total);
    const share = random();
    const weight = tree.weightAt(first);
    tree.set(first, 0);
    const second = tree.total > 0 ? tree.find(share * tree.total) : first;
    tree.set(first, weight);
    return [this.candidates[first] as Candidate, this.candidates[second] as Candidate];
  }

  update(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#tree.set(position, one.effectiveWeight);
  }

  without<T>(excluded: Iterable<Candidate>, draw: () => T): T {
    for (const one of excluded) {
      const position = this.positionOf(one);
      if (position !== undefined) this.#tree.set(position, 0);
    }
    try {
      return draw();
    } finally {
      for (const one of excluded) this.update(one);
    }
  }
}
