/**
 * Circuit breaker: rejects calls to a failing dependency, and probes the dependency until it has recovered.
 *
 * Use one for each dependency (`keyed` keeps one for each host). Do not use it for failures of single requests, such as
 * a 404, and not where every call goes to a different machine.
 *
 * Cost: one closure per call, and one clock reading if the window is a time span; no timer.
 *
 * @module
 */

export { type CircuitBreaker, type CircuitBreakerStats, circuitBreaker } from './circuit-breaker.js';
export type { CircuitBreakerChanges, CircuitBreakerOptions, CircuitSnapshot, HalfOpenOptions } from './options.js';
export type { CircuitBreakerEvents, CircuitState, TransitionReason } from './transition-notifier.js';
