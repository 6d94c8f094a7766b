import { InvalidOptionError } from '../core/errors.js';
import { GatedLimiter } from './base-limiter.js';
import type { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import type { RateLimiter } from './rate-limiter.js';

/**
 * Several limits decided together: takes from all of them, or from none.
 *
 * 10 a second and 1000 an hour as two limiters one after the other would go wrong: a call that the second refuses has
 * taken from the first. Here all are asked before any is touched, and who waits gets the first moment at which all of them
 * can give, in one line with all who wait at any of them. The limiters may be used by themselves and in other
 * combinations as well, and a combination may be part of another one; a limiter that is in it twice is taken from once.
 *
 * Nobody overtakes, so while one waits for the slowest of its limits, all behind it at the others wait as well. Where many
 * share a limit, and each has one of its own besides, give waits a `maxWait` that all can afford.
 *
 * In a decision `limitedBy` is the index of the limiter that bound: when refused the one that would let it pass last, when
 * allowed the one with the least remaining. `limit` is that limiter's; `remaining` is what would pass all of them.
 *
 * To change a limit, `reconfigure` the limiter it belongs to.
 *
 * O(n) a decision for n limiters.
 *
 * @throws InvalidOptionError for limiters that are not of this package or that go by different clocks.
 * @example
 * ```ts
 * const perSecond = new TokenBucket({ capacity: 10, refill: 10, per: '1s' });
 * const perHour = new SlidingWindowCounter({ limit: 1000, per: '1h' });
 * const limiter = allOf(perSecond, perHour);
 * const { allowed, limitedBy } = limiter.tryAcquire();
 * if (!allowed) console.log(limitedBy === 0 ? 'slow down' : 'enough for this hour');
 * ```
 */
export function allOf(...limiters: readonly RateLimiter[]): RateLimiter {
  return new Combination(limiters);
}

class Combination extends GatedLimiter {
  constructor(limiters: readonly RateLimiter[]) {
    const owner = 'allOf';
    const gates = limiters.map((limiter) => {
      if (limiter instanceof GatedLimiter) return limiter['~gate'];
      throw new InvalidOptionError(owner, 'limiters', 'must be limiters of this package', limiter);
    });
    const [first] = gates;
    if (first === undefined) throw new InvalidOptionError(owner, 'limiters', 'must be at least one', limiters);
    const indexOf = new Map<LimitState, number>();
    for (const [index, { queue, limits }] of gates.entries()) {
      if (queue !== first.queue) {
        throw new InvalidOptionError(owner, 'limiters', 'must all go by the same clock', queue.clock);
      }
      for (const limit of limits) if (!indexOf.has(limit)) indexOf.set(limit, index);
    }
    super(new LimiterCore(owner, first.queue, [...indexOf.keys()], [...indexOf.values()]));
  }

  override reconfigure(options: object): void {
    throw new InvalidOptionError('allOf', 'options', 'must be given to the limiter they belong to', options);
  }
}
