import type { Fate, ServerCounts } from './simulated-server.js';

/** The result of one run. All rates and shares leave out the warm-up; `series`, `servers` and `events` do not. */
export interface SimulationResult {
  /** The name of the scenario. */
  readonly scenario: string;
  /** The seed of the run. */
  readonly seed: number;
  /** The duration of the run in milliseconds, with the warm-up. */
  readonly durationMs: number;
  /** Whether the run has ended early: a million requests were waiting in a server. */
  readonly collapsed: boolean;
  /** The number of calls that have begun. Equals `good` + `bad` + `refused` + `pending`. */
  readonly offered: number;
  /** The number of calls that have ended with a value, within `goodWithin`. */
  readonly good: number;
  /** The number of calls that have failed, or were too late. */
  readonly bad: number;
  /** The number of calls that a policy has rejected without an answer of the server, such as an open circuit. */
  readonly refused: number;
  /** The number of calls that have not ended a minute after the run. */
  readonly pending: number;
  /** The number of requests that were sent to servers. */
  readonly attempts: number;
  /** Good calls per second. */
  readonly goodput: number;
  /** The share of good calls among the offered ones; 1 if there were none. */
  readonly success: number;
  /** The share of intervals in which at least 99 % of the calls that began were good. */
  readonly availability: number;
  /** Requests sent to servers per call. Above 1: retries. Below 1: caches. */
  readonly amplification: number;
  /** The share of the servers' work that was for callers that had left. */
  readonly wastedShare: number;
  /**
   * Milliseconds from the end of the last fault until the calls are well again: to the first interval from which, for
   * three seconds, at least 95 % of the share of good calls before the first fault is reached. 0 without a fault;
   * `Infinity` if the run does not recover. A fault without an end counts from its beginning.
   */
  readonly timeToRecoverMs: number;
  /** The durations of the good calls. */
  readonly latency: Latency;
  /** One row per interval. */
  readonly series: readonly SeriesRow[];
  /** The counts of each server over the whole run, by name. */
  readonly servers: Readonly<Record<string, ServerCounts>>;
  /** The counts of the calls of each tenant, by name. Empty without tenants. */
  readonly tenants: Readonly<Record<string, TenantCounts>>;
  /** Faults, state changes of circuit breakers, and a collapse; at most 1,000. */
  readonly events: readonly SimulationEvent[];
  /** The calls with their attempts, at most 10,000. Only of `replay`; otherwise empty. */
  readonly calls: readonly CallTrace[];
}

/** Durations in milliseconds; NaN if there was no good call. */
export interface Latency {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** One interval of a run. `good`, `bad`, `refused` and `pending` are those of the calls that began in it. */
export interface SeriesRow {
  /** The start of the interval in milliseconds. */
  readonly t: number;
  readonly offered: number;
  readonly good: number;
  readonly bad: number;
  readonly refused: number;
  readonly pending: number;
  /** Requests that were sent to servers in the interval. */
  readonly attempts: number;
  /** The number of requests that wait in the servers at the end of the interval. */
  readonly queue: number;
  /** The limit of the first client's adaptive limit at the end of the interval, if its policy has one. */
  readonly limit: number | undefined;
  /** The state of the first client's circuit breaker at the end of the interval, if its policy has one. */
  readonly state: string | undefined;
}

/** The calls of one tenant. */
export interface TenantCounts {
  readonly offered: number;
  readonly good: number;
  readonly bad: number;
  readonly refused: number;
}

/** Something that has happened in a run. */
export interface SimulationEvent {
  /** The time in milliseconds. */
  readonly at: number;
  /** What has happened, such as `slow api × 6` or `circuitBreaker of client 0: closed → open`. */
  readonly what: string;
}

/** One call of a replayed run. */
export interface CallTrace {
  /** The number of the call, from 0. */
  readonly index: number;
  /** The time at which the call began, in milliseconds. */
  readonly at: number;
  /** The time at which the call ended; undefined if it has not. */
  readonly endedAt: number | undefined;
  readonly outcome: 'good' | 'bad' | 'refused' | 'pending';
  /** The requests that the call has sent to servers, in order. */
  readonly attempts: readonly AttemptRecord[];
}

/** One request of a call. */
export interface AttemptRecord {
  readonly server: string;
  /** The time at which the request was sent, in milliseconds. */
  readonly at: number;
  /** The time of the answer; undefined if there was none. */
  readonly endedAt: number | undefined;
  /** The answer; undefined if there was none. */
  readonly answer: Fate | undefined;
}
