import type { Clock } from '../core/clock.js';
import { InvalidOptionError } from '../core/errors.js';

/**
 * A queue discipline: decides which waiters of a persistent queue are rejected, and whether the newest one leaves first.
 * It holds settings only, so that any number of queues can share one. `codelQueue()` of `breakwater/overload` creates
 * one.
 */
export interface QueueDiscipline {
  /** The name of the discipline, for `describe`. */
  readonly name: string;
  /** Creates the state of one queue. */
  start(clock: Clock): QueueState;
}

/** The state of the discipline of one queue. It has no timer. */
export interface QueueState {
  /** Whether the newest waiter of a priority leaves first while the queue persists. */
  readonly isNewestFirst: boolean;
  /** Adds a waiter that has been enqueued. */
  add(waiter: object): void;
  /** Removes a waiter. Has no effect if the waiter is unknown. */
  remove(waiter: object): void;
  /** Whether the queue has persisted for so long that waiters are dropped. */
  isPersistent(): boolean;
  /** Returns the oldest waiter and its wait in milliseconds, if it has waited for too long; otherwise undefined. */
  overdue(): readonly [waiter: object, waitedMs: number] | undefined;
  /** Treats all waiters as if they had just arrived, after a pause in which none could be admitted. */
  restart(): void;
}

/** Returns the discipline of the option `queue`; undefined for arrival order. @throws InvalidOptionError */
export function checkQueueDiscipline(owner: string, queue: 'fifo' | QueueDiscipline): QueueDiscipline | undefined {
  if (queue === 'fifo') return undefined;
  if (typeof queue === 'object' && typeof queue?.start === 'function' && typeof queue.name === 'string') return queue;
  throw new InvalidOptionError(owner, 'queue', "must be 'fifo' or a queue discipline such as codelQueue()", queue);
}
