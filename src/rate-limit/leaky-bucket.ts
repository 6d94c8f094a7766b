import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { type ExactRate, exactRateOf } from './exact-rate.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

export interface LeakyBucketRate {
  /** What the bucket holds: an integer from 1 to 10^15. */
  readonly capacity: number;
  /** What leaks out during one `per`. Above 0; need not be an integer. */
  readonly leak: number;
  /** The time in which `leak` leaks out: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

export interface LeakyBucketOptions extends LeakyBucketRate {
  /** What it goes by in errors. @defaultValue 'LeakyBucket' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Turns bursts into an even flow of `leak` per `per`, or measures whether there is one.
 *
 * Picture a bucket with a hole. Each call pours in its `cost`; the bucket leaks at a steady rate until it is empty:
 *
 *     level(now) = max(0, level − (now − asOf) × leak / per)
 *
 * As a meter (Turner, 1986), `tryAcquire` passes at once what still fits: `level + cost ≤ capacity`. Those are the
 * decisions of a token bucket, seen upside down. As a queue (Tanenbaum), `acquire` and `reserve` let each call leave when
 * all that was poured in before it has leaked: the first at once, those behind it one by one, `cost × per / leak` apart.
 * There `capacity` does not bound the line; `maxWait` does.
 *
 * Take it where the other side wants no bursts at all; otherwise a `TokenBucket` answers sooner.
 *
 * O(1) a decision; two numbers of state, integers as in `TokenBucket`. Turns are whole microseconds, and what is rounded
 * for one is not lost for the next: the flow is exact. A waiter that is released late moves the turns behind it, so that
 * calls never leave closer together than that. Turns less than a millisecond apart are forgiven 2 ms, since no timer
 * could keep them apart.
 *
 * @throws InvalidOptionError for options that cannot work.
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

/** In microseconds. */
const MILLISECOND = 1000;

interface LeakyBucketState {
  /** In grains, as of then. */
  level: number;
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
      // Its turn is the first whole microsecond at which the bucket is empty. The bucket was empty a little before that,
      // and leaks on from there: so much of the level stays as leaks in the last part of a microsecond.
      const micros = Math.floor(state.level / this.#exactRate.unitsPerMicrosecond);
      state.level -= micros * this.#exactRate.unitsPerMicrosecond;
      state.asOf += micros;
    }
    state.level += cost * this.#exactRate.unitsPerToken;
  }

  /** Turns that are closer together than timers can be set would otherwise become one turn a timer. */
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

  /** What is in the bucket stays in it, even if that is more than it holds now. */
  migrateState(state: LeakyBucketState, before: LeakyBucketAlgorithm, now: number): void {
    const level = BigInt(before.#levelAt(state, now)) * BigInt(this.#exactRate.unitsPerToken);
    const perToken = BigInt(before.#exactRate.unitsPerToken);
    state.level = Number((level + perToken - 1n) / perToken);
    state.asOf = now;
  }
}
