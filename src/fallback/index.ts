/**
 * Fallback: returns a substitute value when an operation fails.
 *
 * Use it as the outermost policy of a pipeline, where a stale or default value is better than an error. Do not use it
 * for writes, and not to hide errors that need attention.
 *
 * Cost: one async frame per call.
 *
 * @module
 */
export { type FallbackAnswer, type FallbackOptions, fallback } from './fallback.js';
