export interface Decision {
  readonly allowed: boolean;
  readonly remaining: number;
  /** The wait after which the same call passes, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Fixed window: at most `limit` in each window. A window begins with the first call after the previous one has ended,
 * so that clients do not all start over at the full minute. At the edge of two windows, up to 2 × `limit` can pass
 * within a moment. O(1), two numbers of state.
 */
export class FixedWindow {
  #windowEndsAt = -Infinity;
  #count = 0;

  constructor(
    readonly limit: number,
    readonly windowMs: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  tryAcquire(cost = 1): Decision {
    const now = this.now();
    if (now >= this.#windowEndsAt) this.#count = 0;
    const allowed = this.#count + cost <= this.limit;
    if (allowed) {
      if (this.#count === 0) this.#windowEndsAt = now + this.windowMs;
      this.#count += cost;
    }
    return {
      allowed,
      remaining: this.limit - this.#count,
      retryAfterMs: allowed ? 0 : this.#windowEndsAt - now,
    };
  }
}
