/**
 * Retry: repeats an operation after a failure, with growing, jittered delays and a retry budget.
 *
 * Use it for operations that are safe to repeat and whose failures are temporary. Do not use it for operations that
 * must run once, and not in two layers at the same time: three attempts of three attempts are nine.
 *
 * Cost: one closure per call while the first attempt succeeds; one timer while the retry waits.
 *
 * @module
 */
export type { AttemptBudget, AttemptSource } from '../core/attempt-budget.js';
export {
  type Backoff,
  type BackoffEvent,
  constantBackoff,
  type DecorrelatedJitterBackoffOptions,
  decorrelatedJitterBackoff,
  type ExponentialBackoffOptions,
  exponentialBackoff,
  type LinearBackoffOptions,
  linearBackoff,
} from '../core/backoff.js';
export type { GiveUpReason, RetryEvents } from './events.js';
export type { RetryChanges, RetryOptions } from './options.js';
export { type Retry, retry } from './retry.js';
export { RetryBudget, type RetryBudgetOptions, type RetryBudgetStats } from './retry-budget.js';
export { RetryTokens, type RetryTokensOptions, type RetryTokensStats } from './retry-tokens.js';
