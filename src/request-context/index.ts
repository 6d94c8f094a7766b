/**
 * Request contexts: the deadline, the priority and the abort signal of a request, for every policy and every
 * `resilientFetch` that runs while the request is handled, without passing them from function to function.
 *
 * Use it on the server side, around the handling of one request or one job; `deadlineMiddleware` and `deadlineHandler`
 * of `breakwater/http-server` set it for HTTP requests. Do not use it for work that outlives the request: run that work
 * with `runOutsideContext`. It needs `AsyncLocalStorage`: Node.js, Bun, Deno, and workers with `nodejs_compat`.
 *
 * Cost: less than a microsecond per context, and one timer while calls with a deadline are running. Calls outside a
 * context read one property.
 *
 * @module
 */
export {
  currentContext,
  type RequestContext,
  type RequestContextOptions,
  runInContext,
  runOutsideContext,
} from './run-in-context.js';
