import { InvalidOptionError } from '../core/errors.js';
import { CoreLimiter } from './base-limiter.js';
import type { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import type { RateLimiter } from './rate-limiter.js';

/**
 * Combines several limiters: a call takes its cost from all of them or from none.
 *
 * Two separate limiters in sequence, for example 10 per second and 1000 per hour, would be wrong: a call that the
 * second one rejects has already taken from the first. `allOf` asks all limiters before it takes from any of them. A
 * waiter is admitted at the first time at which all limiters can admit it, in arrival order with the waiters of each
 * single limiter. The limiters can also be used separately and in other combinations, and a combination can be part of
 * another combination. If a limiter occurs twice in a combination, the cost is taken from it once.
 *
 * A waiter is never overtaken: while it waits for the slowest of its limiters, the waiters behind it at its other
 * limiters wait as well. If many callers share one limiter and each also has its own, set a `maxWait` that all of them
 * can accept.
 *
 * In a decision, `limitedBy` is the index of the limiter that decided. For a rejected call, this is the limiter that
 * would admit the call last; for an allowed call, it is the limiter with the least remaining. `limit` is the limit of
 * that limiter, and `remaining` is what all limiters would admit.
 *
 * To change a limit, call `reconfigure` on the limiter that the limit belongs to.
 *
 * O(n) per decision for n limiters.
 *
 * @throws InvalidOptionError if a limiter is not from this package, if it is from another copy of this package, whose
 * limiters have queues of their own, or if the limiters use different clocks.
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

class Combination extends CoreLimiter {
  constructor(limiters: readonly RateLimiter[]) {
    const owner = 'allOf';
    const cores = limiters.map((limiter) => {
      if (limiter instanceof CoreLimiter) return limiter['~core'];
      const rule = 'must be limiters of this package, and of the same copy of it as allOf';
      throw new InvalidOptionError(owner, 'limiters', rule, limiter);
    });
    const [first] = cores;
    if (first === undefined) throw new InvalidOptionError(owner, 'limiters', 'must contain at least one', limiters);
    const indexOf = new Map<LimitState, number>();
    for (const [index, { queue, limits }] of cores.entries()) {
      if (queue !== first.queue) {
        throw new InvalidOptionError(owner, 'limiters', 'must all use the same clock', queue.clock);
      }
      for (const limit of limits) if (!indexOf.has(limit)) indexOf.set(limit, index);
    }
    super(new LimiterCore(owner, first.queue, [...indexOf.keys()], [...indexOf.values()]));
  }

  override reconfigure(options: object): void {
    throw new InvalidOptionError('allOf', 'options', 'must be passed to the limiter that they belong to', options);
  }
}
