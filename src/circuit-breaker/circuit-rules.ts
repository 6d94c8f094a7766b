import { type Backoff, checkDelay } from '../core/backoff.js';
import { reportUncaught } from '../core/events.js';
import type { Classify, Outcome } from '../core/outcome.js';
import type { Random } from '../core/random.js';
import { retryAfterMs } from '../core/retry-after.js';

/** The options that never change, all checked and in milliseconds. Breakers with equal rules may share one object. */
export interface CircuitRules {
  /** `Infinity` for a window of calls. */
  readonly windowMs: number;
  /** `Infinity` for a window of time. */
  readonly windowCalls: number;
  /** `Infinity` if slowness does not matter. */
  readonly slowCallMs: number;
  /** Whether the breaker only counts and reports. */
  readonly isObserving: boolean;
  readonly classify: Classify | undefined;
  readonly failureRateThreshold: number;
  readonly slowCallRateThreshold: number;
  readonly consecutiveFailures: number;
  readonly minimumCalls: number;
  readonly probes: number;
  readonly maxProbeFailures: number;
  readonly probeTimeoutMs: number;
  /** How long to open for, in milliseconds, if it is a number. */
  readonly openFor: number | Backoff;
  readonly random: Random;
}

/** A longer wish is for retries to honour; a breaker that sleeps for an hour would miss the recovery. */
const MAX_RETRY_AFTER_MS = 60_000;
/** For a backoff that does not answer with a duration. */
const FALLBACK_OPEN_MS = 5_000;

/** Returns what the rules say about the `attempt`-th opening in a row, in milliseconds. */
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
    // The call that is ending has nothing to do with it, and the breaker must open all the same.
    reportUncaught(error);
    return FALLBACK_OPEN_MS;
  }
}

/** Returns how long to stay open: a duration is used exactly, and `Retry-After` is a lower bound of a backoff's delay. */
export function openForMs({ openFor }: CircuitRules, delayMs: number, outcome: Outcome): number {
  if (typeof openFor === 'number') return delayMs;
  return Math.max(delayMs, Math.min(retryAfterMs(outcome) ?? 0, MAX_RETRY_AFTER_MS));
}
