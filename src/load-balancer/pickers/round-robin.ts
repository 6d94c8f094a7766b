import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';

/**
 * Picks nodes one after the other, in the order of the list, ignoring weights. Unavailable nodes are skipped, and the
 * node after them does not get more calls than others. O(log n) per pick.
 */
export function roundRobin(): PickerFactory {
  return { name: 'roundRobin', start: () => new RoundRobin() };
}

class RoundRobin implements Picker {
  /** The last picked node. It is not stored as a position, because the list may change. */
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

  /** Does nothing, because weights are ignored. It avoids new lists of candidates. */
  weightsChanged(): void {}
}

const NONE: ReadonlySet<Candidate> = new Set();

/** Returns the position of the first candidate with a higher index, by binary search, with wrap-around. */
function firstAfter(candidates: readonly Candidate[], index: number): number {
  let [low, high] = [0, candidates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candidates[middle] as Candidate).index > index) high = middle;
    else low = middle + 1;
  }
  return low === candidates.length ? 0 : low;
}
