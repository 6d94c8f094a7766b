/** Steps of one sixteenth of the capacity to begin with, each one a little shorter. */
const FIRST_STEP = 0.0625;
const SHORTER = 0.98;
/** A change of the hit ratio by this much means that the traffic is another one: long steps again. */
const RESTART = 0.05;

/**
 * Looks for the best share of something by trying: it goes on in one direction while the hit ratio rises, and turns when
 * it falls (Einziger, Eytan, Friedman and Manes, "Adaptive Software Cache Management", 2018).
 */
export class HillClimber {
  readonly #period: number;
  #step: number;
  #hits = 0;
  #uses = 0;
  #lastRatio = 0;

  /** @param period - how many uses make a sample. */
  constructor(period: number) {
    this.#period = period;
    this.#step = FIRST_STEP;
  }

  turn(): void {
    this.#step = -this.#step;
  }

  /** By how much to change the share after these uses, as a fraction of the capacity: mostly 0. */
  record(hits: number, misses: number): number {
    this.#hits += hits;
    this.#uses += hits + misses;
    return this.#uses < this.#period ? 0 : this.#nextStep();
  }

  #nextStep(): number {
    const ratio = this.#hits / this.#uses;
    const change = ratio - this.#lastRatio;
    if (change < 0) this.#step = -this.#step;
    const step = this.#step;
    this.#step = Math.abs(change) >= RESTART ? Math.sign(step) * FIRST_STEP : step * SHORTER;
    this.#lastRatio = ratio;
    this.#hits = 0;
    this.#uses = 0;
    return step;
  }
}
