import { type Bench, floor, ours, peer } from './bench.js';
import { burst, ourBulkhead, pLimiter, semaphore } from './limiters.js';

const TASKS = 1_000_000;

/**
 * Whether a task costs more when the queue is longer: the floor is ours, with as many tasks in bursts of 10,000. Without
 * cockatiel, whose queue is an array that is shifted; with a million in it, that does not end within minutes.
 */
export const bench: Bench = {
  measured: 'large bursts',
  unit: 'task',
  perUse: TASKS,
  candidates: {
    'ours in bursts of 10,000': floor(() => {
      const use = burst(ourBulkhead, 10_000)();
      return async () => {
        for (let tasks = 0; tasks < TASKS; tasks += 10_000) await use();
      };
    }),
    ours: ours(burst(ourBulkhead, TASKS)),
    'p-limit': peer(burst(pLimiter, TASKS)),
    'async-sema': peer(burst(semaphore, TASKS)),
  },
  targets: { floor: 2 },
};
