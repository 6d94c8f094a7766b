/** The two sides of the comparison. They differ in nothing else. */
import { exponentialBackoff, RetryBudget, resilientFetch } from 'breakwater';

/**
 * The time within which a call must have received a whole 2xx response, in milliseconds. Otherwise the call has failed,
 * on either side.
 */
export const CALL_TIMEOUT_MS = 2_000;

/** Sends one request. */
export type Send = (url: string) => Promise<Response>;

/** A state transition of the circuit breaker. */
export interface Transition {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export const plainSend: Send = (url) => fetch(url, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });

export const plainSource = `fetch(url, { signal: AbortSignal.timeout(${CALL_TIMEOUT_MS}) })`;

/**
 * Scales the times of the breaker to the run: the run shows in half a minute what takes an hour in production. All
 * other times are real.
 */
function breakerTimes(durationMs: number) {
  return {
    window: Math.max(1_000, Math.round(durationMs / 10)),
    openFirst: Math.max(100, Math.round(durationMs / 100)),
    openAtMost: Math.max(400, Math.round(durationMs / 30)),
  };
}

const ATTEMPT_MS = 1_000;
const ATTEMPTS = 4;
const RETRY_RATIO = 0.5;

export function resilientSend(durationMs: number, onTransition: (change: Omit<Transition, 'atMs'>) => void): Send {
  const { window, openFirst, openAtMost } = breakerTimes(durationMs);
  return resilientFetch({
    timeout: CALL_TIMEOUT_MS,
    attemptTimeout: ATTEMPT_MS,
    retry: { maxAttempts: ATTEMPTS, budget: new RetryBudget({ ratio: RETRY_RATIO }) },
    circuitBreaker: {
      window: { duration: window },
      openFor: exponentialBackoff({ initial: openFirst, max: openAtMost, jitter: 'equal' }),
    },
    on: { stateChange: ({ from, to, reason }) => onTransition({ from, to, reason }) },
  });
}

export function resilientSource(durationMs: number): string {
  const { window, openFirst, openAtMost } = breakerTimes(durationMs);
  return `resilientFetch({
  timeout: ${CALL_TIMEOUT_MS},
  attemptTimeout: ${ATTEMPT_MS},
  retry: { maxAttempts: ${ATTEMPTS}, budget: new RetryBudget({ ratio: ${RETRY_RATIO} }) },
  circuitBreaker: {
    window: { duration: ${window} },
    openFor: exponentialBackoff({ initial: ${openFirst}, max: ${openAtMost}, jitter: 'equal' }),
  },
})(url)`;
}

export const scalingNote =
  "The breaker's times are scaled to the run: window 1/10, openFor 1/100 to 1/30.\n" +
  'Every other time is real, and every option that is not listed has its default.';
