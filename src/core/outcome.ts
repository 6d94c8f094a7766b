import type { CallContext } from './call-context.js';
import { InvalidOptionError, isResilienceError } from './errors.js';
import { isErrorOfClass } from './inspect.js';
import { isCallerError, isNetworkError, isPeerError } from './network-error.js';

/** How an operation ended. */
export type Outcome<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/**
 * What an outcome says about the dependency and about trying again.
 *
 * - `success`: it is well.
 * - `failure`: it counts against its health, and may be tried again.
 * - `permanent`: it counts against its health, and must not be tried again.
 * - `ignore`: it says nothing about its health and is never tried again; permits are given back.
 */
export type Verdict = 'success' | 'failure' | 'permanent' | 'ignore';

export type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;

/**
 * The shared judgement, used wherever neither the call nor the policy has a `classify` of its own:
 *
 * - A value is a `success`, whatever it is.
 * - An error of this package is ignored, since it is about the policies and not about the dependency. A `TimeoutError` is
 *   a `failure`.
 * - A certificate that is not trusted and a peer that breaks the protocol are `permanent`.
 * - A TypeError, RangeError or ReferenceError that is no network error is a mistake in the calling program and is ignored.
 * - An `AbortError` is ignored if the signal of the call is aborted. Otherwise it is a `failure` like any other error: some
 *   other part of the program, or the dependency, has given the call up.
 *
 * Errors of another realm, such as Jest's, are judged by the names of their classes.
 */
export function defaultClassify(outcome: Outcome, context?: CallContext): Verdict {
  if (outcome.ok) return 'success';
  const { error } = outcome;
  if (isResilienceError(error)) return error.code === 'ERR_TIMEOUT' ? 'failure' : 'ignore';
  if (isProgrammingError(error)) return 'ignore';
  if (isErrorOfClass(error, ['AbortError']) && context?.signal.aborted) return 'ignore';
  return isPeerError(error) ? 'permanent' : 'failure';
}

/**
 * Asks `classify`, and sees to it that it answers with a verdict.
 * @throws what `classify` throws, or InvalidOptionError when it answers with anything else, a promise for instance.
 */
export function judge(owner: string, classify: Classify, outcome: Outcome, context: CallContext): Verdict {
  const verdict = classify(outcome, context);
  if (verdict === 'success' || verdict === 'failure' || verdict === 'permanent' || verdict === 'ignore') return verdict;
  const rule = `must return 'success', 'failure', 'permanent' or 'ignore'`;
  throw new InvalidOptionError(owner, 'classify', rule, verdict);
}

/** Whether an error is a mistake in the calling program, and nothing that the dependency did. */
export function isProgrammingError(error: unknown): boolean {
  if (isCallerError(error)) return true;
  return (
    isErrorOfClass(error, ['TypeError', 'RangeError', 'ReferenceError']) &&
    !isNetworkError(error) &&
    !isPeerError(error)
  );
}
