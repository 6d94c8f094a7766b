/**
 * Overload control: limits that adapt to what a dependency can do.
 *
 * @module
 */
export { type AimdLimitOptions, aimdLimit } from './aimd-limit.js';
export {
  type DeadlineFormat,
  type DeadlineHeader,
  type DeadlineHeaderOptions,
  deadlineHeader,
  type RequestHeaders,
  readDeadline,
} from './deadline-header.js';
export type { LimitAlgorithm, LimitBounds, LimitState } from './limit-algorithm.js';
