import type { CallContext } from './call-context.js';
import { InvalidOptionError, isResilienceError, unwrapImitation } from './errors.js';
import { headersOf } from './header-fields.js';
import { isErrorStatus, judgeStatus, judgeStatusOf } from './http-status.js';
import { isErrorOfClass, safeGet } from './inspect.js';
import { isCallerError, isNetworkError, isPeerError } from './network-error.js';

/** The outcome of an operation: a value or an error. */
export type Outcome<T = unknown> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/**
 * The judgement of an outcome: what it means for the health of the dependency and for retries.
 *
 * - `success`: the dependency is healthy.
 * - `failure`: counts against the health of the dependency; the call may be retried.
 * - `permanent`: counts against the health of the dependency; the call must not be retried.
 * - `throttled`: the dependency is healthy and asks for fewer calls or for another attempt (status 429, a serialization
 *   failure): counts as a success for its health; the call may be retried.
 * - `ignore`: says nothing about the health of the dependency; the call is not retried, and its permits are released.
 */
export type Verdict = 'success' | 'failure' | 'permanent' | 'throttled' | 'ignore';

/** Judges an outcome. Must return a verdict synchronously. */
export type Classify<T = unknown> = (outcome: Outcome<T>, context: CallContext) => Verdict;

/**
 * Judges an outcome. Used wherever neither the call nor the policy has a `classify` of its own.
 *
 * - A value with an HTTP error status in `statusCode`, such as a response of `undici.request`, is judged by that status.
 *   Any other value is a `success`, regardless of its content. `classifyResponse` judges the responses of `fetch`.
 * - A `TimeoutError` is a `failure`. Any other error of this package is ignored: it comes from a policy, not from the
 *   dependency. The same is true if the error is the cause of a TypeError: `fetch` wraps the errors of a dispatcher.
 * - An injected `ChaosError` is judged like the error that it imitates.
 * - An untrusted certificate and a peer that violates the protocol are `permanent`.
 * - An error with an HTTP status, as client libraries throw it, is judged by the status: 429 is `throttled`; 408 and 5xx
 *   except 501 are failures; any other 4xx is a `success`, because the server is healthy. It is thrown unchanged and not
 *   retried. The status is read from `status` and `statusCode` of the error and of its `response`, and from
 *   `$metadata.httpStatusCode`.
 * - A TypeError, RangeError or ReferenceError that is not a network error is a mistake in the calling program and is
 *   ignored.
 * - An `AbortError`, or the corresponding error of axios, OpenAI or Anthropic, is ignored if the signal of the call is
 *   aborted. Otherwise it is a `failure` like any other error: another part of the program, or the dependency, has
 *   aborted the operation.
 *
 * Errors of another realm, such as Jest's, are recognised by the names of their classes.
 *
 * @example
 * ```ts
 * const classify: Classify = (outcome, context) =>
 *   outcome.ok && outcome.value === null ? 'failure' : defaultClassify(outcome, context);
 * const policy = retry({ classify });
 * ```
 */
export function defaultClassify(outcome: Outcome, context?: CallContext): Verdict {
  if (outcome.ok) return judgeValue(outcome.value);
  const error = unwrapImitation(unwrapFetchError(outcome.error));
  if (isResilienceError(error)) return error.code === 'ERR_TIMEOUT' ? 'failure' : 'ignore';
  if (isProgrammingError(error)) return 'ignore';
  if (isErrorOfClass(error, ABORT_ERRORS) && context?.signal.aborted) return 'ignore';
  if (isPeerError(error)) return 'permanent';
  return judgeStatusOf(error) ?? 'failure';
}

/** The errors of an aborted request: those of the platform, axios, and the SDKs of OpenAI and Anthropic. */
const ABORT_ERRORS: readonly string[] = ['AbortError', 'CanceledError', 'APIUserAbortError'];

/** Returns the error of this package that a TypeError has as its cause; the error itself if it has none. */
function unwrapFetchError(error: unknown): unknown {
  if (!isErrorOfClass(error, ['TypeError']) || isResilienceError(error)) return error;
  const cause = safeGet(error as object, 'cause');
  return isResilienceError(cause) ? cause : error;
}

/**
 * Judges a value as `defaultClassify` does. Only a response with an error status in `statusCode` is anything but a
 * success.
 */
export function judgeValue(value: unknown): Verdict {
  if (typeof value !== 'object' || value === null) return 'success';
  try {
    const { statusCode } = value as { statusCode?: unknown };
    if (statusCode === undefined || !isErrorStatus(statusCode)) return 'success'; // the first check is the fast one
    return judgeStatus(statusCode, headersOf(value)?.('x-should-retry'));
  } catch {
    return 'success'; // a getter has thrown
  }
}

/**
 * Calls `classify` and checks that the result is a verdict.
 * @throws the error that `classify` throws, or InvalidOptionError if it returns anything but a verdict, such as a
 * promise.
 */
export function judge(owner: string, classify: Classify, outcome: Outcome, context: CallContext): Verdict {
  const verdict = classify(outcome, context);
  switch (verdict) {
    case 'success':
    case 'failure':
    case 'permanent':
    case 'throttled':
    case 'ignore':
      return verdict;
  }
  const rule = `must return 'success', 'failure', 'permanent', 'throttled' or 'ignore'`;
  throw new InvalidOptionError(owner, 'classify', rule, verdict);
}

/** Whether an error is a mistake in the calling program and not a failure of the dependency. */
export function isProgrammingError(error: unknown): boolean {
  if (isCallerError(error)) return true;
  return (
    isErrorOfClass(error, ['TypeError', 'RangeError', 'ReferenceError']) &&
    !isNetworkError(error) &&
    !isPeerError(error)
  );
}
