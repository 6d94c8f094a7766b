import type { Candidate } from './picker.js';

/**
 * A list of candidates that finds the position of a node in O(1): the base of the indexes that pickers keep per list.
 */
export class CandidateIndex {
  readonly candidates: readonly Candidate[];
  /** The positions by `index`, which refers to the list of all nodes. */
  readonly #positions: Int32Array;

  constructor(candidates: readonly Candidate[]) {
    this.candidates = candidates;
    this.#positions = new Int32Array((candidates[candidates.length - 1] as Candidate).index + 1);
    let position = 0;
    for (const { index } of candidates) this.#positions[index] = position++;
  }

  /** Returns the position in the list; undefined if the node is not in the list. */
  positionOf(node: Candidate): number | undefined {
    const position = this.#positions[node.index] ?? 0;
    return this.candidates[position] === node ? position : undefined;
  }
}

/** The number of lists for which indexes are kept. Further ones are built again when they are used. */
const MAX_LISTS = 32;

/**
 * The indexes of the lists in use: one list, or one for each priority group that gets calls, and each of them in two
 * parts if calls are divided between zones. A new list replaces the lists that have a node in common with it.
 */
export class CandidateIndexes<Index extends CandidateIndex> {
  #indexes: readonly Index[] = [];

  /** All indexes. */
  get all(): readonly Index[] {
    return this.#indexes;
  }

  /** Returns the index of a list, if there is one. */
  find(candidates: readonly Candidate[]): Index | undefined {
    for (const one of this.#indexes) if (one.candidates === candidates) return one;
    return undefined;
  }

  /** Adds an index and removes the indexes that it replaces. */
  add(index: Index): Index {
    const others = this.#indexes.filter((old) => !this.#overlap(old, index.candidates));
    this.#indexes = [index, ...others.slice(0, MAX_LISTS - 1)];
    return index;
  }

  /** Removes and returns the indexes that contain any of these nodes. */
  take(candidates: readonly Candidate[]): readonly Index[] {
    const taken = this.overlapping(candidates);
    if (taken.length > 0) this.#indexes = this.#indexes.filter((one) => !taken.includes(one));
    return taken;
  }

  /** Removes all indexes. Needed when the list of all nodes changes, because `index` refers to that list. */
  clear(): void {
    this.#indexes = [];
  }

  /** Returns the indexes that contain any of these nodes. */
  overlapping(candidates: readonly Candidate[]): readonly Index[] {
    return this.#indexes.filter((one) => this.#overlap(one, candidates));
  }

  #overlap(index: Index, candidates: readonly Candidate[]): boolean {
    return candidates.some((one) => index.positionOf(one) !== undefined);
  }
}
