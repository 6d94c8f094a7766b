import type { Candidate, Chooser, PickCall, Picker } from './picker.js';
import { settleCredits, smoothTurn } from './smooth-turns.js';

/** In turn, each as often as its weight says, and never in bursts: the smooth weighted round robin of nginx. O(n). */
export function weightedRoundRobin(): Picker {
  return { name: 'weightedRoundRobin', start: () => new WeightedRoundRobin() };
}

class WeightedRoundRobin implements Chooser {
  choose(candidates: readonly Candidate[], { take }: PickCall): Candidate {
    return smoothTurn(candidates, take, ({ effectiveWeight }) => effectiveWeight);
  }

  nodesChanged(nodes: readonly Candidate[]): void {
    settleCredits(nodes);
  }
}
