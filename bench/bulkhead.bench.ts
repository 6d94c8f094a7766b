import { Sema } from 'async-sema';
import { bulkhead } from 'breakwater';
import { bulkhead as cockatielBulkhead } from 'cockatiel';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { bareOperation, type Candidates, operation, ours, peer } from './bench.js';

export const candidates: Candidates = {
  'await operation()': bareOperation,
  ours: ours(() => {
    const policy = bulkhead({ maxConcurrent: 100 });
    return () => policy.execute(operation);
  }),
  cockatiel: peer(() => {
    const policy = cockatielBulkhead(100);
    return () => policy.execute(operation);
  }),
  'p-limit': peer(() => {
    const limit = pLimit(100);
    return () => limit(operation);
  }),
  'p-queue': peer(() => {
    const queue = new PQueue({ concurrency: 100 });
    return () => queue.add(operation);
  }),
  'async-sema': peer(() => {
    const sema = new Sema(100);
    return async () => {
      await sema.acquire();
      try {
        return await operation();
      } finally {
        sema.release();
      }
    };
  }),
};
