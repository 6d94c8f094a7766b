import { retry } from 'breakwater';
import { retry as cockatielRetry, handleAll } from 'cockatiel';
import pRetry from 'p-retry';
import { bareOperation, type Candidates, operation, ours, peer } from './bench.js';

export const candidates: Candidates = {
  'await operation()': bareOperation,
  ours: ours(() => {
    const policy = retry();
    return () => policy.execute(operation);
  }),
  cockatiel: peer(() => {
    const policy = cockatielRetry(handleAll, { maxAttempts: 2 });
    return () => policy.execute(operation);
  }),
  'p-retry': peer(() => () => pRetry(operation, { retries: 2 })),
};
