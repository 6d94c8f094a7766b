import type { Candidate } from './picker.js';

/**
 * Whose turn it is, in proportion to weights, spread as evenly as can be: of weights 5, 1 and 1 come a a b a c a a (nginx,
 * smooth weighted round robin).
 *
 * Each turn every candidate is credited its weight, and the one with most credit pays for all of them: at any time the
 * credits of all add up to 0. Of equals the first wins. O(n) a turn.
 *
 * @param take - whether the turn is over with this, or somebody only asks.
 */
export function smoothTurn(
  candidates: readonly Candidate[],
  take: boolean,
  weightOf: (one: Candidate) => number,
): Candidate {
  let best = candidates[0] as Candidate;
  let most = -Infinity;
  let total = 0;
  for (const one of candidates) {
    const weight = weightOf(one);
    const credit = one.credit + weight;
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

/** What the nodes that went were owed, or owed, is shared by those that stay: the sum is 0 again, and nobody starves for it. */
export function settleCredits(nodes: readonly Candidate[]): void {
  const surplus = nodes.reduce((sum, { credit }) => sum + credit, 0) / nodes.length;
  for (const one of nodes) one.credit -= surplus;
}
