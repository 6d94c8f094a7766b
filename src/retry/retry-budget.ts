import type { AttemptBudget, AttemptSource } from '../core/attempt-budget.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { isNeverSent } from '../core/never-sent.js';
import { checkNumber, checkOneOf, readOptions } from '../core/options.js';
import type { Outcome } from '../core/outcome.js';
import { TimeWindow } from '../core/time-window.js';

/** Options of `RetryBudget`. */
export interface RetryBudgetOptions {
  /**
   * The number of retries allowed per request: a number in [0, 1]. A lower ratio limits the extra load during an
   * outage.
   * @defaultValue 0.2
   */
  readonly ratio?: number | undefined;
  /**
   * The number of retries per second that are allowed independently of requests: a number ≥ 0. It lets a client with
   * few requests retry too.
   * @defaultValue 10
   */
  readonly minPerSecond?: number | undefined;
  /** The period over which requests and retries are counted: a duration ≥ 1 ms. @defaultValue '10s' */
  readonly window?: Duration | undefined;
  /**
   * Which retries are counted. `all` counts each retry. `failed` counts only retries that burden a dependency without a
   * result: it does not count the retries of a call that succeeds in the end, nor a retry after a request that was never
   * sent, such as one whose connection was refused. With `failed`, calls are still repeated while a third of all
   * requests fails, and the load of an outage or an overload is limited as with `all`; but a server that fails each
   * first attempt and serves each second one gets twice the load.
   * @defaultValue 'all'
   */
  readonly counts?: 'all' | 'failed' | undefined;
  /** The clock that measures the window. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/** Statistics of a `RetryBudget`. */
export interface RetryBudgetStats {
  /** The number of requests in the window, not counting retries. */
  readonly requests: number;
  /** The number of counted retries in the window. */
  readonly retries: number;
  /** The number of retries that would be allowed now. */
  readonly available: number;
}

const REQUESTS = 0;
const RETRIES = 1;
/** The requests that hedges have reported. */
const HEDGED_REQUESTS = 2;
/** The retries of calls that have succeeded. */
const RECOVERED = 3;

/**
 * Limits retries to a share of the requests. When a dependency fails for all callers, a client that retries each call
 * three times triples its load. Share one budget among all call sites of a dependency. When a retry is granted:
 *
 * retries in the window ≤ `ratio` × requests in the window + `minPerSecond` × window.
 *
 * With `counts: 'failed'`, the retries of the calls that succeeded in the window are allowed on top.
 *
 * The budget of a `retry` also serves a `hedge`: each hedge then counts as a retry.
 *
 * The window is that of Finagle's RetryBudget; gRPC's retry throttling (gRFC A6) has the same purpose. O(1) time and
 * memory, no timer.
 *
 * @throws InvalidOptionError for invalid options.
 * @example
 * ```ts
 * const budget = new RetryBudget({ ratio: 0.1 });
 * const users = retry({ budget });
 * const orders = retry({ budget, maxAttempts: 5 });
 * ```
 */
export class RetryBudget implements AttemptBudget {
  /** The number of retries allowed per request. */
  readonly ratio: number;
  /** The number of retries allowed per window independently of requests: `minPerSecond` × window. */
  readonly floor: number;
  readonly #countsAll: boolean;
  readonly #clock: Clock;
  readonly #window: TimeWindow;

  constructor(options?: RetryBudgetOptions) {
    const owner = 'RetryBudget';
    const defaults = { ratio: 0.2, minPerSecond: 10, window: '10s', counts: 'all', clock: undefined } as const;
    const own = readOptions<RetryBudgetOptions, typeof defaults>(owner, options, defaults);
    const windowMs = toMs(owner, 'window', own.window, { min: 1 });
    this.ratio = checkNumber(owner, 'ratio', own.ratio, { min: 0, max: 1 });
    this.floor = (checkNumber(owner, 'minPerSecond', own.minPerSecond, { min: 0 }) * windowMs) / 1000;
    this.#countsAll = checkOneOf(owner, 'counts', own.counts, ['all', 'failed']) === 'all';
    this.#clock = checkClock(owner, own.clock);
    this.#window = new TimeWindow(windowMs);
  }

  /** Counts a request: the first attempt of a call. */
  recordRequest(source: AttemptSource = 'retry'): void {
    this.#window.advance(this.#clock.now());
    this.#window.add(source === 'hedge' ? HEDGED_REQUESTS : REQUESTS);
  }

  /**
   * Counts the retries of a call that has succeeded. It has an effect with `counts: 'failed'`.
   *
   * @param retries - the number of retries of the call, without those of requests that were never sent.
   */
  recordRecovery(retries: number): void {
    if (this.#countsAll) return;
    this.#window.advance(this.#clock.now());
    for (let retry = 0; retry < retries; retry++) this.#window.add(RECOVERED);
  }

  /**
   * Takes one retry from the budget. Returns false if none is left.
   *
   * @param outcome - the outcome of the attempt that is repeated; undefined for a hedge that follows a delay.
   */
  tryRetry(outcome?: Outcome): boolean {
    if (!this.#countsAll && outcome !== undefined && isNeverSent(outcome)) return true;
    this.#window.advance(this.#clock.now());
    if (this.#available() < 1) return false;
    this.#window.add(RETRIES);
    return true;
  }

  /** Statistics of the current window. */
  get stats(): RetryBudgetStats {
    this.#window.advance(this.#clock.now());
    return {
      requests: this.#requests,
      retries: this.#retries,
      available: Math.max(0, Math.floor(this.#available())),
    };
  }

  /**
   * The number of requests in the window. A call that passes a retry and a hedge is reported by both. Where some calls
   * pass only one of them, this is less than the number of calls, never more.
   */
  get #requests(): number {
    return Math.max(this.#window.total(REQUESTS), this.#window.total(HEDGED_REQUESTS));
  }

  #available(): number {
    const allowed = this.ratio * this.#requests + this.floor;
    return allowed - this.#retries + ROUNDING;
  }

  /** The number of retries in the window. A retry can leave the window before its call succeeds. */
  get #retries(): number {
    return Math.max(0, this.#window.total(RETRIES) - this.#window.total(RECOVERED));
  }
}

/** Tolerance for rounding: 0.1 × 30 is slightly above 3 and 0.3 × 10 slightly below. Neither may cost a retry. */
const ROUNDING = 1e-9;
