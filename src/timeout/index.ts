/**
 * Timeout: an upper bound for how long a caller waits.
 *
 * Put one around each try and one around the whole call. Not a way to stop work that ignores its signal: that work goes
 * on, only nobody waits for it any more.
 *
 * Cost: one list node and one race a call; one timer for all calls of a policy.
 *
 * @module
 */
export { type Timeout, type TimeoutEvents, type TimeoutOptions, timeout } from './timeout.js';
