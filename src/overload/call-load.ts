import type { PolicyContext } from '../core/context.js';
import { isResilienceError, isStalledTimeout, unwrapImitation } from '../core/errors.js';
import { errorStatus, isErrorStatus } from '../core/http-status.js';
import { safeGet } from '../core/inspect.js';
import { type Classify, judge, type Outcome } from '../core/outcome.js';

/**
 * What an outcome shows about the load of the dependency. `normal`: the latency of the call is a sample. `overload`: the
 * call timed out, was throttled, or was answered with status 503 or 429. `unknown`: no sample; a call that fails fast says
 * nothing about how long one takes that succeeds.
 */
export type CallLoad = 'normal' | 'overload' | 'unknown';

/**
 * Judges what an outcome shows about the load of the dependency. A timeout that ends the call from outside counts too,
 * except for a call that has waited for its slot: its wait may have used up the time.
 *
 * @throws the error of `classify`.
 */
export function loadOf(
  owner: string,
  classify: Classify,
  outcome: Outcome,
  context: PolicyContext,
  hasWaited: boolean,
): CallLoad {
  const error = outcome.ok ? undefined : unwrapImitation(outcome.error);
  if (isResilienceError(error, 'ERR_TIMEOUT')) {
    return isStalledTimeout(error) || (context.aborted && hasWaited) ? 'unknown' : 'overload';
  }
  if (context.aborted) return 'unknown';
  const verdict = judge(owner, classify, outcome, context);
  if (verdict === 'throttled') return 'overload';
  if (verdict === 'ignore') return 'unknown';
  const status = statusOf(outcome);
  if (status === 503 || status === 429) return 'overload';
  if (isErrorStatus(status) && status >= 500) return 'unknown';
  return verdict === 'success' ? 'normal' : 'unknown';
}

/** Returns the HTTP status of an outcome: that of an error, or of a value that looks like a response. */
function statusOf(outcome: Outcome): unknown {
  if (!outcome.ok) return errorStatus(unwrapImitation(outcome.error));
  const { value } = outcome;
  if (typeof value !== 'object' || value === null) return undefined;
  const status = safeGet(value, 'status');
  return typeof status === 'number' ? status : safeGet(value, 'statusCode');
}
