export interface Decision {
  readonly allowed: boolean;
  readonly remaining: number;
  /** The wait after which the same call passes, in milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Sliding window log: at most `limit` in any window of length `windowMs`, wherever it begins. Exact, because the time
 * of each unit that has passed is in a log until it is `windowMs` old. O(limit) memory.
 */
export class SlidingWindowLog {
  /** One time for each unit of cost, oldest first. */
  readonly #log: number[] = [];

  constructor(
    readonly limit: number,
    readonly windowMs: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  tryAcquire(cost = 1): Decision {
    const now = this.now();
    while (this.#log.length > 0 && this.#log[0]! <= now - this.windowMs) this.#log.shift(); // ring buffer: O(1)
    const excess = this.#log.length + cost - this.limit;
    const allowed = excess <= 0;
    if (allowed) for (let unit = 0; unit < cost; unit++) this.#log.push(now);
    return {
      allowed,
      remaining: this.limit - this.#log.length,
      retryAfterMs: allowed ? 0 : this.#log[excess - 1]! + this.windowMs - now, // until `excess` units are gone
    };
  }
}
