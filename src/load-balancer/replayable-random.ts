import type { Random } from '../core/random.js';

/** Random numbers that can be drawn in advance: the next pick uses the numbers that `peek` has drawn. */
export class ReplayableRandom {
  readonly #random: Random;
  /** Numbers that a peek has drawn and no pick has used yet. */
  #seen: number[] = [];
  #position = 0;
  #isTaking = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Begins a pick. @param take - Whether the drawn numbers are used up. */
  begin(take: boolean): void {
    this.#position = 0;
    this.#isTaking = take;
  }

  /** Returns the next random number. */
  readonly next: Random = () => {
    if (this.#position < this.#seen.length) return this.#seen[this.#position++] as number;
    const drawn = this.#random();
    if (this.#isTaking) return drawn;
    this.#position = this.#seen.push(drawn);
    return drawn;
  };

  /** Ends the pick. */
  end(): void {
    if (this.#isTaking && this.#position > 0) this.#seen = this.#seen.slice(this.#position);
  }
}
