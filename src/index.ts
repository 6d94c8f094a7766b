/**
 * Breakwater: resilience patterns for TypeScript services.
 *
 * This entry point exports everything that does not need a specific runtime. Each pattern also has its own entry point;
 * with a bundler that removes unused code, importing a name from either one produces the same bundle.
 *
 * @module
 */
export * from './bulkhead/index.js';
export * from './cache/index.js';
export * from './cache-writers/index.js';
export * from './circuit-breaker/index.js';
export * from './classify/index.js';
export * from './coalesce/index.js';
export * from './core/index.js';
export * from './dedupe/index.js';
export * from './fallback/index.js';
export * from './fetch/index.js';
export * from './guard/index.js';
export * from './hash-ring/index.js';
export * from './hedge/index.js';
export * from './http-cache/index.js';
export * from './keyed/index.js';
export * from './load-balancer/index.js';
export * from './loading-cache/index.js';
export * from './overload/index.js';
export * from './pipeline/index.js';
export * from './rate-limit/index.js';
export * from './retry/index.js';
export * from './sharding/index.js';
export * from './tiered-cache/index.js';
export * from './timeout/index.js';
