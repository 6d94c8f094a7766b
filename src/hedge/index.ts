/**
 * Hedge: sends a call a second time if the first one takes unusually long, and uses the first success.
 *
 * Use it for reads that several replicas can answer, where a few calls are slow by chance: garbage collection, a lost
 * packet, a busy node. Do not use it for writes, or against a dependency that is slow because it is overloaded: the cap
 * of 5 % limits the damage there, but nothing is gained.
 *
 * Cost: at most 5 % more load by default. For each call one abort scope and two clock readings; one timer for all calls
 * with the same delay; 1 kB of latencies.
 *
 * @module
 */
export type { AttemptBudget, AttemptSource } from '../core/attempt-budget.js';
export type { HedgingOfKey, RequestHedging } from '../core/hedging.js';
export type { HedgeEvent, HedgeEvents, SkipReason } from './events.js';
export { type Hedge, type HedgeStats, hedge } from './hedge.js';
export type { HedgeDelay, HedgeOptions, Quantile } from './options.js';
