/**
 * Server-side rate limiting: middleware for `(request, response, next)`, a wrapper for `Request → Response` handlers,
 * and the header fields that show clients how much of their limit is left.
 *
 * Use it in front of routes, with a `KeyedRateLimiter` that keeps one limit per client. It does not protect against
 * floods, which must be stopped before they reach this process. It does not limit several processes together: each
 * process counts separately.
 *
 * Cost: one decision and a few header fields per request, some microseconds, and one WeakSet entry while a request
 * lasts.
 *
 * @module
 */
export type { AnnouncedLimit } from '../http-fields/classic-limits.js';
export {
  type HeaderFields,
  type ParseRateLimitOptions,
  parseRateLimit,
  type RateLimitFields,
} from '../http-fields/rate-limit-fields.js';
export { type ClientKey, type ClientKeyOptions, clientKey, type TrustProxy } from './client-key.js';
export { type RateLimitHandlerOptions, type RequestHandler, rateLimitHandler } from './handler.js';
export {
  type IncomingRequest,
  type NextFunction,
  type OutgoingResponse,
  type RateLimitMiddlewareOptions,
  rateLimitMiddleware,
} from './middleware.js';
export type {
  ClientLimitOptions,
  HttpRateLimiter,
  LimiterOrLimit,
  PolicyLabel,
  RateLimitHttpListeners,
  RateLimitHttpOptions,
  RateLimitRefusal,
  RequestLimitOptions,
  ResponseEnding,
} from './options.js';
export { type RateLimitDialect, type RateLimitHeadersOptions, rateLimitHeaders } from './rate-limit-headers.js';
