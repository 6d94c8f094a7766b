/** The errors of overload control: work that was rejected to protect a service, and faults that were injected. */

import { ResilienceError, type ResilienceErrorInit } from './errors.js';
import { formatValue } from './inspect.js';

/** Work was rejected to protect an overloaded service. The work has not started. */
export class ShedError extends ResilienceError {
  /** The error code `ERR_SHED`. */
  readonly code = 'ERR_SHED';
  /** What was overloaded, such as `'event-loop'`, `'memory'` or `'priority'`. */
  readonly reason: string;
  /** Milliseconds until another try makes sense. */
  readonly retryAfterMs: number;

  constructor(init: ResilienceErrorInit & { readonly reason: string; readonly retryAfterMs: number }) {
    super(`${formatValue(init.policy)} rejected the work to protect the service: ${init.reason}`, init);
    this.reason = init.reason;
    this.retryAfterMs = init.retryAfterMs;
  }

  override get name(): string {
    return 'ShedError';
  }
}

/** Work was not started, since too little time is left until its deadline. */
export class DeadlineExceededError extends ResilienceError {
  /** The error code `ERR_DEADLINE`. */
  readonly code = 'ERR_DEADLINE';
  /** The milliseconds that were left until the deadline; 0 if it had passed. */
  readonly remainingMs: number;

  constructor(init: ResilienceErrorInit & { readonly remainingMs: number }) {
    super(`${formatValue(init.policy)} did not start the work: ${init.remainingMs} ms are left`, init);
    this.remainingMs = init.remainingMs;
  }

  override get name(): string {
    return 'DeadlineExceededError';
  }
}

/** A fault that fault injection created on purpose. Policies judge it like the fault that it imitates. */
export class ChaosError extends ResilienceError {
  /** The error code `ERR_CHAOS`. */
  readonly code = 'ERR_CHAOS';

  constructor(init: ResilienceErrorInit) {
    super(`${formatValue(init.policy)} injected a fault`, init);
  }

  override get name(): string {
    return 'ChaosError';
  }
}
