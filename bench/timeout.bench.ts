import { timeout } from 'breakwater';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';
import { abortOff, asItComes, cockatiel } from './cockatiel.js';

function cockatielTimeout(abortOnReturn: boolean) {
  const policy = cockatiel.timeout(10_000, { strategy: cockatiel.TimeoutStrategy.Aggressive, abortOnReturn });
  return () => policy.execute(operation);
}

export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    ours: ours(() => {
      const policy = timeout('10s');
      return () => policy.execute(operation);
    }),
    [abortOff]: peer(() => cockatielTimeout(false)),
    [asItComes]: peer(() => cockatielTimeout(true)),
  },
  targets: { floor: 6, bytes: 1000, peers: { [abortOff]: 0.1 } },
};
