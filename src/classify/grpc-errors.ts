import { headersOf } from '../core/header-fields.js';
import { safeGet } from '../core/inspect.js';
import type { Verdict } from '../core/outcome.js';
import { type Judge, judgeErrors, part, text } from './judge.js';

/**
 * Judges the errors of gRPC clients by their status code: those of @grpc/grpc-js, nice-grpc and Connect.
 *
 * - `RESOURCE_EXHAUSTED` and `ABORTED` are `throttled`.
 * - `UNAVAILABLE`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNKNOWN` and `DATA_LOSS` are a `failure`.
 * - `CANCELLED` is ignored. So is a call on a channel that the program has closed.
 * - Every other code, such as `NOT_FOUND`, is a `success`: the server has responded.
 *
 * If the server forbids a retry with a negative or malformed `grpc-retry-pushback-ms` (gRFC A6), a `failure` becomes
 * `permanent` and a `throttled` call a `success`. Any other value is a lower bound of the delay of `retry`, with every
 * judge.
 *
 * @example
 * ```ts
 * const policy = retry({ classify: firstOf(grpcErrors()) });
 * ```
 */
export function grpcErrors(): Judge {
  return judgeErrors(judgeGrpcError);
}

/** The verdicts of the status codes that are not a success: CANCELLED is 1, UNAVAILABLE is 14. */
const VERDICTS: { readonly [code: number]: Verdict } = {
  1: 'ignore',
  2: 'failure',
  4: 'failure',
  8: 'throttled',
  10: 'throttled',
  13: 'failure',
  14: 'failure',
  15: 'failure',
};

function judgeGrpcError(error: object): Verdict | undefined {
  if (text(error, 'message') === 'Channel has been shut down') return 'ignore';
  const code = safeGet(error, 'code');
  if (!Number.isInteger(code) || (code as number) < 1 || (code as number) > 16 || !isGrpcError(error)) return undefined;
  const verdict = VERDICTS[code as number] ?? 'success';
  if (!forbidsRetry(error)) return verdict;
  if (verdict === 'failure') return 'permanent';
  return verdict === 'throttled' ? 'success' : verdict;
}

/**
 * Whether an error has the other marks of a gRPC error. Small numbers are codes in other libraries too, such as
 * `DOMException` and Kafka.
 */
function isGrpcError(error: object): boolean {
  if (text(error, 'name') === 'ConnectError') return true;
  const isOfCall = part(error, 'metadata') !== undefined || text(error, 'path') !== undefined;
  return text(error, 'details') !== undefined && isOfCall;
}

function forbidsRetry(error: object): boolean {
  const pushback = headersOf(error)?.('grpc-retry-pushback-ms');
  return typeof pushback === 'string' && !/^\d+$/.test(pushback);
}
