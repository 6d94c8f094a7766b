import { type Bench, operation, ours, peer } from './bench.js';
import { cockatielName } from './cockatiel.js';
import { cockatielBulkhead, type Limiter, ourBulkhead, pLimiter, pQueue, semaphore } from './limiters.js';

/** The one slot is taken, for ever. The promise that each waiter's caller has is part of the price. */
const waiters = (limiter: Limiter) => (count: number) => {
  const run = limiter(1);
  void run(() => new Promise(() => {}));
  return [run, Array.from({ length: count }, () => run(operation))];
};

export const bench: Bench = {
  measured: 'memory',
  unit: 'waiter',
  count: 10_000,
  candidates: {
    ours: ours(waiters(ourBulkhead)),
    [cockatielName]: peer(waiters(cockatielBulkhead)),
    'p-limit': peer(waiters(pLimiter)),
    'p-queue': peer(waiters(pQueue)),
    'async-sema': peer(waiters(semaphore)),
  },
  targets: { bytes: 700 },
};
