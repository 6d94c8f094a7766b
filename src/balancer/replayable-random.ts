import type { Random } from '../core/random.js';

/** Chance that somebody may look at before it is used: what `peek` has seen is what the next pick gets. */
export class ReplayableRandom {
  readonly #random: Random;
  #seen: number[] = [];
  #position = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  readonly next: Random = () => {
    if (this.#position === this.#seen.length) this.#seen.push(this.#random());
    return this.#seen[this.#position++] as number;
  };

  /** One pick is over; with `take`, what it has drawn is used up. */
  end(take: boolean): void {
    if (take && this.#position > 0) this.#seen.splice(0, this.#position);
    this.#position = 0;
  }
}
