import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { type ExactRate, exactRateOf } from './exact-rate.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

/** The options of `LeakyBucket` that `reconfigure` can change. */
export interface LeakyBucketRate {
  /** The cost that the bucket can hold: an integer from 1 to 10^15. */
  readonly capacity: number;
  /** The cost that leaks out during one `per`: a number above 0, not necessarily an integer. */
  readonly leak: number;
  /** The time in which `leak` leaks out: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

/** The options of `LeakyBucket`. */
export interface LeakyBucketOptions extends LeakyBucketRate {
  /** The name of the limiter in error messages. @defaultValue 'LeakyBucket' */
  readonly name?: string | undefined;
  /** The clock that the limiter reads. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Leaky bucket: spaces calls evenly at `leak` per `per` (as a queue), or checks whether they are spaced so (as a
 * meter).
 *
 * Each call adds its `cost` to the bucket, and the bucket leaks at a steady rate until it is empty:
 *
 *     level(now) = max(0, level − (now − asOf) × leak / per)
 *
 * As a meter (Turner, 1986), `tryAcquire` allows a call if it fits: `level + cost ≤ capacity`. These are the decisions
 * of a token bucket. As a queue (Tanenbaum), `acquire` and `reserve` start each call when everything added before it
 * has leaked: the first call starts without a wait, the calls behind it follow `cost × per / leak` apart. `capacity`
 * does not limit the length of the queue; `maxWait` does.
 *
 * Use a leaky bucket if the server accepts no bursts. Otherwise a `TokenBucket` has shorter waits.
 *
 * O(1) per decision, two numbers of state. The arithmetic uses integers as in `TokenBucket`. Start times are whole
 * microseconds, and the rounding of one start time is carried over to the next, so the rate is exact. A waiter that is
 * released late delays the waiters behind it, so calls never start closer together than specified. If start times are
 * less than a millisecond apart, a delay of up to 2 ms is ignored, because no timer could keep them apart.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const mails = new LeakyBucket({ capacity: 10, leak: 5, per: '1s' });
 * for (const address of ['ada@example.com', 'grace@example.com']) {
 *   await mails.acquire(); // 200 ms after the one before
 *   console.log(`to ${address}`);
 * }
 * ```
 */
export class LeakyBucket extends BaseLimiter<LeakyBucketRate> {
  constructor(options: LeakyBucketOptions) {
    const { clock, name, ...rate } = readOptions('LeakyBucket', options, {
      capacity: undefined,
      leak: undefined,
      per: undefined,
      name: 'LeakyBucket',
      clock: undefined,
    });
    super('LeakyBucket', name, clock, (owner) => new LeakyBucketAlgorithm(owner, rate));
  }
}

/** One millisecond in microseconds. */
const MILLISECOND = 1000;

interface LeakyBucketState {
  /** The level at `asOf`, in units of `ExactRate`. */
  level: number;
  /** The time of `level` in microseconds. */
  asOf: number;
}

class LeakyBucketAlgorithm extends LimitAlgorithm<LeakyBucketState> {
  readonly width = 2;
  readonly #rate: LeakyBucketRate;
  readonly #exactRate: ExactRate;
  readonly #leeway: number;

  constructor(owner: string, { capacity, leak, per }: LeakyBucketRate) {
    super(owner, checkLimit(owner, 'capacity', capacity));
    this.#exactRate = exactRateOf(owner, 'leak', leak, per, this.limit);
    this.#leeway =
      this.#exactRate.unitsPerToken < MILLISECOND * this.#exactRate.unitsPerMicrosecond ? 2 * MILLISECOND : 0;
    this.#rate = { capacity: this.limit, leak, per: periodOption(checkPeriod(owner, per)) };
  }

  fresh(): LeakyBucketState {
    return { level: 0, asOf: 0 };
  }

  save(state: LeakyBucketState, into: Numbers, at: number): void {
    into[at] = state.level;
    into[at + 1] = state.asOf;
  }

  load(state: LeakyBucketState, from: Numbers, at: number): void {
    state.level = from[at] as number;
    state.asOf = from[at + 1] as number;
  }

  #levelAt(state: LeakyBucketState, time: number): number {
    return Math.max(0, state.level - (time - state.asOf) * this.#exactRate.unitsPerMicrosecond);
  }

  availableAt(state: LeakyBucketState, cost: number, from: number): number {
    const surplus = this.#levelAt(state, from) - (this.limit - cost) * this.#exactRate.unitsPerToken;
    return surplus > 0 ? from + Math.ceil(surplus / this.#exactRate.unitsPerMicrosecond) : from;
  }

  take(state: LeakyBucketState, cost: number, at: number): void {
    state.level = this.#levelAt(state, at) + cost * this.#exactRate.unitsPerToken;
    state.asOf = at;
  }

  override availableInQueueAt(state: LeakyBucketState, _cost: number, from: number): number {
    return Math.max(from, this.resetAt(state));
  }

  override takeQueued(state: LeakyBucketState, cost: number, at: number): void {
    if (at > this.resetAt(state)) {
      state.level = 0;
      state.asOf = at;
    } else {
      // The call starts at the first whole microsecond at which the bucket is empty. The bucket was empty slightly
      // before that time and leaks on from there, so the level keeps the amount that leaks in the last fraction of a
      // microsecond.
      const micros = Math.floor(state.level / this.#exactRate.unitsPerMicrosecond);
      state.level -= micros * this.#exactRate.unitsPerMicrosecond;
      state.asOf += micros;
    }
    state.level += cost * this.#exactRate.unitsPerToken;
  }

  /** Tolerates `#leeway`: otherwise calls that are closer together than timer resolution would start one per timer. */
  override isLate(_before: Numbers, due: number, now: number): boolean {
    return now - due > this.#leeway;
  }

  refund(state: LeakyBucketState, cost: number, now: number): void {
    state.level = Math.max(0, this.#levelAt(state, now) - cost * this.#exactRate.unitsPerToken);
    state.asOf = now;
  }

  remaining(state: LeakyBucketState, now: number): number {
    const room = this.limit * this.#exactRate.unitsPerToken - this.#levelAt(state, now);
    return Math.max(0, Math.floor(room / this.#exactRate.unitsPerToken));
  }

  resetAt(state: LeakyBucketState): number {
    return state.asOf + Math.ceil(state.level / this.#exactRate.unitsPerMicrosecond);
  }

  withOptions(options: object): LeakyBucketAlgorithm {
    return new LeakyBucketAlgorithm(this.owner, readOptions<LeakyBucketRate>(this.owner, options as never, this.#rate));
  }

  /** Keeps the level, even if it is above the new capacity. */
  migrateState(state: LeakyBucketState, before: LeakyBucketAlgorithm, now: number): void {
    const level = BigInt(before.#levelAt(state, now)) * BigInt(this.#exactRate.unitsPerToken);
    const perToken = BigInt(before.#exactRate.unitsPerToken);
    state.level = Number((level + perToken - 1n) / perToken);
    state.asOf = now;
  }
}
