/**
 * A simulator: runs real policies on a simulated clock, in front of simulated servers, and shows what a configuration
 * does in an outage. Results are data for tests, a table for a terminal, or an HTML file.
 *
 * Use it to compare configurations before an outage does, and as a test in CI. Do not use it to predict absolute
 * latencies: its servers are models, and their parameters are yours.
 *
 * Cost: 1 to 10 µs of CPU per call and attempt. Not meant to be shipped with a program.
 *
 * @module
 */
export type { Fault, FaultKind, FaultPlan, FaultTime } from '../core/fault-plan.js';
export { down, drop, error, flush, hang, partition, slow, stall } from '../core/fault-plan.js';
export { type CompareOptions, type Comparison, type ComparisonReports, compare } from './compare.js';
export {
  constant,
  type Distribution,
  empirical,
  exponential,
  type LogNormalOptions,
  logNormal,
  uniform,
} from './distributions.js';
export { type KeyDistribution, type ZipfOptions, zipf } from './keys.js';
export {
  burst,
  type ClosedLoad,
  type ClosedLoadOptions,
  type ConstantRateOptions,
  closed,
  constantRate,
  diurnal,
  type Load,
  type LoadOptions,
  type OpenLoad,
  type PoissonOptions,
  poisson,
  type RateProfile,
  ramp,
  type TraceOptions,
  trace,
} from './load.js';
export type { Call, Candidate, CandidateKit, Scenario, World } from './options.js';
export type {
  AttemptRecord,
  CallTrace,
  Latency,
  SeriesRow,
  SimulationEvent,
  SimulationResult,
  TenantCounts,
} from './result.js';
export {
  type CollapseOptions,
  type NetworkOptions,
  type QueueOptions,
  type ServerDefinition,
  type ServerOptions,
  type StartCostOptions,
  server,
} from './server-options.js';
export { replay, type SimulateOptions, simulate } from './simulate.js';
export { type SimulatedFetchOptions, type SimulatedRequest, simulatedFetch } from './simulated-fetch.js';
export type { Fate, ServerCounts } from './simulated-server.js';
export { type RunPlace, SimulationError } from './simulation-error.js';
export type { Interval, Statistic } from './statistics.js';
export type { CandidateSummary, Difference, Metric } from './summary.js';
export { type Sweep, type SweepCell, type SweepOptions, type SweepPoint, sweep } from './sweep.js';
export { type Caller, type Reply, SimulatedError, type Target, type Targets } from './world.js';
