import type { ResilienceErrorCode } from '../core/errors.js';
import { isResilienceError, unwrapImitation } from '../core/errors.js';
import { safeGet } from '../core/inspect.js';

/** A problem document (RFC 9457): a response that describes an error for programs and for people. */
export interface Problem {
  /** The HTTP status code. */
  readonly status: number;
  /** JSON of the type `application/problem+json`. */
  readonly body: string;
}

/** A problem document with all header fields of its response. */
export interface ProblemResponse extends Problem {
  /** The header fields, with names in lower case: `content-type`, and `retry-after` if the time is known. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The media type of problem documents. */
export const PROBLEM_JSON = 'application/problem+json';

/** The problem type of draft-ietf-httpapi-ratelimit-headers-10, section 5.1. */
export function quotaExceeded(status: number, policy: string, detail: string | undefined): Problem {
  const body = {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    status,
    detail,
    'violated-policies': [policy],
  };
  return { status, body: JSON.stringify(body) };
}

/** The response to a request without a key, if `onMissingKey` is 'reject'. */
export function missingKeyProblem(): Problem {
  const detail = 'The request has no key that it could be counted for.';
  return { status: 400, body: JSON.stringify({ type: 'about:blank', title: 'Bad Request', status: 400, detail }) };
}

/** The status, and a text for people, of each error. No text of the error is used: it may name internal addresses. */
const PROBLEMS: Readonly<Record<ResilienceErrorCode, readonly [status: number, detail: string | undefined]>> = {
  ERR_SHED: [503, 'The service is overloaded and has rejected the request.'],
  ERR_BULKHEAD_FULL: [503, 'Too many requests are being processed.'],
  ERR_QUEUE_TIMEOUT: [503, 'The request has waited too long in a queue.'],
  ERR_CIRCUIT_OPEN: [503, 'A dependency of the service is unavailable.'],
  ERR_NO_HEALTHY_NODE: [503, 'A dependency of the service is unavailable.'],
  ERR_CLOSED: [503, 'The service is shutting down.'],
  ERR_RATE_LIMITED: [429, 'A rate limit is exhausted.'],
  ERR_TIMEOUT: [504, 'A dependency of the service did not respond in time.'],
  ERR_DEADLINE: [504, 'Too little time was left for the request.'],
  ERR_LOST_WRITES: [500, undefined],
  ERR_CHAOS: [500, undefined],
  ERR_INVALID_OPTION: [500, undefined],
};

const TITLES: Readonly<Record<number, string>> = {
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/**
 * Returns the problem document (RFC 9457) for an error, with the status and the header fields of its response:
 *
 * - 503 for `ShedError`, `BulkheadFullError`, `QueueTimeoutError`, `CircuitOpenError`, `NoHealthyNodeError` and
 *   `ClosedError`;
 * - 504 for `TimeoutError` and `DeadlineExceededError`;
 * - 429 for `RateLimitedError`;
 * - 500 for every other error of this package, and for any other value.
 *
 * `Retry-After` is set if the error has a `retryAfterMs`. The document contains no text of the error, since messages may
 * name internal services. Never throws.
 *
 * @example
 * ```ts
 * import express from 'express';
 *
 * const app = express();
 * app.use((error: unknown, _request: express.Request, response: express.Response, next: express.NextFunction) => {
 *   if (response.headersSent) return next(error);
 *   const { status, headers, body } = toProblem(error);
 *   response.writeHead(status, headers).end(body);
 * });
 * ```
 */
export function toProblem(error: unknown): ProblemResponse {
  const cause = unwrapImitation(error);
  const known = isResilienceError(cause) && Object.hasOwn(PROBLEMS, cause.code) ? PROBLEMS[cause.code] : undefined;
  const [status, detail] = known ?? [500, undefined];
  const body = JSON.stringify({ type: 'about:blank', title: TITLES[status], status, detail });
  const seconds = status === 500 ? undefined : secondsUntil(safeGet(cause as object, 'retryAfterMs'));
  const headers = { 'content-type': PROBLEM_JSON };
  return { status, headers: seconds === undefined ? headers : { ...headers, 'retry-after': seconds }, body };
}

/** Returns whole seconds, at least 1; undefined without a finite time. */
function secondsUntil(ms: unknown): string | undefined {
  if (typeof ms !== 'number' || !(ms >= 0) || ms > MAX_RETRY_AFTER_MS) return undefined;
  return String(Math.max(1, Math.ceil(ms / 1000)));
}

/** The longest time that is sent in `Retry-After`: beyond a day, the time is a guess. */
const MAX_RETRY_AFTER_MS = 86_400_000;
