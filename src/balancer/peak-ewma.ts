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

  /** It took at least so long, or ended in a way that says nothing of how long an answer takes: this cannot make it look faster. */
  observeAtLeast(elapsedMs: number, now: number): void {
    if (elapsedMs > this.at(now)) this.observe(elapsedMs, now);
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
