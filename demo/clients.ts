/** The two sides of the comparison. This is all that differs between them. */
import { exponentialBackoff, RetryBudget, resilientFetch } from 'breakwater';

/** A call that has not brought a whole 2xx answer by then has failed, on either side. */
export const PATIENCE_MS = 2_000;

export type Send = (url: string) => Promise<Response>;

export interface Transition {
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
}

export const plainSend: Send = (url) => fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) });

export const plainSource = `fetch(url, { signal: AbortSignal.timeout(${PATIENCE_MS}) })`;

/** The breaker's times follow the run, as an hour's outage would be told in half a minute; all others are real. */
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
    timeout: PATIENCE_MS,
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
  timeout: ${PATIENCE_MS},
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
  'Every other time is real, and what is not listed is the default.';
