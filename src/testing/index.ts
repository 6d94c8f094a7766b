/**
 * Time and chance under control, for deterministic tests of anything built with this package.
 *
 * Not for production: a `TestClock` keeps every armed timer in one sorted array.
 *
 * @module
 */
export { type Random, seededRandom } from '../core/random.js';
export { TestClock } from './test-clock.js';
