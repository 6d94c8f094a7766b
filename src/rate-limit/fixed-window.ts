import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

/** The options of `FixedWindow` that `reconfigure` can change. */
export interface FixedWindowRate {
  /** The cost allowed in one window: an integer from 1 to 10^15. */
  readonly limit: number;
  /** The length of a window: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

/** The options of `FixedWindow`. */
export interface FixedWindowOptions extends FixedWindowRate {
  /** The name of the limiter in error messages. @defaultValue 'FixedWindow' */
  readonly name?: string | undefined;
  /** The clock that the limiter reads. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Fixed window: allows up to `limit` in each window of length `per`.
 *
 * A window begins with the first call after the previous window has ended, not at a round time of the wall clock:
 *
 *     |■■■■■······|    |■■■■■······|■■■■■······|
 *     first call       first call   starts at the end of the previous window if a caller waited
 *
 * Use it for limits that must be easy to explain ("100 per hour, counted from your first call"), such as a quota on an
 * invoice. Its weakness is the edge between two windows: `limit` at the end of one window and `limit` at the start of
 * the next are 2 × `limit` within a moment. If that is too many, use a `SlidingWindowCounter`, which needs about as
 * little memory, or a `SlidingWindowLog`, which is exact.
 *
 * O(1) per decision, two numbers of state.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const exports = new FixedWindow({ limit: 100, per: '1h' });
 * const { allowed, remaining, resetAfterMs } = exports.tryAcquire();
 * console.log(allowed, `${remaining} left for ${resetAfterMs} ms`); // true 99 left for 3600000 ms
 * ```
 */
export class FixedWindow extends BaseLimiter<FixedWindowRate> {
  constructor(options: FixedWindowOptions) {
    const { clock, name, ...rate } = readOptions('FixedWindow', options, {
      limit: undefined,
      per: undefined,
      name: 'FixedWindow',
      clock: undefined,
    });
    super('FixedWindow', name, clock, (owner) => new FixedWindowAlgorithm(owner, rate));
  }
}

interface Window {
  /** The start of the window in microseconds. */
  startedAt: number;
  /** The cost taken in the window; 0 means that no window has started. */
  taken: number;
}

class FixedWindowAlgorithm extends LimitAlgorithm<Window> {
  readonly width = 2;
  readonly #period: number;

  constructor(owner: string, { limit, per }: FixedWindowRate) {
    super(owner, checkLimit(owner, 'limit', limit));
    this.#period = checkPeriod(owner, per);
  }

  fresh(): Window {
    return { startedAt: 0, taken: 0 };
  }

  save(state: Window, into: Numbers, at: number): void {
    into[at] = state.startedAt;
    into[at + 1] = state.taken;
  }

  load(state: Window, from: Numbers, at: number): void {
    state.startedAt = from[at] as number;
    state.taken = from[at + 1] as number;
  }

  #takenAt(state: Window, time: number): number {
    return time < this.resetAt(state) ? state.taken : 0;
  }

  availableAt(state: Window, cost: number, from: number): number {
    return this.#takenAt(state, from) + cost <= this.limit ? from : this.resetAt(state);
  }

  take(state: Window, cost: number, at: number): void {
    state.taken = this.#takenAt(state, at) + cost;
    if (state.taken === cost) state.startedAt = at;
  }

  refund(state: Window, cost: number, now: number, takenAt = now): void {
    if (takenAt >= state.startedAt) state.taken = Math.max(0, this.#takenAt(state, now) - cost);
  }

  remaining(state: Window, now: number): number {
    return Math.max(0, this.limit - this.#takenAt(state, now));
  }

  /** The end of the window. */
  resetAt(state: Window): number {
    return state.taken === 0 ? 0 : state.startedAt + this.#period;
  }

  withOptions(options: object): FixedWindowAlgorithm {
    const rate = { limit: this.limit, per: periodOption(this.#period) };
    return new FixedWindowAlgorithm(this.owner, readOptions<FixedWindowRate>(this.owner, options as never, rate));
  }

  /** Keeps the count of a running window. A window that has ended stays ended, even if the new period is longer. */
  migrateState(state: Window, before: FixedWindowAlgorithm, now: number): void {
    state.taken = before.#takenAt(state, now);
  }
}
