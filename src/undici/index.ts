/**
 * `resilient`: an interceptor for undici with the policies of `resilientFetch`, for services that cannot change their
 * `fetch` calls, or that need the speed of `undici.request`.
 *
 * Use it once for each dispatcher, or with `setGlobalDispatcher` for a whole process. Do not use it together with
 * `resilientFetch` on the same requests, or with undici's own retry interceptor: attempts multiply.
 *
 * Cost: the policies, and one object for each attempt; nothing for each chunk of a body but one call.
 *
 * @module
 */
export type { FetchCallOptions } from '../fetch/call-options.js';
export { type ResilientDispatcherOptions, type ResilientInterceptor, resilient } from './resilient.js';
