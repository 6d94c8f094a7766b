import type { PolicyContext } from '../core/context.js';
import type { Outcome, Verdict } from '../core/outcome.js';
import type { GiveUpReason } from './events.js';

/**
 * A gate for the attempts of a retry. It delays attempts while the dependency throttles, and repeats throttled attempts.
 * Such a repetition is not an attempt of the retry and takes nothing from its budget.
 */
export interface Pacing {
  /** Returns the position of a new call among all calls. The call keeps it for all its attempts. */
  arrive(): number;
  /** Whether an attempt of this call may start without `pass`. */
  isOpen(context: PolicyContext): boolean;
  /** Whether the attempt was returned to the gate before it was sent, so that its outcome means nothing. */
  isReturned(outcome: Outcome): boolean;
  /** Counts the success of an attempt that has not passed the gate. */
  succeeded(context: PolicyContext): void;
  /** Runs an attempt when the gate admits it, and again while it is throttled. Never rejects. */
  pass(call: PacedCall): Promise<PacedOutcome>;
}

/** A call at the gate. */
export interface PacedCall {
  /** The outcome that was throttled; undefined for an attempt that has not been sent. */
  readonly throttled: Outcome | undefined;
  readonly context: PolicyContext;
  readonly arrival: number;
  /** The time from which on it is too late for a response. */
  readonly latest: number;
  /** Runs the attempt once. Never rejects. */
  run(): Promise<Outcome>;
  judge(outcome: Outcome): Verdict;
}

/** The outcome of an attempt that has left the gate. */
export interface PacedOutcome {
  readonly outcome: Outcome;
  readonly verdict: Verdict;
  /** The reason why the call ends here; undefined if the retry decides. */
  readonly stop: GiveUpReason | undefined;
}
