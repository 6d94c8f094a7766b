import type { Outcome } from './outcome.js';

/** The policy that adds attempts to a call. */
export type AttemptSource = 'retry' | 'hedge';

/**
 * Limits the attempts that retries and hedges add to the first attempts of calls: a `RetryBudget`, `RetryTokens`, or an
 * object with the same methods. Share one among all policies that add attempts to the calls of one dependency.
 */
export interface AttemptBudget {
  /** The number of added attempts per request that the budget allows in the long run. */
  readonly ratio: number;
  /** The number of added attempts that the budget allows independently of requests. */
  readonly floor: number;
  /** Statistics of the budget. */
  readonly stats: {
    /** The number of requests that the budget has counted. */
    readonly requests: number;
    /** The number of added attempts that the budget has counted. */
    readonly retries: number;
    /** The number of added attempts that would be allowed now. */
    readonly available: number;
  };
  /**
   * Counts a request: the first attempt of a call.
   *
   * @param source - the policy that reports the request. A call that passes a retry and a hedge with the same budget is
   * reported by both, and must count once.
   */
  recordRequest(source?: AttemptSource): void;
  /** Counts the success of a call, where successes matter. */
  recordSuccess?(source?: AttemptSource): void;
  /**
   * Counts a call that has succeeded after retries, where that matters.
   *
   * @param retries - the number of retries of the call, without those of requests that were never sent.
   */
  recordRecovery?(retries: number): void;
  /**
   * Takes one attempt from the budget. Returns false if none is left.
   *
   * @param outcome - the outcome that the attempt follows; undefined for an attempt that follows a delay.
   */
  tryRetry(outcome?: Outcome): boolean;
}
