import { type Random, seededRandom } from 'breakwater/testing';

/** The steps of one run. All seeds together make 20,000 steps. */
export const STEPS = 1000;

/** One run for each seed: a failing test names its seed. */
export const SEEDS = Array.from({ length: 20 }, (_, index) => index + 1);

/** Random choices for one run. The same seed makes the same choices. */
export class Draw {
  readonly random: Random;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Returns an integer from `min` to `max`. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.random() * (max - min + 1));
  }

  from<T>(list: readonly [T, ...T[]]): T {
    return list[this.integer(0, list.length - 1)] as T;
  }

  chance(probability: number): boolean {
    return this.random() < probability;
  }
}
