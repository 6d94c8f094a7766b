/**
 * Breakwater: resilience patterns for TypeScript services.
 *
 * Everything that runs anywhere, in one place. Each pattern is also an entry point of its own, and importing one name
 * from here ships the same bytes as importing it from there.
 *
 * @module
 */
export * from './bulkhead/index.js';
export * from './cache-writers/index.js';
export * from './cache/index.js';
export * from './circuit-breaker/index.js';
export * from './coalesce/index.js';
export * from './core/index.js';
export * from './fallback/index.js';
export * from './fetch/index.js';
export * from './hash-ring/index.js';
export * from './http-cache/index.js';
export * from './keyed/index.js';
export * from './load-balancer/index.js';
export * from './loading-cache/index.js';
export * from './pipeline/index.js';
export * from './rate-limit/index.js';
export * from './retry/index.js';
export * from './sharding/index.js';
export * from './tiered-cache/index.js';
export * from './timeout/index.js';
