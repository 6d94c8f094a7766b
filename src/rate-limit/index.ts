/**
 * Rate limiters in the process: so much may pass, so often. Five algorithms with the same verbs, one for each key, several
 * together, and as a policy.
 *
 * Put one before what must not be called too often, or in front of those who call too often. Not a bulkhead: it does not
 * know how long a call takes, or how many run.
 *
 * Cost: reading the clock and about half as much again a decision; two or three numbers a key (the log: up to 32 bytes a call
 * in the window). No timer unless somebody waits, and then one.
 *
 * @module
 */
export { allOf } from './all-of.js';
export { FixedWindow, type FixedWindowOptions, type FixedWindowRate } from './fixed-window.js';
export { KeyedRateLimiter, type KeyedRateLimiterOptions } from './keyed-rate-limiter.js';
export { LeakyBucket, type LeakyBucketOptions, type LeakyBucketRate } from './leaky-bucket.js';
export { type RateLimit, type RateLimitEvents, type RateLimitOptions, rateLimit } from './rate-limit.js';
export type { RateLimiter, Reservation, ReserveOptions, WaitOptions } from './rate-limiter.js';
export {
  SlidingWindowCounter,
  type SlidingWindowCounterOptions,
  type SlidingWindowCounterRate,
} from './sliding-window-counter.js';
export { SlidingWindowLog, type SlidingWindowLogOptions, type SlidingWindowLogRate } from './sliding-window-log.js';
export { TokenBucket, type TokenBucketOptions, type TokenBucketRate } from './token-bucket.js';
