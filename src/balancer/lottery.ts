import type { Random } from '../core/random.js';
import type { Candidate } from './picker.js';

/** Draws candidates by chance, each as often as its weight says. O(log n) a draw, O(n) when the candidates are others. */
export class Lottery {
  #candidates: readonly Candidate[] = [];
  /** For each candidate the sum of the weights up to it, itself included. */
  #sums: readonly number[] = [];

  /** From now on, of these. They must not change their weights while they are the same list. */
  use(candidates: readonly Candidate[]): void {
    if (candidates === this.#candidates) return;
    let sum = 0;
    this.#sums = candidates.map(({ effectiveWeight }) => {
      sum += effectiveWeight;
      return sum;
    });
    this.#candidates = candidates;
  }

  draw(random: Random): Candidate {
    return this.#candidates[this.#at(random() * this.#total)] as Candidate;
  }

  /** Two different ones, of at least two: the second is drawn from what the first leaves, so one draw is enough. */
  drawTwo(random: Random): [Candidate, Candidate] {
    const first = this.#at(random() * this.#total);
    const before = this.#sums[first - 1] ?? 0;
    const own = (this.#sums[first] as number) - before;
    const ticket = random() * (this.#total - own);
    const second = this.#at(ticket < before ? ticket : ticket + own);
    // Adding up weights rounds: a ticket at the very edge may fall to the first again.
    const other = second === first ? (first + 1) % this.#candidates.length : second;
    return [this.#candidates[first] as Candidate, this.#candidates[other] as Candidate];
  }

  get #total(): number {
    return this.#sums[this.#sums.length - 1] as number;
  }

  /** The first whose sum is above the ticket, by halving. */
  #at(ticket: number): number {
    let [low, high] = [0, this.#sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] as number) > ticket) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
