/**
 * A test clock and a seeded random source, for deterministic tests of code that uses this package.
 *
 * Not for production: time does not pass by itself, and random numbers can be predicted.
 *
 * @module
 */
export { type Random, seededRandom } from '../core/random.js';
export { TestClock } from './test-clock.js';
