/**
 * The response time in milliseconds that a failure counts as, for a node that has never answered. Until this value has
 * decayed, other nodes are preferred.
 */
const UNPROVEN_MS = 1000;

/**
 * Peak EWMA: an exponentially weighted moving average of response times that rises immediately and falls slowly. One
 * slow response is enough to recognize a slow node, and its effect decays within a few times `decayMs` (Finagle,
 * PeakEwma). O(1), a few numbers of state.
 */
export class PeakEwma {
  readonly #decayMs: number;
  #cost = 0;
  #asOf = 0;
  /** Whether the node has answered a call. */
  #isProven = false;

  constructor(decayMs: number) {
    this.#decayMs = decayMs;
  }

  /** Records the duration of a successful call. */
  observe(elapsedMs: number, now: number): void {
    const share = this.#isProven ? this.#share(now) : 0;
    this.#isProven = true;
    this.#cost = elapsedMs > this.#cost ? elapsedMs : this.#cost * share + elapsedMs * (1 - share);
    this.#moveTo(now);
  }

  /**
   * Records the duration of a failed or throttled call. The average does not fall, not even by the time that has passed: otherwise a
   * node that fails immediately would look fast and get all calls.
   */
  observeFailure(elapsedMs: number, now: number): void {
    this.#cost = Math.max(this.#cost, elapsedMs, this.#isProven ? 0 : UNPROVEN_MS);
    this.#moveTo(now);
  }

  /** Records the duration of an aborted call: its response would have taken at least as long. */
  observeAtLeast(elapsedMs: number, now: number): void {
    this.#cost = Math.max(this.at(now), elapsedMs);
    this.#moveTo(now);
  }

  /** Returns the average at a time. Without calls it decays. */
  at(now: number): number {
    return this.#cost * this.#share(now);
  }

  /** Returns the share of the past that still counts. If the clock is set back, nothing decays. */
  #share(now: number): number {
    return Math.exp(-Math.max(0, now - this.#asOf) / this.#decayMs);
  }

  #moveTo(now: number): void {
    this.#asOf = Math.max(this.#asOf, now);
  }
}
