/**
 * Overload control: limits that adapt to what a dependency can do.
 *
 * @module
 */
export {
  type AdaptiveLimit,
  type AdaptiveLimitEvents,
  type AdaptiveLimitOptions,
  type AdaptiveLimitStats,
  adaptiveLimit,
} from './adaptive-limit.js';
export { type AimdLimitOptions, aimdLimit } from './aimd-limit.js';
export { type CodelQueueOptions, codelQueue } from './codel-queue.js';
export {
  type DeadlineFormat,
  type DeadlineHeader,
  type DeadlineHeaderOptions,
  deadlineHeader,
  type RequestHeaders,
  readDeadline,
} from './deadline-header.js';
export type { LimitAlgorithm, LimitBounds, LimitReason, LimitState } from './limit-algorithm.js';
export { type PriorityGate, type PriorityGateEvents, type PriorityGateOptions, priorityGate } from './priority-gate.js';
