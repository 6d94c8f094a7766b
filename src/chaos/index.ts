/**
 * Fault injection (chaos engineering): makes a dependency look broken, to test what the other policies do about it. Rates
 * of faults and delays, and timed plans in the format of the simulator, so that one script of faults runs in a
 * simulation, in a test and in staging.
 *
 * Use it in tests and in staging, and in production only for an experiment that a person watches and can stop. Nothing is
 * injected unless it is enabled, and never longer than `maxDuration`.
 *
 * Cost: one comparison per call while it is off. Never part of a bundle that does not import it.
 *
 * @module
 */
export type { Fault, FaultKind, FaultPlan, FaultTime } from '../core/fault-plan.js';
export { down, drop, error, flush, hang, partition, slow, stall } from '../core/fault-plan.js';
export {
  type ChaosControl,
  type ChaosControlOptions,
  type ChaosDescription,
  chaosControl,
} from './chaos-control.js';
export { type ChaosFetchOptions, chaosFetch, type InjectableFetch } from './chaos-fetch.js';
export type { ChaosEvents, ChaosState, ChaosStats, InjectEvent, InjectionKind } from './chaos-run.js';
export type {
  HttpConnectionFault,
  HttpFault,
  HttpHeaderChange,
  HttpLatency,
  HttpSlowBody,
  HttpStatus,
  HttpTruncatedBody,
} from './http-faults.js';
export type {
  BehaviorOptions,
  FaultOptions,
  InjectedLatency,
  InjectionOptions,
  LatencyOptions,
  OutcomeOptions,
} from './injection-policies.js';
export type { PlanOptions } from './plan-policy.js';
