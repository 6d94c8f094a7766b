import type { Outcome } from '../core/outcome.js';

/** Events of a retry. */
export interface RetryEvents {
  /** An attempt has failed, and the next one starts after `delayMs` milliseconds. */
  retry: { readonly attempt: number; readonly delayMs: number; readonly outcome: Outcome };
  /** The call ends with its last outcome after `attempts` attempts. */
  giveUp: { readonly reason: GiveUpReason; readonly attempts: number };
}

/**
 * The reason why a retry makes no further attempt.
 *
 * - `attempts`: `maxAttempts` is reached.
 * - `elapsed`: the next attempt would start later than `maxElapsed`.
 * - `deadline`: the next attempt would start after the deadline of the call.
 * - `budget`: the budget has no retry left.
 * - `retry-after`: the server has asked for a delay above `maxRetryAfter`.
 * - `not-retryable`: the outcome is neither a `failure` nor `throttled`, or the call is not repeatable. In
 *   `resilientFetch` also: the pacing gate has given up, or `beforeRetry` has failed.
 * - `aborted`: the call was aborted.
 * - `backoff`: the backoff returned undefined.
 */
export type GiveUpReason =
  | 'attempts'
  | 'elapsed'
  | 'deadline'
  | 'budget'
  | 'retry-after'
  | 'not-retryable'
  | 'aborted'
  | 'backoff';
