import { circuitBreaker } from 'breakwater';
import CircuitBreaker from 'opossum';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';
import { cockatiel, cockatielName } from './cockatiel.js';

const { ConsecutiveBreaker, handleAll, SamplingBreaker } = cockatiel;
const sampling = `${cockatielName} sampling`;
const consecutive = `${cockatielName} consecutive`;
const opossum = 'opossum, no timeout';

export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    'ours, time window': ours(() => {
      const breaker = circuitBreaker();
      return () => breaker.execute(operation);
    }),
    'ours, count window': ours(() => {
      const breaker = circuitBreaker({ window: { calls: 100 } });
      return () => breaker.execute(operation);
    }),
    [sampling]: peer(() => {
      const breaker = new SamplingBreaker({ threshold: 0.5, duration: 30_000, minimumRps: 1 });
      const policy = cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker });
      return () => policy.execute(operation);
    }),
    [consecutive]: peer(() => {
      const breaker = new ConsecutiveBreaker(5);
      const policy = cockatiel.circuitBreaker(handleAll, { halfOpenAfter: 5_000, breaker });
      return () => policy.execute(operation);
    }),
    [opossum]: peer(() => {
      const breaker = new CircuitBreaker(operation, { timeout: false, rollingPercentilesEnabled: false });
      return () => breaker.fire();
    }),
  },
  targets: { floor: 2.5, bytes: 350, peers: { [sampling]: 0.65, [consecutive]: 0.65, [opossum]: 0.3 } },
};
