import { type Bench, floor, ours, peer } from './bench.js';
import { cockatielName } from './cockatiel.js';
import { burst, cockatielBulkhead, ourBulkhead, pLimiter, pQueue, semaphore } from './limiters.js';

const TASKS = 10_000;

export const bench: Bench = {
  unit: 'task',
  perUse: TASKS,
  candidates: {
    'Promise.all of 10,000': floor(burst(() => (task) => task(), TASKS)),
    ours: ours(burst(ourBulkhead, TASKS)),
    [cockatielName]: peer(burst(cockatielBulkhead, TASKS)),
    'p-limit': peer(burst(pLimiter, TASKS)),
    'p-queue': peer(burst(pQueue, TASKS)),
    'async-sema': peer(burst(semaphore, TASKS)),
  },
  targets: { peers: { 'p-limit': 0.65, 'async-sema': 0.85 } },
};
