import { type Backoff, checkDelay } from '../core/backoff.js';
import { reportUncaught } from '../core/events.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';

/** The options that never change, checked and in milliseconds. Breakers with equal rules may share one object. */
export interface CircuitRules {
  /** The length of the window in milliseconds; `Infinity` for a window of calls. */
  readonly windowMs: number;
  /** The length of the window in calls; `Infinity` for a window of time. */
  readonly windowCalls: number;
  /** The duration from which a call is slow, in milliseconds; `Infinity` if duration is not measured. */
  readonly slowCallMs: number;
  /** Whether the breaker only counts and reports, and never rejects. */
  readonly isObserving: boolean;
  readonly classify: Classify | undefined;
  readonly failureRateThreshold: number;
  readonly slowCallRateThreshold: number;
  readonly consecutiveFailures: number;
  readonly minimumCalls: number;
  readonly probes: number;
  readonly maxProbeFailures: number;
  readonly probeTimeoutMs: number;
  /** The time after closing in which calls are limited, in milliseconds; 0 if they are not. */
  readonly rampMs: number;
  /** The open time in milliseconds, or a backoff that returns it. */
  readonly openFor: number | Backoff;
  readonly random: Random;
}

/**
 * The longest `Retry-After` that keeps the breaker open, in milliseconds. Retries honour a longer one; a breaker that
 * stays open for an hour would miss the recovery.
 */
const MAX_RETRY_AFTER_MS = 60_000;
/** The open time in milliseconds if the backoff throws or returns an invalid delay. */
const FALLBACK_OPEN_MS = 5_000;

/** Returns the open time by the rules for the `attempt`-th opening in a row, in milliseconds. */
export function openingDelayMs(
  { openFor, random }: CircuitRules,
  attempt: number,
  previousDelayMs: number | undefined,
  outcome: Outcome,
): number {
  if (typeof openFor === 'number') return openFor;
  try {
    return checkDelay('circuitBreaker', 'openFor', openFor({ attempt, previousDelayMs, outcome, random }));
  } catch (error) {
    // The error has nothing to do with the call that is ending, and the breaker must open in any case.
    reportUncaught(error);
    return FALLBACK_OPEN_MS;
  }
}

/**
 * Returns the open time after `Retry-After` is applied, in milliseconds: it is a lower bound of a backoff's delay, and
 * does not change a fixed duration.
 */
export function openForMs({ openFor }: CircuitRules, delayMs: number, outcome: Outcome): number {
  if (typeof openFor === 'number') return delayMs;
  return Math.max(delayMs, Math.min(retryAfterMs(outcome) ?? 0, MAX_RETRY_AFTER_MS));
}
