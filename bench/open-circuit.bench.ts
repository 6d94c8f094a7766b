import { circuitBreaker } from 'breakwater';
import CircuitBreaker from 'opossum';
import { type Bench, floor, operation, ours, peer } from './bench.js';
import { cockatiel, cockatielName } from './cockatiel.js';

const error = new Error('made before');

export const bench: Bench = {
  unit: 'refusal',
  rejects: true,
  candidates: {
    'await Promise.reject(error)': floor(() => () => Promise.reject(error)),
    ours: ours(() => {
      const breaker = circuitBreaker({ initialState: 'open', openFor: '1h' });
      return () => breaker.execute(operation);
    }),
    [cockatielName]: peer(() => {
      const breaker = new cockatiel.ConsecutiveBreaker(1);
      const policy = cockatiel.circuitBreaker(cockatiel.handleAll, { halfOpenAfter: 3_600_000, breaker });
      policy.isolate();
      return () => policy.execute(operation);
    }),
    opossum: peer(() => {
      const breaker = new CircuitBreaker(operation, { timeout: false, resetTimeout: 3_600_000 });
      breaker.open();
      return () => breaker.fire();
    }),
  },
  targets: { ns: 600, peers: { [cockatielName]: 0.2, opossum: 0.2 } },
};
