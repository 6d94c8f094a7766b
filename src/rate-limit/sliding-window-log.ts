import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';
import { TakeLog } from './take-log.js';

/** The options of `SlidingWindowLog` that `reconfigure` can change. */
export interface SlidingWindowLogRate {
  /** The cost allowed in any window: an integer from 1 to 10^15. */
  readonly limit: number;
  /** The length of a window: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

/** The options of `SlidingWindowLog`. */
export interface SlidingWindowLogOptions extends SlidingWindowLogRate {
  /** The name of the limiter in error messages. @defaultValue 'SlidingWindowLog' */
  readonly name?: string | undefined;
  /** The clock that the limiter reads. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Sliding window log: allows at most `limit` in any window of length `per`, wherever the window begins. Exact.
 *
 * The time and cost of every allowed call are logged, and removed when they are `per` old:
 *
 *         ·|  ·   · ··      ·  |
 *          |←——————per——————→ now          allowed: taken in (now − per, now] + cost ≤ limit
 *
 * Use it for limits that must never be exceeded ("no more than 5 logins in any 10 minutes") and for a server that
 * counts its limit this way. It needs 16 to 32 bytes for each call in the window, while the other limiters keep two or
 * three numbers. For large limits use a `SlidingWindowCounter` or a `TokenBucket`.
 *
 * O(1) per decision if only the oldest call must expire, otherwise O(log limit). Calls within one microsecond share an
 * entry. The ring buffer grows when needed, up to `limit` plus the number of waiters.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const logins = new SlidingWindowLog({ limit: 5, per: '10m' });
 * const { allowed, retryAfterMs } = logins.tryAcquire();
 * if (!allowed) console.log(`the next try in ${retryAfterMs} ms`);
 * ```
 */
export class SlidingWindowLog extends BaseLimiter<SlidingWindowLogRate> {
  constructor(options: SlidingWindowLogOptions) {
    const { clock, name, ...rate } = readOptions('SlidingWindowLog', options, {
      limit: undefined,
      per: undefined,
      name: 'SlidingWindowLog',
      clock: undefined,
    });
    super('SlidingWindowLog', name, clock, (owner) => new SlidingWindowLogAlgorithm(owner, rate));
  }
}

class SlidingWindowLogAlgorithm extends LimitAlgorithm<TakeLog> {
  readonly width = 2;
  override readonly isWhole = false;
  readonly #period: number;

  constructor(owner: string, { limit, per }: SlidingWindowLogRate) {
    super(owner, checkLimit(owner, 'limit', limit));
    this.#period = checkPeriod(owner, per);
  }

  fresh(): TakeLog {
    return new TakeLog();
  }

  /** Saves only the end of the log: `load` cuts off what queued tickets added, so no earlier entry needs a copy. */
  save(log: TakeLog, into: Numbers, at: number): void {
    into[at] = log.end;
    into[at + 1] = log.total;
  }

  load(log: TakeLog, from: Numbers, at: number): void {
    log.cut(from[at] as number, from[at + 1] as number);
  }

  /** The first run that still counts at `time`. */
  #firstAt(log: TakeLog, time: number): number {
    return log.firstAfter(time - this.#period);
  }

  #takenAt(log: TakeLog, time: number): number {
    return log.total - log.totalBefore(this.#firstAt(log, time));
  }

  availableAt(log: TakeLog, cost: number, from: number): number {
    const excess = this.#takenAt(log, from) + cost - this.limit;
    if (excess <= 0) return from;
    const run = log.firstReaching(log.totalBefore(this.#firstAt(log, from)) + excess);
    return log.timeOf(run) + this.#period;
  }

  take(log: TakeLog, cost: number, at: number, now: number): void {
    log.forgetBefore(this.#firstAt(log, now));
    if (at === now) log.rebase(); // no ticket is queued, so no saved end of the log refers to the old totals
    log.add(at, cost);
  }

  /** Without `takenAt`, refunds the oldest runs, so that the log never undercounts the window afterwards. */
  refund(log: TakeLog, cost: number, now: number, takenAt?: number): void {
    log.forgetBefore(this.#firstAt(log, now));
    if (takenAt === undefined) log.takeBackOldest(cost);
    else {
      const run = log.firstAfter(takenAt - 1);
      if (run < log.end && log.timeOf(run) === takenAt) log.takeBack(run, cost);
    }
  }

  remaining(log: TakeLog, now: number): number {
    return Math.max(0, this.limit - this.#takenAt(log, now));
  }

  resetAt(log: TakeLog): number {
    return log.begin === log.end ? 0 : log.timeOf(log.end - 1) + this.#period;
  }

  withOptions(options: object): SlidingWindowLogAlgorithm {
    const rate = { limit: this.limit, per: periodOption(this.#period) };
    const changed = readOptions<SlidingWindowLogRate>(this.owner, options as never, rate);
    return new SlidingWindowLogAlgorithm(this.owner, changed);
  }

  /** Keeps the log. Runs that expired under a shorter period are not restored. */
  migrateState(log: TakeLog, before: SlidingWindowLogAlgorithm, now: number): void {
    log.forgetBefore(before.#firstAt(log, now));
  }
}
