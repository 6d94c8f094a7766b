import { headersOf } from './header-fields.js';
import { safeGet } from './inspect.js';

/** The judgement of an HTTP status: the verdicts that a status can lead to. */
type StatusVerdict = 'success' | 'failure' | 'permanent' | 'throttled';

/**
 * Judges the status of an HTTP response. 429 is `throttled`. 408 and 5xx are failures, except 501, which a retry does
 * not change. Any other status is a `success`: the server is healthy.
 *
 * The field `x-should-retry` of OpenAI and Anthropic decides whether an error response is repeated: `true` makes a 4xx
 * `throttled` and a 5xx a failure; `false` makes a failure `permanent`, and a 429 a success, which is not repeated.
 *
 * @param shouldRetry - the field `x-should-retry`; null or undefined if the response does not have it.
 */
export function judgeStatus(status: number, shouldRetry: string | null | undefined): StatusVerdict {
  if (status < 400) return 'success';
  if (status === 429) return shouldRetry === 'false' ? 'success' : 'throttled';
  if (status >= 500 || status === 408) {
    if (shouldRetry === 'false') return 'permanent';
    return status === 501 && shouldRetry !== 'true' ? 'success' : 'failure';
  }
  return shouldRetry === 'true' ? 'throttled' : 'success';
}

/** Judges an error by the HTTP status that it carries. Returns undefined if it carries none from 400. */
export function judgeStatusOf(error: unknown): StatusVerdict | undefined {
  const status = errorStatus(error);
  return status === undefined ? undefined : judgeStatus(status, headersOf(error as object)?.('x-should-retry'));
}

/**
 * Returns the HTTP status from 400 that an error carries. Client libraries keep it in `status` or `statusCode` of the
 * error or of its `response`, or in `$metadata.httpStatusCode` (AWS). A status below 400 is skipped: the error concerns
 * something that happened after the headers, such as a body that was cut off. Anything but an integer is no status.
 */
export function errorStatus(error: unknown): number | undefined {
  if (!isObject(error)) return undefined;
  const metadata = safeGet(error, '$metadata');
  const statuses = [
    ...statusesOf(error),
    ...statusesOf(safeGet(error, 'response')),
    isObject(metadata) ? safeGet(metadata, 'httpStatusCode') : undefined,
  ];
  return statuses.find(isErrorStatus);
}

function statusesOf(holder: unknown): unknown[] {
  return isObject(holder) ? [safeGet(holder, 'status'), safeGet(holder, 'statusCode')] : [];
}

/** Whether the value is the status of an error response. */
export function isErrorStatus(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 400 && (value as number) <= 599;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
