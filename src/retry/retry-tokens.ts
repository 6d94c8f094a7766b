import type { AttemptBudget, AttemptSource } from '../core/attempt-budget.js';
import { isResilienceError, unwrapImitation } from '../core/errors.js';
import { isErrorOfClass } from '../core/inspect.js';
import { checkNumber, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';

/** Options of `RetryTokens`. */
export interface RetryTokensOptions {
  /** The number of tokens at the start, and the most that there can be: a number above 0. @defaultValue 500 */
  readonly capacity?: number | undefined;
  /** The tokens that a retry or a hedge takes: a number above 0, at most `capacity`. @defaultValue 14 */
  readonly cost?: number | undefined;
  /**
   * The tokens that a retry takes after a timeout: a number above 0, at most `capacity`. A higher cost limits retries
   * more strongly where an attempt that has timed out may still occupy the server.
   * @defaultValue the value of `cost`
   */
  readonly timeoutCost?: number | undefined;
  /** The tokens that the success of a call returns: a number above 0. @defaultValue 1 */
  readonly refund?: number | undefined;
}

/** Statistics of `RetryTokens`. */
export interface RetryTokensStats {
  /** The number of tokens that are left. */
  readonly tokens: number;
  /** The number of requests since the creation, not counting retries. */
  readonly requests: number;
  /** The number of retries and hedges since the creation. */
  readonly retries: number;
  /** The number of retries that would be allowed now, if none of them follows a timeout. */
  readonly available: number;
}

/**
 * The largest difference between the successes that retries and hedges report. One call reports to both within a few
 * microtasks. A larger difference comes from calls that pass only one of them.
 */
const MAX_LEAD = 100;

/**
 * A bucket of tokens that limits retries, as in the AWS SDKs: each retry takes tokens, each call that succeeds returns
 * some. While a dependency is healthy, the bucket is full, and a burst of failures is retried at once; while it fails,
 * the bucket empties, and calls are no longer retried until enough others have succeeded. In any period:
 *
 * retries ≤ `capacity` / `cost` + `refund` / `cost` × successful calls.
 *
 * Unlike a `RetryBudget`, it has no window: it remembers an outage until calls succeed. Unlike in the AWS SDKs, a retry
 * that succeeds returns `refund` and not what it has cost: otherwise the bucket would not limit the load of a server that
 * fails each first attempt. Usable wherever a `RetryBudget` is. O(1) time and memory, no timer, no clock.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const budget = new RetryTokens({ capacity: 100, cost: 5, timeoutCost: 10 });
 * const users = retry({ budget });
 * console.log(budget.stats.available); // 20
 * ```
 */
export class RetryTokens implements AttemptBudget {
  /** The number of retries per successful call in the long run: `refund` / `cost`. */
  readonly ratio: number;
  /** The number of retries that a full bucket allows: `capacity` / `cost`. */
  readonly floor: number;
  readonly #capacity: number;
  readonly #cost: number;
  readonly #timeoutCost: number;
  readonly #refund: number;
  #tokens: number;
  #retries = 0;
  /** The requests by the policy that has reported them. */
  #requests = { retry: 0, hedge: 0 };
  /** The successes that retries have reported, minus those that hedges have reported. */
  #lead = 0;

  constructor(options?: RetryTokensOptions) {
    const owner = 'RetryTokens';
    const own = readOptions(owner, options, { capacity: 500, cost: 14, timeoutCost: undefined, refund: 1 });
    this.#capacity = checkNumber(owner, 'capacity', own.capacity, { above: 0 });
    const rule = { above: 0, max: this.#capacity };
    this.#cost = checkNumber(owner, 'cost', own.cost, rule);
    this.#timeoutCost =
      own.timeoutCost === undefined ? this.#cost : checkNumber(owner, 'timeoutCost', own.timeoutCost, rule);
    this.#refund = checkNumber(owner, 'refund', own.refund, { above: 0 });
    const least = Math.min(this.#cost, this.#timeoutCost);
    this.ratio = this.#refund / least;
    this.floor = this.#capacity / least;
    this.#tokens = this.#capacity;
  }

  /** Counts a request. It changes no tokens. */
  recordRequest(source: AttemptSource = 'retry'): void {
    this.#requests[source]++;
  }

  /** Counts the success of a call: returns `refund` tokens. A call that a retry and a hedge report counts once. */
  recordSuccess(source: AttemptSource = 'retry'): void {
    const step = source === 'retry' ? 1 : -1;
    // The second report of a call brings the difference back towards 0.
    if (this.#lead * step >= 0) this.#tokens = Math.min(this.#capacity, this.#tokens + this.#refund);
    this.#lead = Math.max(-MAX_LEAD, Math.min(MAX_LEAD, this.#lead + step));
  }

  /**
   * Takes the tokens of one retry. Returns false if there are not enough.
   *
   * @param outcome - the outcome of the attempt that is repeated; undefined for a hedge that follows a delay.
   */
  tryRetry(outcome?: Outcome): boolean {
    const cost = outcome !== undefined && isTimeout(outcome) ? this.#timeoutCost : this.#cost;
    if (this.#tokens + ROUNDING < cost) return false;
    this.#tokens = Math.max(0, this.#tokens - cost);
    this.#retries++;
    return true;
  }

  /** Statistics of the bucket. */
  get stats(): RetryTokensStats {
    const { retry, hedge } = this.#requests;
    return {
      tokens: this.#tokens,
      requests: Math.max(retry, hedge),
      retries: this.#retries,
      available: Math.floor((this.#tokens + ROUNDING) / this.#cost),
    };
  }
}

/** Tolerance for rounding: a refund of 0.1 ten times is slightly less than 1. */
const ROUNDING = 1e-9;

/** Whether an attempt has timed out: by this package, or by `AbortSignal.timeout`. */
function isTimeout(outcome: Outcome): boolean {
  if (outcome.ok) return false;
  const error = unwrapImitation(outcome.error);
  return isResilienceError(error, 'ERR_TIMEOUT') || isErrorOfClass(error, ['TimeoutError']);
}
