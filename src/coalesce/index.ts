/**
 * Single flight as a policy: concurrent calls with the same key share one run of the operation.
 *
 * Use it for reads that many callers request at the same time. Do not use it for operations whose result depends on the
 * caller: one caller would get the result of another. For values that should also be kept, use
 * `breakwater/loading-cache`.
 *
 * Cost: one map entry per running key, and one promise per caller.
 *
 * @module
 */
export { type Coalesce, type CoalesceOptions, coalesce } from './coalesce.js';
