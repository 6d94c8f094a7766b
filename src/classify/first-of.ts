import { InvalidOptionError } from '../core/errors.js';
import { type Classify, defaultClassify } from '../core/outcome.js';
import type { Judge } from './judge.js';

/**
 * Returns a `classify` function that asks the judges in order. The first verdict decides. If no judge knows the outcome,
 * `defaultClassify` decides.
 *
 * @throws InvalidOptionError if a judge is not a function.
 * @example
 * ```ts
 * const classify = firstOf(sqlErrors(), redisErrors());
 * const policy = pipeline(retry({ classify }), circuitBreaker({ classify }));
 * ```
 */
export function firstOf(...judges: readonly Judge[]): Classify {
  for (const judge of judges) {
    if (typeof judge !== 'function') throw new InvalidOptionError('firstOf', 'judges', 'must all be functions', judge);
  }
  return (outcome, context) => {
    for (const judge of judges) {
      const verdict = judge(outcome, context);
      if (verdict !== undefined) return verdict;
    }
    return defaultClassify(outcome, context);
  };
}
