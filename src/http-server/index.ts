/**
 * The server's side of HTTP: rate limits per client with their header fields, admission of requests while the server is
 * overloaded, deadlines of clients, and problem documents. Each comes as middleware for `(request, response, next)` and
 * as a wrapper for `Request → Response` handlers.
 *
 * Use it in front of routes. It does not protect against floods, which must be stopped before they reach this process.
 * It does not limit several processes together: each process counts separately.
 *
 * Cost: one decision per request, some microseconds, and one WeakSet entry while a request lasts. Admission watches the
 * event loop with one timer.
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
export {
  type AdmissionControl,
  type AdmissionHandler,
  type AdmissionHandlerOptions,
  type AdmissionMiddleware,
  admissionHandler,
  admissionMiddleware,
} from './admission/admission.js';
export type {
  AdmissionDeadlineOptions,
  AdmissionLimit,
  AdmissionListeners,
  AdmissionOptions,
  AdmissionReason,
  AdmissionRejection,
  AdmissionStats,
  EventLoopOptions,
  MemoryOptions,
} from './admission/options.js';
export { type ClientKey, type ClientKeyOptions, clientKey, type TrustProxy } from './client-key.js';
export {
  type DeadlineHandlerOptions,
  type DeadlineHttpListeners,
  type DeadlineHttpOptions,
  type DeadlineRequest,
  deadlineHandler,
  deadlineMiddleware,
} from './deadline.js';
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
export { readPriority } from './priority.js';
export { type Problem, type ProblemResponse, toProblem } from './problem.js';
export { type RateLimitDialect, type RateLimitHeadersOptions, rateLimitHeaders } from './rate-limit-headers.js';
export type { RequestTermsOptions } from './request-terms.js';
export type { ConnectedRequest } from './response-life.js';
