import { judgeStatusOf } from '../core/http-status.js';
import { safeGet } from '../core/inspect.js';
import { isNetworkError } from '../core/network-error.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, part, text } from './judge.js';

/**
 * Judges the errors of the AWS SDK for JavaScript, version 3, by their names, their `$retryable` trait and their status.
 *
 * - A throttling error is `throttled`, whatever its status: DynamoDB throttles with status 400, S3 with 503.
 * - A transaction that conflicts with another one is `throttled`.
 * - A network error, a timeout, a status 5xx and an error that the service marks as retryable are a `failure`.
 * - Every other error, such as `ResourceNotFoundException` or `ConditionalCheckFailedException`, is a `success`: the
 *   service has responded.
 *
 * Set `maxAttempts: 1` in the client if `retry` repeats its calls: otherwise the attempts multiply.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(awsErrors()) });
 * ```
 */
export function awsErrors(): Judge {
  return judgeErrors(judgeAwsError);
}

const THROTTLING =
  /^(?:Throttl|TooManyRequests|RequestThrottled|ProvisionedThroughputExceeded|RequestLimitExceeded|BandwidthLimitExceeded|LimitExceededException$|SlowDown|PriorRequestNotComplete|EC2Throttled|TransactionInProgress|TransactionConflict)/;

const TRANSIENT =
  /^(?:RequestTimeout|InternalError|InternalServerError|InternalFailure|ServiceUnavailable|TimeoutError)/;

function judgeAwsError(error: object): Verdict | undefined {
  const isFromService = text(error, '$fault') !== undefined;
  if (part(error, '$metadata') === undefined && !isFromService) return undefined;
  if (isNetworkError(error)) return 'failure'; // the SDK names a reset connection TimeoutError
  const name = text(error, 'name') ?? '';
  const retryable = part(error, '$retryable');
  if (THROTTLING.test(name) || (retryable && safeGet(retryable, 'throttling') === true) || hasConflict(error)) {
    return 'throttled';
  }
  if (retryable !== undefined || TRANSIENT.test(name)) return 'failure';
  const verdict = judgeStatusOf(error);
  if (verdict !== undefined || !isFromService) return verdict;
  return text(error, '$fault') === 'server' ? 'failure' : 'success';
}

/** Whether a canceled transaction of DynamoDB can be repeated: another transaction or a limit was the reason. */
function hasConflict(error: object): boolean {
  const reasons = safeGet(error, 'CancellationReasons');
  if (!Array.isArray(reasons)) return false;
  const codes = reasons.map((reason) => (typeof reason === 'object' && reason !== null ? text(reason, 'Code') : ''));
  if (codes.includes('ConditionalCheckFailed') || codes.includes('ValidationError')) return false;
  return codes.some((code) => THROTTLING.test(code ?? ''));
}
