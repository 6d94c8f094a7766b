import type { CallContext } from './call-context.js';
import type { Clock } from './clock.js';
import type { Classify } from './outcome.js';
import type { Policy } from './policy.js';

/** How the calls of one key are hedged, as `resilientFetch` determines it. */
export interface HedgingOfKey {
  /** The clock of the calls. */
  readonly clock: Clock;
  /** Returns the function that judges outcomes, made from that of the hedge. */
  classify(own: Classify | undefined): Classify;
  /** Whether a call may be sent twice at the same time. */
  isSafe(context: CallContext): boolean;
  /** Discards a value that is not returned. */
  discard(value: unknown): void;
}

/** The result of `hedge()`, as `resilientFetch` uses it. It is passed in, so that programs without it do not load it. */
export interface RequestHedging extends Policy {
  /** Internal: creates the policy of one key. It shares the listeners and counters of this one. */
  forKey(settings: HedgingOfKey): Policy;
}
