import { InvalidOptionError } from '../core/errors.js';
import { checkFunction } from '../core/options.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { type Explanation, explain } from '../pipeline/index.js';
import { retry } from '../retry/index.js';
import type { CallSettings } from './call-options.js';
import type { FetchLike, ResilientFetchOptions } from './options.js';
import type { FetchPolicies, PolicyKit, TimedPolicies } from './policies.js';
import type { ResumePolicies } from './resumption.js';

/** The options of the default policies, which have no effect beside a policy of the caller. */
const DEFAULT_POLICY_OPTIONS = [
  'timeout',
  'attemptTimeout',
  'retry',
  'hedge',
  'circuitBreaker',
  'bulkhead',
  'limit',
  'rateLimit',
  'beforeRetry',
  'on',
  'random',
] as const;

/** A policy of the caller, in place of the default policies. */
export class CallerPolicy implements FetchPolicies {
  readonly on = {};
  readonly retryBudget = undefined;
  readonly resuming: ResumePolicies;
  readonly #policy: Policy;
  readonly #owner: string;

  constructor(policy: Policy, given: Partial<ResilientFetchOptions<FetchLike>>, { owner, clock, unread }: PolicyKit) {
    checkFunction(owner, 'policy', policy?.execute);
    for (const option of DEFAULT_POLICY_OPTIONS) {
      if (given[option] === undefined) continue;
      throw new InvalidOptionError(owner, option, 'has no effect beside "policy"', given[option]);
    }
    if (typeof policy.describe === 'function' && sharesResults(policy.describe())) throw mixesCallers(owner, policy);
    this.#policy = policy;
    this.#owner = owner;
    this.resuming = {
      maxAttempts: 3,
      retrying: (maxAttempts) => retry({ maxAttempts, clock }),
      discard: unread.discard,
    };
  }

  for({ timeoutMs, attemptTimeoutMs }: CallSettings): TimedPolicies {
    if (attemptTimeoutMs !== undefined) {
      const rule = 'has no effect beside "policy"';
      throw new InvalidOptionError(this.#owner, 'breakwater.attemptTimeout', rule, attemptTimeoutMs);
    }
    return { call: this.#policy, resumption: this.#policy, timeoutMs };
  }

  explain(): Explanation {
    return explain(this.#policy);
  }

  snapshots(): [] {
    return [];
  }

  isolate(): never {
    const rule = 'must not be given: "isolate" needs the breaker of the default policies';
    throw new InvalidOptionError(this.#owner, 'policy', rule, this.#policy);
  }

  reset(): void {}
}

/** Whether `coalesce` is among the policies. */
function sharesResults({ kind, policies = [] }: PolicyDescription): boolean {
  return kind === 'coalesce' || policies.some(sharesResults);
}

/**
 * Returns the error for a policy that shares results between calls. The key of a call does not identify its request:
 * URL, method, headers, body and user may differ under one key.
 */
export function mixesCallers(owner: string, policy: Policy): InvalidOptionError {
  const rule =
    'must not share responses between calls, as coalesce does: one caller would get the response to the request of ' +
    'another; wrap the fetch function in cachedFetch() of "breakwater/http-cache", which shares equal requests of one user';
  return new InvalidOptionError(owner, 'policy', rule, policy);
}
