import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, LARGEST, periodOption } from './settings.js';

export interface SlidingWindowCounterRate {
  /** What may pass in a window, as estimated: an integer from 1 to 10^15. */
  readonly limit: number;
  /** How long a window lasts: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

export interface SlidingWindowCounterOptions extends SlidingWindowCounterRate {
  /** What it goes by in errors. @defaultValue 'SlidingWindowCounter' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Admits about `limit` in any window of length `per`, in the memory of two counters.
 *
 * Windows follow one another from the first call on. What has passed in the `per` until now is estimated: all of the
 * present window, and of the one before the share that still reaches into it, as if that had come evenly spread:
 *
 *     |   before   |   taken    |
 *            |←——— per ———→|             estimate = before × (per − elapsed) / per + taken
 *                          now           allowed: estimate + cost ≤ limit
 *
 * No burst at the edge as with a `FixedWindow`: a `limit` taken just before it keeps the next ones waiting. But it is an
 * estimate. When all of the window before came at its end, up to 2 × `limit` − 2 may pass within one `per`; when it came
 * at the start, calls are refused that would have been in order. Who asks all the time gets `limit` − 1 a window, since a
 * little of the window before counts until the present one ends; with a `limit` of 1, one call in two windows. For real traffic the error is small (Cloudflare
 * found 0.003 % of 400 million requests judged wrongly, "How we built rate limiting capable of scaling to millions of
 * domains", 2017). Where the limit is a promise, take a `SlidingWindowLog`.
 *
 * O(1) a decision, three numbers of state, in integers. For `limit` × `per` (in µs) above 2^51 the share is rounded up to
 * slices of the window, so that it never admits more than the formula.
 *
 * @throws InvalidOptionError for options that cannot work.
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
  /** When the present window began. */
  startedAt: number;
  taken: number;
  /** What was taken in the window before. */
  before: number;
}

class SlidingWindowCounterAlgorithm extends LimitAlgorithm<Counts> {
  readonly width = 3;
  readonly #period: number;
  /** The window in slices, one a microsecond if counts times slices can be exact. */
  readonly #slice: number;
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

  /** How many windows after that one the time lies: 0, 1, or 2 for all that are later. */
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

  /** When no more than `room` is left of what the window before had taken. */
  #fadedAt(startedAt: number, before: number, room: number, from: number): number {
    const slicesLeft = Math.floor((room * this.#slices) / before); // Infinity, or not a number, when nothing was taken
    if (!(slicesLeft < this.#slices)) return Math.max(from, startedAt);
    return Math.max(from, startedAt + this.#period - slicesLeft * this.#slice);
  }

  /** Brings the windows up to date. */
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

  /** The counts stay; windows are as long as the new ones from now on. */
  migrateState(state: Counts, before: SlidingWindowCounterAlgorithm, now: number): void {
    before.#roll(state, now);
  }
}
