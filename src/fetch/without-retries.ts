import type { PolicyContext } from '../core/context.js';
import type { Classify } from '../core/outcome.js';

/** The calls that must not be repeated, by their judgement, which every policy of a call can see. */
const judgedOnce = /* @__PURE__ */ new WeakSet<Classify>();

/** No failure may be tried again. */
export function withoutRetries(classify: Classify): Classify {
  const once: Classify = (outcome, context) => {
    const verdict = classify(outcome, context);
    return verdict === 'failure' ? 'permanent' : verdict;
  };
  judgedOnce.add(once);
  return once;
}

/** A judgement for `retry` alone, which must not overrule that a call may not be repeated. */
export function respectNoRetry(classify: Classify): Classify {
  return (outcome, context) => {
    const { classify: ofCall } = context as PolicyContext;
    return (judgedOnce.has(ofCall) ? withoutRetries(classify) : classify)(outcome, context);
  };
}
