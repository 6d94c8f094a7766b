import { latencyLoad } from './load.js';
import type { Candidate, Chooser, PickCall, Picker } from './picker.js';

/**
 * The node that is likely to answer first: by its recent response times, peaks counting most, and the calls it has in flight
 * (Finagle's peak EWMA). Equals by chance. O(n).
 *
 * Everybody goes to the best node at once, until its load shows: with many clients prefer
 * `leastLoadedOfTwo({ by: 'latency' })`, which spreads them.
 */
export function leastResponseTime(): Picker {
  return { name: 'leastResponseTime', start: () => new LeastResponseTime() };
}

class LeastResponseTime implements Chooser {
  choose(candidates: readonly Candidate[], { now, random }: PickCall): Candidate {
    const start = Math.floor(random() * candidates.length);
    let best = candidates[start] as Candidate;
    let least = latencyLoad(best, now);
    for (let step = 1; step < candidates.length; step++) {
      const one = candidates[(start + step) % candidates.length] as Candidate;
      const load = latencyLoad(one, now);
      if (load >= least) continue;
      best = one;
      least = load;
    }
    return best;
  }
}
