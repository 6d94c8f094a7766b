/**
 * A test clock, a seeded random source, stand-ins for policies, and contract tests for stores: for deterministic tests of
 * code that uses this package.
 *
 * Not for production: time does not pass by itself, and random numbers can be predicted.
 *
 * @module
 */
export { type Random, seededRandom } from '../core/random.js';
export { type CacheStoreContractOptions, cacheStoreContract, type DefineTest } from './cache-store-contract.js';
export { forceOpen, passThrough } from './policies.js';
export { TestClock } from './test-clock.js';
