/**
 * Bulkhead: limits the number of concurrent calls and the length of the queue in front of them.
 *
 * Use one for each dependency that can become slow. A bulkhead is not a rate limiter: it limits concurrent calls, not
 * calls per second.
 *
 * Cost: two counter updates per call; one list node and one promise for each call that waits.
 *
 * @module
 */
export {
  type AcquireOptions,
  type Bulkhead,
  type BulkheadChanges,
  type BulkheadEvents,
  type BulkheadOptions,
  bulkhead,
} from './bulkhead.js';
export type { QueueDiscipline, QueueState } from './queue-discipline.js';
