import { safeGet } from '../core/inspect.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, text } from './judge.js';

/**
 * Judges the errors of the MongoDB driver by their labels, code and class.
 *
 * - `TransientTransactionError` and a write conflict are `throttled`: the transaction can be repeated.
 * - A network error, an unreachable or exhausted server, a change of the primary and a server that shuts down are a
 *   `failure`.
 * - Every other code of the server, such as 11000 for a duplicate key, is a `success`: the server has responded.
 * - Any other error of the driver, such as an invalid argument, is ignored.
 *
 * The driver rejects an aborted operation with the abort reason itself, which no judge recognises.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(mongoErrors()) });
 * ```
 */
export function mongoErrors(): Judge {
  return judgeErrors(judgeMongoError);
}

/** Labels of errors after which the driver itself would repeat an operation. */
const RETRYABLE_LABELS = ['RetryableWriteError', 'RetryableError', 'SystemOverloadedError'] as const;

/**
 * Host unreachable or not found, network timeout, shutdown, change of the primary, not the primary, time limit, stale
 * shard version (Retryable Reads specification; `error_codes.yml` of the server).
 */
const ILL: readonly unknown[] = [
  6, 7, 50, 63, 89, 91, 134, 150, 189, 262, 9001, 10107, 11600, 11602, 13388, 13435, 13436,
];

/** The server's code for a write conflict. */
const WRITE_CONFLICT = 112;

function judgeMongoError(error: object): Verdict | undefined {
  const name = text(error, 'name') ?? '';
  if (!/^Mongo[A-Z]/.test(name)) return undefined;
  const code = safeGet(error, 'code');
  if (hasLabel(error, 'TransientTransactionError') || code === WRITE_CONFLICT) return 'throttled';
  if (ILL.includes(code) || RETRYABLE_LABELS.some((label) => hasLabel(error, label))) return 'failure';
  if (/^Mongo(?:Network|ServerSelection|WaitQueue|PoolCleared|Operation\w*Timeout|TopologyClosed)/.test(name)) {
    return 'failure';
  }
  return typeof code === 'number' ? 'success' : 'ignore';
}

function hasLabel(error: object, label: string): boolean {
  try {
    const { hasErrorLabel } = error as { hasErrorLabel?: (label: string) => boolean };
    return typeof hasErrorLabel === 'function' && hasErrorLabel.call(error, label) === true;
  } catch {
    return false; // an object that only resembles an error of the driver
  }
}
