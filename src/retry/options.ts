import type { AttemptBudget } from '../core/attempt-budget.js';
import type { Backoff } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import type { Classify } from '../core/outcome.js';
import type { Random } from '../core/random.js';

/** Options of `retry`. */
export interface RetryOptions {
  /** The maximum number of attempts, including the first: an integer ≥ 1, or `Infinity`. @defaultValue 3 */
  readonly maxAttempts?: number | undefined;
  /** Returns the delay between two attempts. @defaultValue `exponentialBackoff()` */
  readonly backoff?: Backoff | undefined;
  /**
   * The time from the first attempt after which no attempt starts. A delay that would end later is not begun either. A
   * duration above 0, or `Infinity`.
   * @defaultValue Infinity
   */
  readonly maxElapsed?: Duration | undefined;
  /**
   * The longest `Retry-After` that the retry waits for: a duration above 0, or `Infinity`. If the server asks for a
   * longer delay, the call ends with its last outcome, since an earlier attempt would ignore the server's request.
   * @defaultValue '30s'
   */
  readonly maxRetryAfter?: Duration | undefined;
  /**
   * The budget that limits retries to a share of the requests: a `RetryBudget` or `RetryTokens`. Share it among all call
   * sites of a dependency.
   * @defaultValue none
   */
  readonly budget?: AttemptBudget | undefined;
  /** Judges the outcome of each attempt. Only `failure` and `throttled` are retried. @defaultValue the call's `classify` */
  readonly classify?: Classify | undefined;
  /** The name of the policy in errors, events and descriptions. @defaultValue 'retry' */
  readonly name?: string | undefined;
  /** The clock that measures delays and `maxElapsed`. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
  /** The random source for the backoff's jitter. @defaultValue `Math.random` */
  readonly random?: Random | undefined;
}

/** The options of a retry that `reconfigure` can change. */
export type RetryChanges = Omit<RetryOptions, 'name' | 'clock' | 'random'>;
