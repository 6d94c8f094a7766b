/**
 * Deduplication of HTTP requests: concurrent equal GET and HEAD requests of one `resilientFetch` share one response.
 *
 * Use it where many callers request the same resource at the same time. Do not use it where the response depends on more
 * than the request, such as the client's state at the server. For responses that may also be kept, use
 * `breakwater/http-cache`.
 *
 * Cost: one map entry per request in flight, a copy of the body per caller, and at most `maxBuffer` bytes per shared body.
 *
 * @module
 */
export type { RequestDedupe, RequestSharing, ShareableRequest } from '../core/request-sharing.js';
export { type DedupeOptions, dedupe } from './dedupe.js';
export type { DedupeRequest } from './request-key.js';
