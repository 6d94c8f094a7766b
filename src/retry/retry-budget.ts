import { type Clock, checkClock } from '../core/clock.js';
import { type Duration, toMs } from '../core/duration.js';
import { checkNumber, readOptions } from '../core/options.js';
import { TimeWindow } from '../core/time-window.js';

export interface RetryBudgetOptions {
  /** How many retries there may be for each request, 0 to 1. @defaultValue 0.2 */
  readonly ratio?: number | undefined;
  /** Retries a second that are always allowed, so that a quiet client may retry as well. @defaultValue 10 */
  readonly minPerSecond?: number | undefined;
  /** Over how long requests and retries are counted: at least 1 ms. @defaultValue '10s' */
  readonly window?: Duration | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

export interface RetryBudgetStats {
  /** Requests in the window, retries not counted. */
  readonly requests: number;
  /** Retries in the window. */
  readonly retries: number;
  /** Retries that would be allowed now. */
  readonly available: number;
}

const REQUESTS = 0;
const RETRIES = 1;

/**
 * Keeps retries from becoming the outage: when a dependency fails for everybody, a client that retries each call three
 * times triples the load on it. A budget, shared among all call sites of one dependency, allows retries only up to a
 * share of the requests (the window of Finagle's RetryBudget; gRPC's A6 has the same purpose):
 *
 * when a retry is granted, retries in the window ≤ `ratio` × requests in the window + `minPerSecond` × window.
 *
 * O(1) time and memory, no timer.
 *
 * @example
 * ```ts
 * const budget = new RetryBudget({ ratio: 0.1 });
 * const users = retry({ budget });
 * const orders = retry({ budget, maxAttempts: 5 });
 * ```
 */
export class RetryBudget {
  /** How many retries there may be for each request. */
  readonly ratio: number;
  /** How many retries there may be in the window besides. */
  readonly floor: number;
  readonly #clock: Clock;
  readonly #window: TimeWindow;

  constructor(options?: RetryBudgetOptions) {
    const owner = 'RetryBudget';
    const own = readOptions(owner, options, { ratio: 0.2, minPerSecond: 10, window: '10s', clock: undefined });
    const windowMs = toMs(owner, 'window', own.window, { min: 1 });
    this.ratio = checkNumber(owner, 'ratio', own.ratio, { min: 0, max: 1 });
    this.floor = (checkNumber(owner, 'minPerSecond', own.minPerSecond, { min: 0 }) * windowMs) / 1000;
    this.#clock = checkClock(owner, own.clock);
    this.#window = new TimeWindow(windowMs);
  }

  /** Counts a request: a first try. */
  recordRequest(): void {
    this.#window.advance(this.#clock.now());
    this.#window.add(REQUESTS);
  }

  /** Takes one retry out of the budget, or says that there is none left. */
  tryRetry(): boolean {
    this.#window.advance(this.#clock.now());
    if (this.#available() < 1) return false;
    this.#window.add(RETRIES);
    return true;
  }

  get stats(): RetryBudgetStats {
    this.#window.advance(this.#clock.now());
    return {
      requests: this.#window.total(REQUESTS),
      retries: this.#window.total(RETRIES),
      available: Math.max(0, Math.floor(this.#available())),
    };
  }

  #available(): number {
    const allowed = this.ratio * this.#window.total(REQUESTS) + this.floor;
    return allowed - this.#window.total(RETRIES) + ROUNDING;
  }
}

/** 0.1 × 30 is a little more than 3, 0.3 × 10 a little less: neither may cost a retry. */
const ROUNDING = 1e-9;
