import type { CallContext } from '../core/call-context.js';
import { defaultClassify, type Outcome, type Verdict } from '../core/outcome.js';

/**
 * Judges the outcome of a request over HTTP: 429, 408 and 5xx but 501 (which another attempt does not change) are
 * failures, any other response is a success, a 404 too. Errors are judged by `defaultClassify`. Inside `resilientFetch`, a
 * rejection of its `fetch` is a network error unless it is known to be something else, whatever the platform's wording.
 */
export function classifyResponse(outcome: Outcome, context?: CallContext): Verdict {
  if (!outcome.ok) return defaultClassify(outcome, context);
  const { status } = (outcome.value ?? {}) as { status?: unknown };
  if (typeof status !== 'number') return 'success';
  return (status >= 500 && status !== 501) || status === 429 || status === 408 ? 'failure' : 'success';
}
