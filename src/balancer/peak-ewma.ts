/**
 * An average of response times that falls slowly and rises at once: a node that turns slow is known by its first slow
 * answer, and forgiven within a few times `decayMs` (Finagle, PeakEwma). O(1), two numbers.
 */
export class PeakEwma {
  readonly #decayMs: number;
  #cost = 0;
  #asOf = 0;

  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** An answer took so long. */
  observe(elapsedMs: number, now: number): void {
    const share = this.#share(now);
    this.#cost = elapsedMs > this.#cost ? elapsedMs : this.#cost * share + elapsedMs * (1 - share);
    this.#asOf = Math.max(this.#asOf, now);
  }

  /**
   * It ended in another way than by an answer, which would have taken at least so long: the average does not fall for it, not
   * even by the time that has passed. Who fails at once must not look fast.
   */
  observeAtLeast(elapsedMs: number, now: number): void {
    this.#cost = Math.max(this.#cost, elapsedMs);
    this.#asOf = Math.max(this.#asOf, now);
  }

  /** What it is worth at a time: without answers it falls. */
  at(now: number): number {
    return this.#cost * this.#share(now);
  }

  /** How much of the past still counts. A clock that steps back ages nothing. */
  #share(now: number): number {
    return Math.exp(-Math.max(0, now - this.#asOf) / this.#decayMs);
  }
}
