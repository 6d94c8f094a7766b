import { circuitBreaker } from 'breakwater';
import { ConsecutiveBreaker, circuitBreaker as cockatielBreaker, handleAll, SamplingBreaker } from 'cockatiel';
import CircuitBreaker from 'opossum';
import { bareOperation, type Candidates, operation, ours, peer } from './bench.js';

export const candidates: Candidates = {
  'await operation()': bareOperation,
  'ours, time window': ours(() => {
    const breaker = circuitBreaker();
    return () => breaker.execute(operation);
  }),
  'ours, count window': ours(() => {
    const breaker = circuitBreaker({ window: { calls: 100 } });
    return () => breaker.execute(operation);
  }),
  'cockatiel sampling': peer(() => {
    const breaker = new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 });
    const policy = cockatielBreaker(handleAll, { halfOpenAfter: 5_000, breaker });
    return () => policy.execute(operation);
  }),
  'cockatiel consecutive': peer(() => {
    const policy = cockatielBreaker(handleAll, { halfOpenAfter: 5_000, breaker: new ConsecutiveBreaker(5) });
    return () => policy.execute(operation);
  }),
  'opossum, no timeout': peer(() => {
    const breaker = new CircuitBreaker(operation, { timeout: false, rollingPercentilesEnabled: false });
    return () => breaker.fire();
  }),
};
