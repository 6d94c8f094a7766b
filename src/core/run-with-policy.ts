import type { AbortScope } from './abort-scope.js';
import { outsideContext } from './ambient.js';
import type { Operation } from './call-context.js';
import type { BasePolicy, Policy } from './policy.js';

/**
 * Runs an internal operation of the library under a policy, aborted by a scope instead of a signal, and outside the
 * caller's request context, since several callers may share it. On Node 20, a
 * signal and its listener would cost more than the rest of the call (`npm run bench -- tiered-cache`). A policy with
 * its own `execute`, such as one written by a user, receives the scope's signal.
 *
 * The implementation is a method of the policy, so that a bundle of code that only accepts a policy does not contain it
 * (`npm run size`).
 *
 * @param key - the key by which `keyed` policies distinguish calls.
 */
export function runWithPolicy<T>(
  policy: Policy<unknown>,
  operation: Operation<T>,
  outer: AbortScope | undefined,
  key?: string,
): Promise<T> {
  return outsideContext(() => {
    const running = (policy as Partial<BasePolicy<unknown>>)['~runInScope']?.(operation, outer, key);
    return running ?? policy.execute(operation, { signal: outer?.signal, key });
  }) as Promise<T>;
}
