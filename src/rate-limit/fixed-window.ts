import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

export interface FixedWindowRate {
  /** What may pass in one window: an integer from 1 to 10^15. */
  readonly limit: number;
  /** How long a window lasts: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

export interface FixedWindowOptions extends FixedWindowRate {
  /** What it goes by in errors. @defaultValue 'FixedWindow' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Admits up to `limit` in each window of length `per`.
 *
 * A window begins with the first call after the last one has ended, not by the clock on the wall:
 *
 *     |■■■■■······|    |■■■■■······|■■■■■······|
 *     first call       first call   the next one begins where this one ended, if somebody waited
 *
 * Easy to explain ("100 an hour, counted from your first call"), and a quota that can be printed on an invoice. But two
 * windows meet at an edge: `limit` at the end of one and `limit` at the start of the next are 2 × `limit` within a moment.
 * Where that hurts take a `SlidingWindowCounter` for as little memory, or a `SlidingWindowLog` to be exact.
 *
 * O(1) a decision, two numbers of state.
 *
 * @throws InvalidOptionError for options that cannot work.
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
  startedAt: number;
  /** 0: there is no window. */
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

  /** When the window ends. */
  resetAt(state: Window): number {
    return state.taken === 0 ? 0 : state.startedAt + this.#period;
  }

  withOptions(options: object): FixedWindowAlgorithm {
    const rate = { limit: this.limit, per: periodOption(this.#period) };
    return new FixedWindowAlgorithm(this.owner, readOptions<FixedWindowRate>(this.owner, options as never, rate));
  }

  /** A window that is over stays so, however long windows are from now on. */
  migrateState(state: Window, before: FixedWindowAlgorithm, now: number): void {
    state.taken = before.#takenAt(state, now);
  }
}
