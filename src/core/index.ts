/**
 * The shared types and functions of all patterns: policies, calls and their contexts, outcomes and verdicts, errors,
 * events, clocks and random sources. Import this entry point to write a policy of your own. The other entry points do
 * not require it.
 *
 * Cost: only the functions that are imported.
 *
 * @module
 */
export type { CallContext, Operation } from './call-context.js';
export { type Clock, systemClock } from './clock.js';
export type { ChildContext, ContextChange, Next, PolicyContext } from './context.js';
export { definePolicy, type PolicyDefinition } from './define-policy.js';
export type { Duration } from './duration.js';
export {
  BulkheadFullError,
  ChaosError,
  CircuitOpenError,
  ClosedError,
  DeadlineExceededError,
  type Decision,
  InvalidOptionError,
  isResilienceError,
  type LostWrite,
  LostWritesError,
  NoHealthyNodeError,
  QueueTimeoutError,
  RateLimitedError,
  ResilienceError,
  type ResilienceErrorCode,
  type ResilienceErrorInit,
  type ResilienceErrors,
  ShedError,
  TimeoutError,
} from './errors.js';
export type { Observable } from './events.js';
export type { Fault, FaultKind, FaultPlan } from './fault-plan.js';
export { isNetworkError } from './network-error.js';
export { type Classify, defaultClassify, type Outcome, type Verdict } from './outcome.js';
export type { Permit } from './permit.js';
export type { CallOptions, Policy, PolicyDescription } from './policy.js';
export { type Random, seededRandom } from './random.js';
export { type SleepOptions, sleep } from './sleep.js';
