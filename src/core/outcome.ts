import type { CallContext } from './call-context.js';
import { InvalidOptionError, isResilienceError } from './errors.js';
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
 * - A value is a `success`, regardless of its content.
 * - A `TimeoutError` is a `failure`. Any other error of this package is ignored: it comes from a policy, not from the
 *   dependency. The same is true if the error is the cause of a TypeError: `fetch` wraps the errors of a dispatcher.
 * - An untrusted certificate and a peer that violates the protocol are `permanent`.
 * - An error with an HTTP status, as client libraries throw it, is judged by the status: 429 is `throttled`, and any
 *   other 4xx except 408 is a `success`, because the server is healthy. It is thrown unchanged and not retried.
 * - A TypeError, RangeError or ReferenceError that is not a network error is a mistake in the calling program and is
 *   ignored.
 * - An `AbortError` is ignored if the signal of the call is aborted. Otherwise it is a `failure` like any other error:
 *   another part of the program, or the dependency, has aborted the operation.
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
  if (outcome.ok) return 'success';
  const error = unwrapFetchError(outcome.error);
  if (isResilienceError(error)) return error.code === 'ERR_TIMEOUT' ? 'failure' : 'ignore';
  if (isProgrammingError(error)) return 'ignore';
  if (isErrorOfClass(error, ['AbortError']) && context?.signal.aborted) return 'ignore';
  if (isPeerError(error)) return 'permanent';
  const status = statusOf(error);
  if (status === undefined || status === 408 || status < 400 || status >= 500) return 'failure';
  return status === 429 ? 'throttled' : 'success';
}

/** Returns the error of this package that a TypeError has as its cause; the error itself if it has none. */
function unwrapFetchError(error: unknown): unknown {
  if (!isErrorOfClass(error, ['TypeError']) || isResilienceError(error)) return error;
  const cause = safeGet(error as object, 'cause');
  return isResilienceError(cause) ? cause : error;
}

/**
 * Returns the HTTP status that an error carries: in `status` or `statusCode`, or in those of its `response`. Undefined
 * if it carries none.
 */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  for (const holder of [error, safeGet(error, 'response')]) {
    if (typeof holder !== 'object' || holder === null) continue;
    const status = safeGet(holder, 'status') ?? safeGet(holder, 'statusCode');
    if (typeof status === 'number') return status;
  }
  return undefined;
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
