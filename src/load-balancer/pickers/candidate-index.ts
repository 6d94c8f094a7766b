import type { Candidate } from './picker.js';

/** A list of candidates that finds the position of each in O(1). The base of what pickers keep for a list. */
export class CandidateIndex {
  readonly candidates: readonly Candidate[];
  /** By `index`: the list of all nodes is the longer one. */
  readonly #positions: Int32Array;

  constructor(candidates: readonly Candidate[]) {
    this.candidates = candidates;
    this.#positions = new Int32Array((candidates[candidates.length - 1] as Candidate).index + 1);
    let position = 0;
    for (const { index } of candidates) this.#positions[index] = position++;
  }

  /** The position in the list; undefined when the node is not in it. */
  positionOf(node: Candidate): number | undefined {
    const position = this.#positions[node.index] ?? 0;
    return this.candidates[position] === node ? position : undefined;
  }
}

/**
 * The indexes of the lists that are in use: two when calls are divided between zones, else one. A list is replaced by a list
 * with any of its nodes.
 */
export class CandidateIndexes<Index extends CandidateIndex> {
  #indexes: readonly Index[] = [];

  get all(): readonly Index[] {
    return this.#indexes;
  }

  /** The index of a list, if there is one. */
  find(candidates: readonly Candidate[]): Index | undefined {
    for (const one of this.#indexes) if (one.candidates === candidates) return one;
    return undefined;
  }

  add(index: Index): Index {
    const others = this.#indexes.filter((old) => !this.#overlap(old, index.candidates));
    this.#indexes = [index, ...others.slice(0, 1)];
    return index;
  }

  /** Removes and returns the indexes that have any of these nodes. */
  take(candidates: readonly Candidate[]): readonly Index[] {
    const taken = this.overlapping(candidates);
    if (taken.length > 0) this.#indexes = this.#indexes.filter((one) => !taken.includes(one));
    return taken;
  }

  /** Removes all. For when the nodes of the balancer change: then their `index` is no longer the one they were found by. */
  clear(): void {
    this.#indexes = [];
  }

  /** The indexes that have any of these nodes. */
  overlapping(candidates: readonly Candidate[]): readonly Index[] {
    return this.#indexes.filter((one) => this.#overlap(one, candidates));
  }

  #overlap(index: Index, candidates: readonly Candidate[]): boolean {
    return candidates.some((one) => index.positionOf(one) !== undefined);
  }
}
