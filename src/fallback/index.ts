/**
 * Fallback: an answer for when there is none.
 *
 * Use it where a stale or default answer is better than an error, outermost in a pipeline. Not to hide errors that
 * somebody should see, and not for writes.
 *
 * Cost: one async frame a call.
 *
 * @module
 */
export { type FallbackAnswer, type FallbackOptions, fallback } from './fallback.js';
