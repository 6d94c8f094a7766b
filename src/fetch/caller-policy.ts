import type { Clock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';
import { checkFunction } from '../core/options.js';
import type { Policy, PolicyDescription } from '../core/policy.js';
import { type Explanation, explain } from '../pipeline/index.js';
import { retry } from '../retry/index.js';
import type { CallSettings } from './call-options.js';
import type { FetchLike, ResilientFetchOptions } from './options.js';
import type { FetchPolicies, TimedPolicies } from './policies.js';
import type { ResumePolicies } from './resumption.js';

const OWNER = 'resilientFetch';

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

  constructor(
    policy: Policy,
    given: Partial<ResilientFetchOptions<FetchLike>>,
    clock: Clock,
    discard: (response: Response) => void,
  ) {
    checkFunction(OWNER, 'policy', policy?.execute);
    for (const option of DEFAULT_POLICY_OPTIONS) {
      if (given[option] === undefined) continue;
      throw new InvalidOptionError(OWNER, option, 'has no effect beside "policy"', given[option]);
    }
    if (typeof policy.describe === 'function' && sharesResults(policy.describe())) throw mixesCallers(policy);
    this.#policy = policy;
    this.resuming = { maxAttempts: 3, retrying: (maxAttempts) => retry({ maxAttempts, clock }), discard };
  }

  for({ timeoutMs, attemptTimeoutMs }: CallSettings): TimedPolicies {
    if (attemptTimeoutMs !== undefined) {
      const rule = 'has no effect beside "policy"';
      throw new InvalidOptionError(OWNER, 'breakwater.attemptTimeout', rule, attemptTimeoutMs);
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
    throw new InvalidOptionError(OWNER, 'policy', rule, this.#policy);
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
export function mixesCallers(policy: Policy): InvalidOptionError {
  const rule =
    'must not share responses between calls, as coalesce does: one caller would get the response to the request of ' +
    'another; wrap this fetch in cachedFetch() of "breakwater/http-cache", which shares equal requests of one user';
  return new InvalidOptionError(OWNER, 'policy', rule, policy);
}
