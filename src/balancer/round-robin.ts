import type { Candidate, Chooser, PickCall, Picker } from './picker.js';

/**
 * One after the other, in the order of the list, whatever their weights. Nodes that are out are passed over, and the one
 * after them gets no more for it. O(log n).
 */
export function roundRobin(): Picker {
  return { name: 'roundRobin', start: () => new RoundRobin() };
}

class RoundRobin implements Chooser {
  /** Kept as a node, not as a number: the list may change around it. */
  #last: Candidate | undefined = undefined;

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    const next = firstAfter(candidates, this.#last?.index ?? -1);
    if (take) this.#last = next;
    return next;
  }
}

/** By halving; after the last one comes the first. */
function firstAfter(candidates: readonly Candidate[], index: number): Candidate {
  let [low, high] = [0, candidates.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((candidates[middle] as Candidate).index > index) high = middle;
    else low = middle + 1;
  }
  return candidates[low === candidates.length ? 0 : low] as Candidate;
}
