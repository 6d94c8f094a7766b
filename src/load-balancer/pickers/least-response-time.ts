import { LATENCY_DECAY_MS } from '../node-state.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import { isUnmeasured, latencyLoad } from './load.js';
import { MinTree } from './min-tree.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';

/**
 * The node that is likely to answer first: by its recent response times, peaks counting most, and the calls it has in flight
 * (Finagle's peak EWMA). Equals by chance. O(log n).
 *
 * Everybody goes to the best node at once, until its load shows: with many clients prefer
 * `powerOfTwoChoices({ by: 'latency' })`, which spreads them.
 */
export function leastResponseTime(): PickerFactory {
  return { name: 'leastResponseTime', start: () => new LeastResponseTime() };
}

class LeastResponseTime implements Picker {
  readonly #indexes = new CandidateIndexes<LatencyIndex>();

  choose(candidates: readonly Candidate[], { now, random }: PickCall): Candidate {
    return this.#of(candidates, now).leastFrom(Math.floor(random() * candidates.length));
  }

  /** The excluded ones are given an infinite load meanwhile: O(log n) for each of them. */
  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate {
    const { now, random } = call;
    const index = this.#of(candidates, now);
    const out = [...excluded].map((one) => index.positionOf(one)).filter((position) => position !== undefined);
    // Counted among the others, so that each of these is the first one equally often.
    let start = Math.floor(random() * (candidates.length - out.length));
    for (const position of out.sort((a, b) => a - b)) if (position <= start) start++;
    for (const one of excluded) index.withhold(one);
    const chosen = index.leastFrom(start);
    for (const one of excluded) index.update(one, now);
    return chosen;
  }

  loadChanged(node: Candidate, now: number): void {
    for (const index of this.#indexes.all) index.update(node, now);
  }

  weightsChanged(nodes: readonly Candidate[], now: number): void {
    for (const one of nodes) this.loadChanged(one, now);
  }

  nodesChanged(): void {
    this.#indexes.clear();
  }

  #of(candidates: readonly Candidate[], now: number): LatencyIndex {
    const known = this.#indexes.find(candidates);
    return known?.isPrecise(now) ? known : this.#indexes.add(new LatencyIndex(candidates, now));
  }
}

/** Above any load, however much it has been scaled up. */
const UNMEASURED_SCALE = 1e150;
/** How many decay times loads are scaled up for before a new index begins at 1 again: by e¹⁰⁰ at most. */
const PRECISE_DECAYS = 100;

/**
 * Loads of a list, each as of the time when it last changed. All response times fall by the same factor in the same time, so
 * that the order of loads does not change by itself: a load is kept divided by the factor since the index began.
 */
class LatencyIndex extends CandidateIndex {
  readonly #loads: MinTree;
  readonly #since: number;
  /** A clock that steps back changes nothing. */
  #latest: number;

  constructor(candidates: readonly Candidate[], now: number) {
    super(candidates);
    this.#since = now;
    this.#latest = now;
    this.#loads = new MinTree(candidates.map((one) => this.#loadOf(one, now)));
  }

  isPrecise(now: number): boolean {
    return now - this.#since <= PRECISE_DECAYS * LATENCY_DECAY_MS;
  }

  leastFrom(start: number): Candidate {
    return this.candidates[this.#loads.leastFrom(start)] as Candidate;
  }

  update(one: Candidate, now: number): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#loads.set(position, this.#loadOf(one, now));
  }

  /** Leaves a node out until its next `update`. */
  withhold(one: Candidate): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#loads.set(position, Infinity);
  }

  #loadOf(one: Candidate, now: number): number {
    this.#latest = Math.max(this.#latest, now);
    const scale = isUnmeasured(one, now) ? UNMEASURED_SCALE : Math.exp((this.#latest - this.#since) / LATENCY_DECAY_MS);
    return latencyLoad(one, now) * scale;
  }
}
