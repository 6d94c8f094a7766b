export interface Decision {
  readonly allowed: boolean;
  readonly remaining: number;
  /** The wait after which the same call passes, in whole milliseconds. */
  readonly retryAfterMs: number;
}

/**
 * Token bucket: allows bursts of up to `capacity`, and `refillPerSecond` in the long run. There is no timer: the level
 * is computed from the elapsed time when it is needed. GCRA (ITU-T I.371) makes the same decisions from one time
 * instead of a level and a time. O(1), two numbers of state.
 */
export class TokenBucket {
  #tokens: number;
  #updatedAt: number;

  constructor(
    readonly capacity: number,
    readonly refillPerSecond: number,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#tokens = capacity; // starts full
    this.#updatedAt = now();
  }

  tryAcquire(cost = 1): Decision {
    this.#refill();
    const missing = cost - this.#tokens;
    const allowed = missing <= 0;
    if (allowed) this.#tokens -= cost; // a rejected call takes nothing, or retries would keep the bucket empty
    return {
      allowed,
      remaining: Math.floor(this.#tokens),
      retryAfterMs: allowed ? 0 : Math.ceil((missing / this.refillPerSecond) * 1000),
    };
  }

  #refill(): void {
    const now = this.now();
    const added = ((now - this.#updatedAt) / 1000) * this.refillPerSecond;
    this.#tokens = Math.min(this.capacity, this.#tokens + added); // tokens that do not fit are lost
    this.#updatedAt = now;
  }
}
