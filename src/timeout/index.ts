/**
 * Timeout: an upper bound of the time that a caller waits.
 *
 * Use one for each attempt and one for the whole call. A timeout does not stop an operation that ignores its signal:
 * such an operation continues, and its result is dropped.
 *
 * Cost: one list node and one race per call; one timer for all calls of a policy.
 *
 * @module
 */
export { type Timeout, type TimeoutEvents, type TimeoutOptions, timeout } from './timeout.js';
