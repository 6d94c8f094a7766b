import type { CallContext } from '../core/call-context.js';
import { isErrorOfClass, safeGet } from '../core/inspect.js';
import { isNetworkError, isPeerError } from '../core/network-error.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, text } from './judge.js';

/**
 * Judges the errors of Node.js itself: of sockets, DNS, files and streams.
 *
 * - A network error, a failure of the disk and a DNS server that fails are a `failure`.
 * - An invalid certificate and a violated protocol are `permanent`.
 * - `EMFILE`, `ENFILE`, `EAGAIN` and `EBUSY` are `throttled`: a resource is in use and will be released.
 * - Every other error of the file system, such as `ENOENT`, and a DNS name without the record are a `success`: the file
 *   system or the DNS server has responded.
 * - A misuse of an API, such as a write after the end of a stream, is ignored.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(nodeErrors()) });
 * ```
 */
export function nodeErrors(): Judge {
  return judgeErrors(judgeNodeError);
}

const BUSY: readonly unknown[] = ['EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ETXTBSY'];

/** Errors of the disk, and of DNS servers (c-ares). */
const ILL: readonly unknown[] = [
  ...['EIO', 'ENOSPC', 'EDQUOT', 'ESTALE', 'EROFS', 'ENXIO', 'ENODEV', 'ENOMEM'],
  ...['ESERVFAIL', 'EREFUSED', 'ETIMEOUT', 'EBADRESP', 'EFORMERR', 'ENOTIMP', 'ENONAME', 'EBADQUERY'],
];

/** The answers of a healthy file system or DNS server. */
const ANSWERS: readonly unknown[] = [
  ...['ENOENT', 'EEXIST', 'EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EACCES', 'EPERM', 'ENAMETOOLONG', 'ELOOP', 'EXDEV'],
  ...['EFBIG', 'EMLINK', 'ENODATA'],
];

/** Codes of a misuse of an API, of which most are TypeErrors or RangeErrors. */
const MISUSE =
  /^ERR_(?:INVALID_|MISSING_|OUT_OF_RANGE|METHOD_NOT_IMPLEMENTED|USE_AFTER_CLOSE|MULTIPLE_CALLBACK|STREAM_(?:WRITE_AFTER_END|DESTROYED|ALREADY_FINISHED|CANNOT_PIPE|PUSH_AFTER_EOF|NULL_VALUES)|SERVER_ALREADY_LISTEN|DIR_CLOSED)/;

function judgeNodeError(error: object, context: CallContext): Verdict | undefined {
  if (isPeerError(error)) return 'permanent';
  if (isNetworkError(error)) return 'failure';
  const code = text(error, 'code');
  if (code === 'ABORT_ERR' || code === 'ECANCELLED' || isErrorOfClass(error, ['AbortError'])) {
    return context.signal.aborted ? 'ignore' : undefined;
  }
  if (code !== undefined && MISUSE.test(code)) return 'ignore';
  // Other libraries use such codes too: a system error also names the system call.
  if (text(error, 'syscall') === undefined && typeof safeGet(error, 'errno') !== 'number') return undefined;
  if (BUSY.includes(code)) return 'throttled';
  if (ILL.includes(code)) return 'failure';
  return ANSWERS.includes(code) ? 'success' : undefined;
}
