import { bulkhead, circuitBreaker, pipeline, retry, timeout } from 'breakwater';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';
import { abortOff, asItComes, cockatiel, cockatielFour } from './cockatiel.js';

function cockatielPipeline(abortOnReturn: boolean) {
  const policy = cockatielFour(cockatiel.handleAll, abortOnReturn);
  return () => policy.execute(operation);
}

export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    ours: ours(() => {
      const policy = pipeline(retry(), circuitBreaker(), bulkhead({ maxConcurrent: 100 }), timeout('10s'));
      return () => policy.execute(operation);
    }),
    [abortOff]: peer(() => cockatielPipeline(false)),
    [asItComes]: peer(() => cockatielPipeline(true)),
  },
  targets: { floor: 9, bytes: 1300, peers: { [abortOff]: 0.05, [asItComes]: 0.05 } },
};
