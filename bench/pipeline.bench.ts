import { bulkhead, circuitBreaker, pipeline, retry, timeout } from 'breakwater';
import {
  circuitBreaker as cockatielBreaker,
  bulkhead as cockatielBulkhead,
  retry as cockatielRetry,
  timeout as cockatielTimeout,
  handleAll,
  SamplingBreaker,
  TimeoutStrategy,
  wrap,
} from 'cockatiel';
import { bareOperation, type Candidates, operation, ours, peer } from './bench.js';

function cockatiel(abortOnReturn: boolean) {
  const breaker = new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 });
  const policy = wrap(
    cockatielRetry(handleAll, { maxAttempts: 2 }),
    cockatielBreaker(handleAll, { halfOpenAfter: 5_000, breaker }),
    cockatielBulkhead(100),
    cockatielTimeout(10_000, { strategy: TimeoutStrategy.Aggressive, abortOnReturn }),
  );
  return () => policy.execute(operation);
}

export const candidates: Candidates = {
  'await operation()': bareOperation,
  ours: ours(() => {
    const policy = pipeline(retry(), circuitBreaker(), bulkhead({ maxConcurrent: 100 }), timeout('10s'));
    return () => policy.execute(operation);
  }),
  'cockatiel, abortOnReturn off': peer(() => cockatiel(false)),
  'cockatiel, as it comes': peer(() => cockatiel(true)),
};
