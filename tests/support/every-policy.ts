import { bulkhead, circuitBreaker, fallback, keyed, type Policy, pipeline, retry, timeout } from 'breakwater';
import { watch } from './promises.js';

/** On the system clock, with no pauses to speak of. */
const policies: Record<string, () => Policy<unknown>> = {
  retry: () => retry({ maxAttempts: 2, backoff: () => 0 }),
  timeout: () => timeout('1m'),
  circuitBreaker: () => circuitBreaker(),
  bulkhead: () => bulkhead({ maxConcurrent: 1, maxQueue: 9 }),
  fallback: () => fallback('an answer', { classify: () => 'ignore' }),
  keyed: () => keyed(() => timeout('1m')),
  pipeline: () =>
    pipeline(
      timeout('1m'),
      retry({ maxAttempts: 2, backoff: () => 0 }),
      circuitBreaker(),
      bulkhead({ maxConcurrent: 1, maxQueue: 9 }),
      timeout('30s'),
    ),
};

export const all = Object.entries(policies);

export const execute = (policy: Policy<unknown>, operation: () => unknown, signal?: AbortSignal) =>
  watch(policy.execute(operation, { key: 'key', signal }));
