/**
 * `resilientFetch`: the platform's `fetch` with timeouts, retries, circuit breakers and bulkheads that are configured
 * to work together.
 *
 * Use it for calls from one service to another, with one instance for each kind of dependency. Do not use it for
 * streams that must never be interrupted, and not inside another client that retries by itself.
 *
 * Cost: that of its policies, and one AbortController for each attempt.
 *
 * @module
 */

export type { RequestDedupe, RequestSharing, ShareableRequest } from '../core/request-sharing.js';
export { parseRetryAfter } from '../core/retry-after.js';
export type { AnnouncedLimit } from '../http-fields/classic-limits.js';
export {
  type HeaderFields,
  type ParseRateLimitOptions,
  parseRateLimit,
  type RateLimitFields,
} from '../http-fields/rate-limit-fields.js';
export type { BeforeRetry, BeforeRetryEvent, RequestChanges } from './before-retry.js';
export type { FetchCallOptions } from './call-options.js';
export { classifyResponse } from './classify-response.js';
export type {
  FetchControl,
  FetchSnapshot,
  KeySnapshot,
  PacingSnapshot,
  ResilientFetch,
  WithCallOptions,
} from './control.js';
export type {
  CallEvent,
  FetchBulkheadOptions,
  FetchLike,
  FetchLimit,
  FetchRateLimitOptions,
  FetchTimeoutEvent,
  RejectEvent,
  RequestLabels,
  ResilientFetchListeners,
  ResilientFetchOptions,
  ResponseLike,
  Route,
} from './options.js';
export { isIdempotent, type OutgoingRequest, type RequestOptions } from './request.js';
export { resilientFetch } from './resilient-fetch.js';
