/**
 * Overload control: limits that adapt to what a dependency can do.
 *
 * @module
 */
export { type AimdLimitOptions, aimdLimit } from './aimd-limit.js';
export { type CodelQueueOptions, codelQueue } from './codel-queue.js';
export type { LimitAlgorithm, LimitBounds, LimitState } from './limit-algorithm.js';
