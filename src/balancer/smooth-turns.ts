import type { Candidate } from './picker.js';

/**
 * Whose turn it is, in proportion to weights, spread as evenly as can be: of weights 5, 1 and 1 come a a b a c a a (nginx,
 * smooth weighted round robin).
 *
 * Each turn every candidate is credited its weight, and the one with most credit pays for all of them: at any time the
 * credits of all add up to 0. Of equals the first wins. O(n) a turn.
 *
 * @param take - whether the turn is over with this, or somebody only asks.
 * @param settled - what is left of a credit, where the candidates are not those of the last turn.
 */
export function smoothTurn(
  candidates: readonly Candidate[],
  take: boolean,
  weightOf: (one: Candidate) => number,
  settled: (credit: number) => number = asItIs,
): Candidate {
  let best = candidates[0] as Candidate;
  let most = -Infinity;
  let total = 0;
  for (const one of candidates) {
    const weight = weightOf(one);
    const credit = settled(one.credit) + weight;
    total += weight;
    if (take) one.credit = credit;
    if (credit > most) {
      best = one;
      most = credit;
    }
  }
  if (take) best.credit -= total;
  return best;
}

const asItIs = (credit: number): number => credit;

/** Turns by weight, among candidates that come and go. */
export class SmoothTurns {
  readonly #weightOf: (one: Candidate) => number;
  #company: readonly Candidate[] = [];

  constructor(weightOf: (one: Candidate) => number) {
    this.#weightOf = weightOf;
  }

  next(candidates: readonly Candidate[], take: boolean): Candidate {
    if (candidates === this.#company) return smoothTurn(candidates, take, this.#weightOf);
    if (take) this.#company = candidates;
    return smoothTurn(candidates, take, this.#weightOf, settlement(candidates, this.#weightOf));
  }
}

/**
 * What the candidates owe to, or are owed by, others than themselves is forgotten, and so is what is more than they could
 * owe each other: otherwise a node would have to wait for its turn until it has paid for the weight of one that is gone.
 */
function settlement(
  candidates: readonly Candidate[],
  weightOf: (one: Candidate) => number,
): (credit: number) => number {
  const total = candidates.reduce((sum, one) => sum + weightOf(one), 0);
  const mean = candidates.reduce((sum, { credit }) => sum + credit, 0) / candidates.length;
  // Who has just had its turn owes less than all weights together; what one is owed stays below twice that.
  return (credit) => Math.max(-total, Math.min(2 * total, credit - mean));
}
