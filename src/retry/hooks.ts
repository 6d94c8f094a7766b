import type { PolicyContext } from '../core/context.js';
import type { Outcome } from '../core/outcome.js';
import type { RetryEvents } from './events.js';
import type { Pacing } from './pacing.js';

/** What a policy that is made of a retry adds to it. */
export interface RetryHooks {
  /** The gate that attempts pass. */
  readonly pacing?: Pacing | undefined;
  /**
   * Prepares the next attempt, after the delay and before the attempt enters any inner policy. The attempt waits for the
   * promise. If it rejects, the call ends with that error.
   *
   * @param attempt - the number of the attempt that has failed.
   */
  readonly beforeRetry?: ((attempt: number, outcome: Outcome, context: PolicyContext) => Promise<void>) | undefined;
  readonly onRetry?: ((event: RetryEvents['retry'], context: PolicyContext) => void) | undefined;
  readonly onGiveUp?: ((event: RetryEvents['giveUp'], context: PolicyContext) => void) | undefined;
}
