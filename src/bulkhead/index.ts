/**
 * Bulkhead: at most so many at once, at most so many waiting.
 *
 * Put one around each dependency that can be slow. Not a rate limiter: it bounds how many run at a time, not how many a
 * second.
 *
 * Cost: two counters a call; a list node and a promise for each call that waits.
 *
 * @module
 */
export { type AcquireOptions, type Bulkhead, type BulkheadEvents, type BulkheadOptions, bulkhead } from './bulkhead.js';
