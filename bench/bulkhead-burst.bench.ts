import { Sema } from 'async-sema';
import { bulkhead } from 'breakwater';
import { bulkhead as cockatielBulkhead } from 'cockatiel';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { type Candidates, floor, operation, ours, peer } from './bench.js';

const TASKS = 10_000;
const AT_ONCE = 10;

/** All tasks at once; the figures are for the whole burst. */
const burst = (run: (task: () => Promise<number>) => Promise<unknown>) => () =>
  Promise.all(Array.from({ length: TASKS }, () => run(operation)));

export const candidates: Candidates = {
  'Promise.all of 10,000': floor(() => burst((task) => task())),
  ours: ours(() => {
    const policy = bulkhead({ maxConcurrent: AT_ONCE, maxQueue: Infinity });
    return burst((task) => policy.execute(task));
  }),
  cockatiel: peer(() => {
    const policy = cockatielBulkhead(AT_ONCE, Number.MAX_SAFE_INTEGER);
    return burst((task) => policy.execute(task));
  }),
  'p-limit': peer(() => {
    const limit = pLimit(AT_ONCE);
    return burst((task) => limit(task));
  }),
  'p-queue': peer(() => {
    const queue = new PQueue({ concurrency: AT_ONCE });
    return burst((task) => queue.add(task));
  }),
  'async-sema': peer(() => {
    const sema = new Sema(AT_ONCE);
    return burst(async (task) => {
      await sema.acquire();
      try {
        return await task();
      } finally {
        sema.release();
      }
    });
  }),
};
