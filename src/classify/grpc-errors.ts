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
 * `permanent` and a `throttled` call a `success`.
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
  const pushback = pushbackOf(part(error, 'metadata'));
  return pushback !== undefined && !/^\d+$/.test(pushback);
}

/** Returns the field `grpc-retry-pushback-ms`. The `get` of grpc-js returns an array, that of `Headers` a string. */
function pushbackOf(metadata: object | undefined): string | undefined {
  try {
    const { get } = (metadata ?? {}) as { get?: (name: string) => unknown };
    const value = typeof get === 'function' ? get.call(metadata, 'grpc-retry-pushback-ms') : undefined;
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === 'string' ? first : undefined;
  } catch {
    return undefined; // an object that only resembles metadata
  }
}
