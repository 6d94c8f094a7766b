import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';

/**
 * Picks nodes one after the other, in the order of the list, ignoring weights. Unavailable nodes are skipped, and the
 * node after them does not get more calls than others. Zones and priority groups take turns of their own. O(log n) per
 * pick.
 */
export function roundRobin(): PickerFactory {
  return { name: 'roundRobin', start: () => new RoundRobin() };
}

class RoundRobin implements Picker {
  readonly #turns = new CandidateIndexes<TurnIndex>();
  /** The last picked nodes of the lists before the list of all nodes has changed, the latest first. */
  #lasts: readonly Candidate[] = [];

  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return this.#next(candidates, NONE, take);
  }

  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, { take }: PickCall): Candidate {
    return this.#next(candidates, excluded, take);
  }

  #next(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, take: boolean): Candidate {
    const turn = this.#turns.find(candidates) ?? this.#createTurn(candidates);
    let position = firstAfter(candidates, turn.last?.index ?? -1);
    while (excluded.has(candidates[position] as Candidate)) position = (position + 1) % candidates.length;
    const next = candidates[position] as Candidate;
    if (take) turn.last = next;
    return next;
  }

  /** A new list continues the turns of a list with the same nodes, for example after one of them has become unhealthy. */
  #createTurn(candidates: readonly Candidate[]): TurnIndex {
    const turn = new TurnIndex(candidates);
    const [replaced] = this.#turns.overlapping(candidates);
    turn.last = replaced === undefined ? this.#lastOf(turn) : replaced.last;
    return this.#turns.add(turn);
  }

  #lastOf(turn: TurnIndex): Candidate | undefined {
    return this.#lasts.find((one) => turn.positionOf(one) !== undefined) ?? this.#lasts[0];
  }

  /** Does nothing, because weights are ignored. It avoids new lists of candidates. */
  weightsChanged(): void {}

  nodesChanged(): void {
    const lasts = this.#turns.all.map(({ last }) => last).filter((last) => last !== undefined);
    if (lasts.length > 0) this.#lasts = lasts;
    this.#turns.clear();
  }
}

/** The turns of a list of candidates. */
class TurnIndex extends CandidateIndex {
  /** The last picked node. It is not stored as a position, because the list may change. */
  last: Candidate | undefined = undefined;
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
