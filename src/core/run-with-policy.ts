import type { AbortScope } from './abort-scope.js';
import type { Operation } from './call-context.js';
import type { BasePolicy, Policy } from './policy.js';

/**
 * Runs an operation of the library itself under a policy: `execute`, aborted by a scope instead of a signal. On Node 20
 * the signal and its listener would cost more than the rest of the call (`npm run bench -- tiered-cache`). A policy with
 * an `execute` of its own, such as a hand-written one, gets the scope's signal.
 *
 * The code is in the policy, so that what takes a policy as an option does not carry it (`npm run size`).
 *
 * @param key - what `keyed` policies distinguish calls by.
 */
export function runWithPolicy<T>(
  policy: Policy<unknown>,
  operation: Operation<T>,
  outer: AbortScope | undefined,
  key?: string,
): Promise<T> {
  const running = (policy as Partial<BasePolicy<unknown>>)['~runInScope']?.(operation, outer, key);
  return (running ?? policy.execute(operation, { signal: outer?.signal, key })) as Promise<T>;
}
