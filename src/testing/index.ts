/**
 * Virtual clocks, a seeded random source, stand-ins for policies, and contract tests for stores and journals: for deterministic tests
 * of code that uses this package. `TestClock` is for tests: it also waits for code that is not driven by it. `SimClock` is
 * for long simulations of millions of calls.
 *
 * Not for production: time does not pass by itself, and random numbers can be predicted.
 *
 * @module
 */
export { type Random, seededRandom } from '../core/random.js';
export { type CacheStoreContractOptions, cacheStoreContract, type DefineTest } from './cache-store-contract.js';
export { journalContract, type RecoverableJournal } from './journal-contract.js';
export { forceOpen, passThrough } from './policies.js';
export type { SettleMode } from './settle.js';
export { SimClock, type SimClockOptions } from './sim-clock.js';
export { TestClock } from './test-clock.js';
