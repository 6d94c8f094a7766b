import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';

/**
 * One after the other, in the order of the list, whatever their weights. Nodes that are out are passed over, and the one
 * after them gets no more for it. O(log n).
 */
export function roundRobin(): PickerFactory {
  return { name: 'roundRobin', start: () => new RoundRobin() };
}

class RoundRobin implements Picker {
  /** Kept as a node, not as a number: the list may change around it. */
  #last: Candidate | undefined = undefined;

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return this.#next(candidates, NONE, take);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    return this.#next(candidates, excluded, take);
  }

  #next(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, take: boolean): Candidate {
    const last = this.#last?.index ?? -1;
    let position = firstAfter(candidates, last);
    while (excluded.has(candidates[position] as Candidate)) position = (position + 1) % candidates.length;
    const next = candidates[position] as Candidate;
    if (take) this.#last = next;
    return next;
  }

  /** Weights do not matter. */
  weightsChanged(): void {}
}

const NONE: ReadonlySet<Candidate> = new Set();

/** The position of the first candidate with a higher index, by halving; after the last one comes the first. */
function firstAfter(candidates: readonly Candidate[], index: number): number {
  let [low, high] = [0, candidates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candidates[middle] as Candidate).index > index) high = middle;
    else low = middle + 1;
  }
  return low === candidates.length ? 0 : low;
}
