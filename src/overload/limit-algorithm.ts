/** The bounds of an adaptive limit. */
export interface LimitBounds {
  /** The limit before the first sample. */
  readonly initialLimit: number;
  /** The lowest limit. */
  readonly minLimit: number;
  /** The highest limit. */
  readonly maxLimit: number;
}

/**
 * The algorithm of an adaptive limit: `aimdLimit()`, or one of the caller's. It holds settings only, so that any number
 * of limits can share one.
 */
export interface LimitAlgorithm {
  /** The name of the algorithm, for `describe`. */
  readonly name: string;
  /** Creates the state of one limit. */
  start(bounds: LimitBounds): LimitState;
}

/**
 * The cause of a change of an adaptive limit. `growth`: the limit was used and the latency shows no long queue.
 * `latency`: the latency shows a queue. `overload`: calls have timed out, were throttled or were answered with status
 * 503. `probe`: the limit is low for a moment, in order to measure the latency without a queue.
 */
export type LimitReason = 'growth' | 'latency' | 'overload' | 'probe';

/** The state of the algorithm of one limit. It has no timer and reads no clock. */
export interface LimitState {
  /** The cause of the latest change of the limit. */
  readonly reason: LimitReason;
  /** The latency without a queue in milliseconds, for `stats`. @defaultValue unknown */
  readonly baselineMs?: number | undefined;
  /**
   * Counts a call that has ended, and returns the limit: a number, which is rounded down and kept within the bounds.
   *
   * @param latencyMs - the duration of the call in milliseconds, without the time in the queue.
   * @param inFlight - the number of calls in flight when the call began, including itself.
   * @param isOverload - whether the call shows an overload: a timeout, a `throttled` outcome or status 503. Otherwise
   * the call has succeeded.
   * @param now - the time at which the call ended, in milliseconds.
   */
  sample(latencyMs: number, inFlight: number, isOverload: boolean, now: number): number;
  /** Forgets recent samples, since the event loop of this process was blocked meanwhile. @defaultValue nothing */
  discard?(now: number): void;
}
