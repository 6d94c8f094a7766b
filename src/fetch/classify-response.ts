import type { CallContext } from '../core/call-context.js';
import { judgeStatus } from '../core/http-status.js';
import { defaultClassify, type Outcome, type Verdict } from '../core/outcome.js';

/**
 * Judges the outcome of an HTTP request. The status 429 is `throttled`. The statuses 408 and 5xx are failures, except
 * 501, which a retry does not change. Any other response is a success, including a 404. Errors are judged by
 * `defaultClassify`. Inside `resilientFetch`, a rejection of its `fetch` is a network error unless it is known to be
 * something else, regardless of the platform's error message.
 *
 * The field `x-should-retry` of OpenAI and Anthropic decides whether an error response is repeated: `true` makes a 4xx
 * `throttled` and a 5xx a failure; `false` makes a failure `permanent`, and a 429 a success, which is not repeated.
 *
 * @example
 * ```ts
 * const policy = circuitBreaker({ classify: classifyResponse });
 * const response = await policy.execute(({ signal }) => fetch('https://example.com', { signal }));
 * ```
 */
export function classifyResponse(outcome: Outcome, context?: CallContext): Verdict {
  if (!outcome.ok) return defaultClassify(outcome, context);
  const response = (outcome.value ?? {}) as Partial<Response>;
  const { status } = response;
  if (typeof status !== 'number' || status < 400) return 'success';
  return judgeStatus(status, fieldOf(response, 'x-should-retry'));
}

/** Returns a header field; null if the response lacks it, or is no complete response. */
function fieldOf({ headers }: Partial<Response>, name: string): string | null {
  return typeof headers?.get === 'function' ? headers.get(name) : null;
}
