import type { Random } from '../core/random.js';

/** Random numbers that may be looked at before they are used: the next pick draws what `peek` has drawn. */
export class ReplayableRandom {
  readonly #random: Random;
  /** Drawn by a peek, and not used yet. */
  #seen: number[] = [];
  #position = 0;
  #isTaking = false;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Begins a pick. @param take - whether it uses up what it draws. */
  begin(take: boolean): void {
    this.#position = 0;
    this.#isTaking = take;
  }

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
