import { type Bench, bareOperation, operation, ours, peer } from './bench.js';
import { cockatielName } from './cockatiel.js';
import { cockatielBulkhead, type Limiter, ourBulkhead, pLimiter, pQueue, semaphore } from './limiters.js';

/** A slot is free, as nearly always. */
const freeSlot = (limiter: Limiter) => () => {
  const run = limiter(100);
  return () => run(operation);
};

export const bench: Bench = {
  candidates: {
    'await operation()': bareOperation,
    ours: ours(freeSlot(ourBulkhead)),
    [cockatielName]: peer(freeSlot(cockatielBulkhead)),
    'p-limit': peer(freeSlot(pLimiter)),
    'p-queue': peer(freeSlot(pQueue)),
    'async-sema': peer(freeSlot(semaphore)),
  },
  targets: { floor: 2.3, bytes: 250, peers: { [cockatielName]: 0.85, 'p-limit': 0.25 } },
};
