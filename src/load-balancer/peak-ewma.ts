/** What a failure counts as, of a node that has never answered: until that is forgotten, others are tried first. */
const UNPROVEN_MS = 1000;

/**
 * An average of response times that falls slowly and rises at once: a node that turns slow is known by its first slow
 * answer, and forgiven within a few times `decayMs` (Finagle, PeakEwma). O(1), a few numbers.
 */
export class PeakEwma {
  readonly #decayMs: number;
  #cost = 0;
  #asOf = 0;
  /** Whether there has been an answer. */
  #isProven = false;

  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** An answer took so long. */
  observe(elapsedMs: number, now: number): void {
    const share = this.#isProven ? this.#share(now) : 0;
    this.#isProven = true;
    this.#cost = elapsedMs > this.#cost ? elapsedMs : this.#cost * share + elapsedMs * (1 - share);
    this.#moveTo(now);
  }

  /**
   * A call failed after so long. The average does not fall for it, not even by the time that has passed: who fails at once
   * must not look fast, or would have all the calls.
   */
  observeFailure(elapsedMs: number, now: number): void {
    this.#cost = Math.max(this.#cost, elapsedMs, this.#isProven ? 0 : UNPROVEN_MS);
    this.#moveTo(now);
  }

  /** Somebody waited so long and left: an answer would have taken at least as long. */
  observeAtLeast(elapsedMs: number, now: number): void {
    this.#cost = Math.max(this.at(now), elapsedMs);
    this.#moveTo(now);
  }

  /** What it is worth at a time: without calls it falls. */
  at(now: number): number {
    return this.#cost * this.#share(now);
  }

  /** How much of the past still counts. A clock that steps back ages nothing. */
  #share(now: number): number {
    return Math.exp(-Math.max(0, now - this.#asOf) / this.#decayMs);
  }

  #moveTo(now: number): void {
    this.#asOf = Math.max(this.#asOf, now);
  }
}
