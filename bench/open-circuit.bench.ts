import { circuitBreaker } from 'breakwater';
import { ConsecutiveBreaker, circuitBreaker as cockatielBreaker, handleAll } from 'cockatiel';
import CircuitBreaker from 'opossum';
import { type Candidates, floor, operation, ours, peer } from './bench.js';

const error = new Error('made before');

export const candidates: Candidates = {
  'await Promise.reject(error)': floor(() => () => Promise.reject(error)),
  ours: ours(() => {
    const breaker = circuitBreaker({ initialState: 'open', openFor: '1h' });
    return () => breaker.execute(operation);
  }),
  cockatiel: peer(() => {
    const policy = cockatielBreaker(handleAll, { halfOpenAfter: 3_600_000, breaker: new ConsecutiveBreaker(1) });
    policy.isolate();
    return () => policy.execute(operation);
  }),
  opossum: peer(() => {
    const breaker = new CircuitBreaker(operation, { timeout: false, resetTimeout: 3_600_000 });
    breaker.open();
    return () => breaker.fire();
  }),
};
