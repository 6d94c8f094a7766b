import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';
import { TakeLog } from './take-log.js';

export interface SlidingWindowLogRate {
  /** What may pass in any window: an integer from 1 to 10^15. */
  readonly limit: number;
  /** How long a window lasts: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

export interface SlidingWindowLogOptions extends SlidingWindowLogRate {
  /** What it goes by in errors. @defaultValue 'SlidingWindowLog' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Admits at most `limit` in any window of length `per`, wherever it begins. Exact.
 *
 * Everything that passed is written down, and is forgotten when it is `per` old:
 *
 *         ·|  ·   · ··      ·  |
 *          |←——————per——————→ now          allowed: taken in (now − per, now] + cost ≤ limit
 *
 * For limits that are a promise ("no more than 5 logins in any 10 minutes") and for other people's limits that are
 * counted like this. It costs memory: 16 to 32 bytes for each call in the window, where the other limiters keep two or
 * three numbers. For large limits take a `SlidingWindowCounter` or a `TokenBucket`.
 *
 * O(1) a decision when the oldest call decides it, else O(log limit). Calls within one microsecond share an entry; the
 * ring grows as it is needed, to the `limit` and those in line at most.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  /** Only where the log ends: what is in line is cut off again, and nothing before it has to be copied. */
  save(log: TakeLog, into: Numbers, at: number): void {
    into[at] = log.end;
    into[at + 1] = log.total;
  }

  load(log: TakeLog, from: Numbers, at: number): void {
    log.cut(from[at] as number, from[at + 1] as number);
  }

  /** The first run that still counts at this time. */
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
    if (at === now) log.rebase(); // nobody is in line who could want to go back behind this
    log.add(at, cost);
  }

  /** What was taken just now is given back by the oldest, so that the window is never underrated afterwards. */
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

  /** What was forgotten under a shorter window stays forgotten. */
  migrateState(log: TakeLog, before: SlidingWindowLogAlgorithm, now: number): void {
    log.forgetBefore(before.#firstAt(log, now));
  }
}
