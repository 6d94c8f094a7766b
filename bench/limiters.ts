import { Sema } from 'async-sema';
import { bulkhead } from 'breakwater';
import pLimit from 'p-limit';
import PQueue from 'p-queue';
import { operation, type Use } from './bench.js';
import { cockatiel } from './cockatiel.js';

/** Lets so many tasks run at once, and makes all others wait. */
export type Limiter = (atOnce: number) => Run;
type Run = (task: () => Promise<number>) => Promise<unknown>;

export const ourBulkhead: Limiter = (atOnce) => {
  const policy = bulkhead({ maxConcurrent: atOnce, maxQueue: Infinity });
  return (task) => policy.execute(task);
};

export const cockatielBulkhead: Limiter = (atOnce) => {
  const policy = cockatiel.bulkhead(atOnce, Number.MAX_SAFE_INTEGER);
  return (task) => policy.execute(task);
};

export const pLimiter: Limiter = (atOnce) => pLimit(atOnce);

export const pQueue: Limiter = (atOnce) => {
  const queue = new PQueue({ concurrency: atOnce });
  return (task) => queue.add(task);
};

export const semaphore: Limiter = (atOnce) => {
  const sema = new Sema(atOnce);
  return async (task) => {
    await sema.acquire();
    try {
      return await task();
    } finally {
      sema.release();
    }
  };
};

/** All tasks at once: nearly all of them wait. */
export const burst = (limiter: Limiter, tasks: number) => (): Use => {
  const run = limiter(10);
  return () => Promise.all(Array.from({ length: tasks }, () => run(operation)));
};
