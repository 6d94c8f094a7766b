import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, LARGEST, periodOption } from './settings.js';

/** The options of `SlidingWindowCounter` that `reconfigure` can change. */
export interface SlidingWindowCounterRate {
  /** The estimated cost allowed in a window: an integer from 1 to 10^15. */
  readonly limit: number;
  /** The length of a window: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

/** The options of `SlidingWindowCounter`. */
export interface SlidingWindowCounterOptions extends SlidingWindowCounterRate {
  /** The name of the limiter in error messages. @defaultValue 'SlidingWindowCounter' */
  readonly name?: string | undefined;
  /** The clock that the limiter reads. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Sliding window counter: allows about `limit` in any window of length `per`, with the memory of two counters.
 *
 * Windows follow each other from the first call on. The cost taken in the last `per` is estimated as the count of the
 * current window plus the share of the previous window that still overlaps, as if its calls had been evenly spread:
 *
 *     |  previous  |  current   |
 *            |←——— per ———→|             estimate = previous × (per − elapsed) / per + current
 *                          now           allowed: estimate + cost ≤ limit
 *
 * Unlike a `FixedWindow`, it allows no burst at the edge: if `limit` is taken just before the edge, the next calls must
 * wait. But the count is an estimate:
 *
 * - If all calls of the previous window came at its end, up to 2 × `limit` − 2 may pass within one `per`.
 * - If they came at its start, calls are rejected that would have been within the limit.
 * - A client that calls all the time gets `limit` − 1 per window, since a part of the previous window counts until the
 *   current window ends. With a `limit` of 1, it gets one call in two windows.
 *
 * For real traffic the error is small: Cloudflare found 0.003 % of 400 million requests judged wrongly ("How we built
 * rate limiting capable of scaling to millions of domains", 2017). If the limit must never be exceeded, use a
 * `SlidingWindowLog`.
 *
 * O(1) per decision, three numbers of state. The arithmetic uses integers. If `limit` × `per` (in µs) is above 2^51,
 * the share is rounded up to slices of the window, so that the limiter never admits more than the formula.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const searches = new SlidingWindowCounter({ limit: 1000, per: '1m' });
 * if (!searches.tryAcquire().allowed) console.log('try again later');
 * ```
 */
export class SlidingWindowCounter extends BaseLimiter<SlidingWindowCounterRate> {
  constructor(options: SlidingWindowCounterOptions) {
    const { clock, name, ...rate } = readOptions('SlidingWindowCounter', options, {
      limit: undefined,
      per: undefined,
      name: 'SlidingWindowCounter',
      clock: undefined,
    });
    super('SlidingWindowCounter', name, clock, (owner) => new SlidingWindowCounterAlgorithm(owner, rate));
  }
}

interface Counts {
  /** The start of the current window in microseconds. */
  startedAt: number;
  /** The cost taken in the current window. */
  taken: number;
  /** The cost taken in the previous window. */
  before: number;
}

class SlidingWindowCounterAlgorithm extends LimitAlgorithm<Counts> {
  readonly width = 3;
  readonly #period: number;
  /** The length of a slice in microseconds: 1 if count × slices is exact with it. */
  readonly #slice: number;
  /** The number of slices in a window. */
  readonly #slices: number;

  constructor(owner: string, { limit, per }: SlidingWindowCounterRate) {
    super(owner, checkLimit(owner, 'limit', limit));
    this.#period = checkPeriod(owner, per);
    this.#slice = Math.ceil((this.#period / LARGEST) * this.limit);
    this.#slices = Math.floor(this.#period / this.#slice);
  }

  fresh(): Counts {
    return { startedAt: 0, taken: 0, before: 0 };
  }

  save(state: Counts, into: Numbers, at: number): void {
    into[at] = state.startedAt;
    into[at + 1] = state.taken;
    into[at + 2] = state.before;
  }

  load(state: Counts, from: Numbers, at: number): void {
    state.startedAt = from[at] as number;
    state.taken = from[at + 1] as number;
    state.before = from[at + 2] as number;
  }

  /** Returns how many windows after `startedAt` the time lies: 0, 1, or 2 for all later windows. */
  #windowsLater(startedAt: number, time: number): number {
    return time < startedAt + this.#period ? 0 : time < startedAt + 2 * this.#period ? 1 : 2;
  }

  availableAt({ startedAt, taken, before }: Counts, cost: number, from: number): number {
    const later = this.#windowsLater(startedAt, from);
    if (later === 0 && taken + cost <= this.limit)
      return this.#fadedAt(startedAt, before, this.limit - taken - cost, from);
    if (later < 2) return this.#fadedAt(startedAt + this.#period, taken, this.limit - cost, from);
    return from;
  }

  /** The time at which the share of the previous window has decreased to `room`. */
  #fadedAt(startedAt: number, before: number, room: number, from: number): number {
    const slicesLeft = Math.floor((room * this.#slices) / before); // Infinity, or not a number, when nothing was taken
    if (!(slicesLeft < this.#slices)) return Math.max(from, startedAt);
    return Math.max(from, startedAt + this.#period - slicesLeft * this.#slice);
  }

  /** Moves the windows forward to `time`. */
  #roll(state: Counts, time: number): void {
    const later = this.#windowsLater(state.startedAt, time);
    if (later === 0 && state.taken + state.before > 0) return;
    state.before = later === 1 ? state.taken : 0;
    state.startedAt = state.before > 0 ? state.startedAt + this.#period : time;
    state.taken = 0;
  }

  take(state: Counts, cost: number, at: number): void {
    this.#roll(state, at);
    state.taken += cost;
  }

  refund(state: Counts, cost: number, now: number, takenAt = now): void {
    this.#roll(state, now);
    if (takenAt >= state.startedAt) state.taken = Math.max(0, state.taken - cost);
    else if (takenAt >= state.startedAt - this.#period) state.before = Math.max(0, state.before - cost);
  }

  remaining({ startedAt, taken, before }: Counts, now: number): number {
    const later = this.#windowsLater(startedAt, now);
    const present = later === 0 ? taken : 0;
    const fading = later === 0 ? before : later === 1 ? taken : 0;
    const timeLeft = startedAt + (later + 1) * this.#period - now;
    const slicesLeft = Math.min(this.#slices, Math.ceil(timeLeft / this.#slice));
    const room = (this.limit - present) * this.#slices - fading * slicesLeft;
    return Math.max(0, Math.floor(room / this.#slices));
  }

  resetAt({ startedAt, taken, before }: Counts): number {
    return taken > 0 ? startedAt + 2 * this.#period : before > 0 ? startedAt + this.#period : 0;
  }

  withOptions(options: object): SlidingWindowCounterAlgorithm {
    const rate = { limit: this.limit, per: periodOption(this.#period) };
    const changed = readOptions<SlidingWindowCounterRate>(this.owner, options as never, rate);
    return new SlidingWindowCounterAlgorithm(this.owner, changed);
  }

  /** Keeps the counts. Windows have the new length from now on. */
  migrateState(state: Counts, before: SlidingWindowCounterAlgorithm, now: number): void {
    before.#roll(state, now);
  }
}
