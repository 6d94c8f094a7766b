export interface Decision {
  readonly allowed: boolean;
  readonly remaining: number;
  /** The wait after which the same call passes, in whole milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Leaky bucket as a meter (Turner, 1986): each call pours in its cost, the bucket leaks at a constant rate, and a call
 * that would overflow it is rejected. The mirror image of a token bucket: level = capacity − tokens. O(1), two numbers
 * of state.
 */
export class LeakyBucketMeter {
  #level = 0; // starts empty
  #updatedAt: number;

  constructor(
    readonly capacity: number,
    readonly leakPerSecond: number,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#updatedAt = now();
  }

  tryAcquire(cost = 1): Decision {
    const now = this.now();
    const leaked = ((now - this.#updatedAt) / 1000) * this.leakPerSecond;
    this.#level = Math.max(0, this.#level - leaked);
    this.#updatedAt = now;
    const excess = this.#level + cost - this.capacity;
    const allowed = excess <= 0;
    if (allowed) this.#level += cost;
    return {
      allowed,
      remaining: Math.floor(this.capacity - this.#level),
      retryAfterMs: allowed ? 0 : Math.ceil((excess / this.leakPerSecond) * 1000),
    };
  }
}

/** Leaky bucket as a queue: a call starts when all before it has leaked, so its output has no bursts. O(1), one time. */
export class LeakyBucketQueue {
  #emptyAt = -Infinity;

  constructor(
    readonly leakPerSecond: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  /** Returns the delay before the call may start, in milliseconds; undefined if it would be longer than `maxWaitMs`. */
  reserve(cost = 1, maxWaitMs = Infinity): number | undefined {
    const now = this.now();
    const startsAt = Math.max(now, this.#emptyAt);
    if (startsAt - now > maxWaitMs) return undefined; // a rejected call does not lengthen the queue
    this.#emptyAt = startsAt + (cost / this.leakPerSecond) * 1000;
    return startsAt - now;
  }
}
