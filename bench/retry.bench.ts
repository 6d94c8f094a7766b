import { retry } from 'breakwater';
import pRetry from 'p-retry';
import { type Bench, bareOperation, operation, ours, peer } from './bench.js';
import { cockatiel, cockatielName } from './cockatiel.js';

/** The first try succeeds. */
export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    ours: ours(() => {
      const policy = retry();
      return () => policy.execute(operation);
    }),
    [cockatielName]: peer(() => {
      const policy = cockatiel.retry(cockatiel.handleAll, { maxAttempts: 2 });
      return () => policy.execute(operation);
    }),
    'p-retry': peer(() => () => pRetry(operation, { retries: 2 })),
  },
  targets: { floor: 2.5, bytes: 350, peers: { [cockatielName]: 0.6 } },
};
