/**
 * In-process rate limiters: token bucket, leaky bucket, fixed window, sliding window counter and sliding window log,
 * all with the same methods. `KeyedRateLimiter` keeps one limiter per key, `allOf` combines several limiters, and
 * `rateLimit` makes a limiter a policy.
 *
 * Use a limiter to protect a dependency from too many calls, or to protect a server from clients that send too many
 * requests. A rate limiter does not know how long a call takes or how many calls run; use a bulkhead to limit those.
 *
 * Cost: a decision takes about 1.5 times as long as reading the clock. The state is two or three numbers per key; the
 * sliding window log keeps up to 32 bytes for each call in the window. A limiter has one timer while callers wait, and
 * none otherwise.
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
