import { LATENCY_DECAY_MS } from '../node-state.js';
import { CandidateIndex, CandidateIndexes } from './candidate-index.js';
import { isUnmeasured, latencyLoad } from './load.js';
import { MinTree } from './min-tree.js';
import type { Candidate, PickCall, Picker, PickerFactory } from './picker.js';

/**
 * Picks the node that is likely to respond first, by its peak EWMA of response times and its calls in flight (Finagle).
 * Equal nodes are picked at random. O(log n) per pick.
 *
 * All clients send calls to the best node until its load becomes visible. With many clients use
 * `powerOfTwoChoices({ by: 'latency' })` instead, which spreads the calls.
 */
export function leastResponseTime(): PickerFactory {
  return { name: 'leastResponseTime', start: () => new LeastResponseTime() };
}

class LeastResponseTime implements Picker {
  readonly #indexes = new CandidateIndexes<LatencyIndex>();

  choose(candidates: readonly Candidate[], { now, random }: PickCall): Candidate {
    return this.#indexOf(candidates, now).leastFrom(Math.floor(random() * candidates.length));
  }

  /** Sets the load of the excluded nodes to infinity during the choice: O(log n) for each of them. */
  chooseExcept(candidates: readonly Candidate[], excluded: ReadonlySet<Candidate>, call: PickCall): Candidate {
    const { now, random } = call;
    const index = this.#indexOf(candidates, now);
    const out = [...excluded].map((one) => index.positionOf(one)).filter((position) => position !== undefined);
    // The start is drawn among the other candidates, so that each of them is the first one equally often.
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

  #indexOf(candidates: readonly Candidate[], now: number): LatencyIndex {
    const known = this.#indexes.find(candidates);
    return known?.isPrecise(now) ? known : this.#indexes.add(new LatencyIndex(candidates, now));
  }
}

/** A factor that puts unmeasured nodes above any scaled load. */
const UNMEASURED_SCALE = 1e150;
/** The number of decay times after which a new index is built. Until then, loads are scaled by at most e¹⁰⁰. */
const PRECISE_DECAYS = 100;

/**
 * The loads of a list of candidates, each as of the time of its last change. All response times decay by the same
 * factor in the same time, so the order of loads does not change without calls. A load is stored divided by the decay
 * factor since the index was built.
 */
class LatencyIndex extends CandidateIndex {
  readonly #loads: MinTree;
  readonly #since: number;
  /** The latest time. If the clock is set back, it stays. */
  #latest: number;

  constructor(candidates: readonly Candidate[], now: number) {
    super(candidates);
    this.#since = now;
    this.#latest = now;
    this.#loads = new MinTree(candidates.map((one) => this.#loadOf(one, now)));
  }

  /** Whether the scale is still small enough for precise comparisons. */
  isPrecise(now: number): boolean {
    return now - this.#since <= PRECISE_DECAYS * LATENCY_DECAY_MS;
  }

  /** Returns the candidate with the least load; among equal ones the first at or after `start`. */
  leastFrom(start: number): Candidate {
    return this.candidates[this.#loads.leastFrom(start)] as Candidate;
  }

  /** Updates the load of a candidate. */
  update(one: Candidate, now: number): void {
    const position = this.positionOf(one);
    if (position !== undefined) this.#loads.set(position, this.#loadOf(one, now));
  }

  /** Excludes a candidate until its next `update`. */
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
