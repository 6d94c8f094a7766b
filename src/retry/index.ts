/**
 * Retry: try again after a failure, with growing, jittered delays, within a budget.
 *
 * Use it for calls that are safe to repeat and fail for a moment. Not for operations that must happen once, and not in
 * two layers at a time: three tries of three tries are nine.
 *
 * Cost: one closure a call while the first try succeeds; a timer while it waits.
 *
 * @module
 */
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
export { type GiveUpReason, type Retry, type RetryEvents, type RetryOptions, retry } from './retry.js';
export { RetryBudget, type RetryBudgetOptions, type RetryBudgetStats } from './retry-budget.js';
