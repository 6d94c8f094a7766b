import type { CallContext } from '../core/call-context.js';
import { defaultClassify, type Outcome, type Verdict } from '../core/outcome.js';

/**
 * Judges the outcome of an HTTP request. The status 429 is `throttled`. The statuses 408 and 5xx are failures, except
 * 501, which a retry does not change. Any other response is a success, including a 404. Errors are judged by `defaultClassify`. Inside
 * `resilientFetch`, a rejection of its `fetch` is a network error unless it is known to be something else, regardless
 * of the platform's error message.
 *
 * @example
 * ```ts
 * const policy = circuitBreaker({ classify: classifyResponse });
 * const response = await policy.execute(({ signal }) => fetch('https://example.com', { signal }));
 * ```
 */
export function classifyResponse(outcome: Outcome, context?: CallContext): Verdict {
  if (!outcome.ok) return defaultClassify(outcome, context);
  const { status } = (outcome.value ?? {}) as { status?: unknown };
  if (typeof status !== 'number') return 'success';
  if (status === 429) return 'throttled';
  return (status >= 500 && status !== 501) || status === 408 ? 'failure' : 'success';
}
