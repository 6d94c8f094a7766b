import { Lottery } from './lottery.js';
import type { Candidate, Chooser, PickCall, Picker } from './picker.js';

/** By chance, each as often as its weight says. O(log n). */
export function randomPick(): Picker {
  return { name: 'randomPick', start: () => new RandomPick() };
}

class RandomPick implements Chooser {
  readonly #lottery = new Lottery();

  choose(candidates: readonly Candidate[], { random }: PickCall): Candidate {
    this.#lottery.use(candidates);
    return this.#lottery.draw(random);
  }
}
