import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';
import { WeightedRandom } from './weighted-random.js';

/** Picks nodes at random in proportion to their weights. O(log n) per pick. */
export function randomPick(): PickerFactory {
  return { name: 'randomPick', start: () => new RandomPick() };
}

class RandomPick implements Picker {
  readonly #weighted = new WeightedRandom();

  choose(candidates: readonly Candidate[], { random }: PickCall): Candidate {
    return this.#weighted.draw(candidates, random);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate {
    return this.#weighted.without(candidates, excluded, () => this.choose(candidates, call));
  }

  weightsChanged(nodes: readonly Candidate[]): void {
    this.#weighted.weightsChanged(nodes);
  }

  nodesChanged(): void {
    this.#weighted.nodesChanged();
  }
}
