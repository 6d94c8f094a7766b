import { checkNumber, readOptions } from '../core/options.js';
import type { LimitAlgorithm, LimitBounds, LimitReason, LimitState } from './limit-algorithm.js';

/** Options of `aimdLimit`. */
export interface AimdLimitOptions {
  /**
   * The factor of the limit after a call that shows an overload: a number above 0 and at most 0.99. A lower factor relieves
   * the dependency faster and costs more throughput.
   * @defaultValue 0.9
   */
  readonly backoff?: number | undefined;
}

/**
 * Creates an algorithm that ignores latency: additive increase, multiplicative decrease (Chiu and Jain, 1989; TCP's
 * congestion avoidance). The limit grows by about 1 per round trip while at least half of it is used, and is multiplied
 * by `backoff` for each timeout, `throttled` outcome or status 503.
 *
 * Use it where latency says nothing about load, such as calls of very different sizes. In an overload its limit grows
 * until calls time out, so that the latency of all calls is just below the timeout.
 *
 * @throws InvalidOptionError for invalid options.
 */
export function aimdLimit(options?: AimdLimitOptions): LimitAlgorithm {
  const own = readOptions('aimdLimit', options, { backoff: 0.9 });
  const backoff = checkNumber('aimdLimit', 'backoff', own.backoff, { above: 0, max: 0.99 });
  return { name: 'aimd', start: (bounds) => new AimdState(bounds, backoff) };
}

class AimdState implements LimitState {
  reason: LimitReason = 'growth';
  readonly #bounds: LimitBounds;
  readonly #backoff: number;
  #limit: number;

  constructor(bounds: LimitBounds, backoff: number) {
    this.#bounds = bounds;
    this.#backoff = backoff;
    this.#limit = bounds.initialLimit;
  }

  sample(_latencyMs: number, inFlight: number, isOverload: boolean): number {
    const { minLimit, maxLimit } = this.#bounds;
    if (isOverload) {
      this.reason = 'overload';
      this.#limit = Math.max(minLimit, this.#limit * this.#backoff);
    } else if (inFlight * 2 >= this.#limit) {
      this.reason = 'growth';
      this.#limit = Math.min(maxLimit, this.#limit + 1 / this.#limit);
    }
    return this.#limit;
  }
}
