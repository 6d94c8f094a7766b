/**
 * Circuit breaker: stop calling what keeps failing, and notice when it is well again.
 *
 * Put one around each dependency (`keyed` keeps one for each host). Not for failures of single requests, such as a 404,
 * and not where every call goes to another machine.
 *
 * Cost: a closure a call, and a clock reading if its window is one of time; no timer.
 *
 * @module
 */

export { type CircuitBreaker, type CircuitBreakerStats, circuitBreaker } from './circuit-breaker.js';
export type { CircuitBreakerOptions, CircuitSnapshot, HalfOpenOptions } from './options.js';
export type { CircuitBreakerEvents, CircuitState, TransitionReason } from './transition-notifier.js';
