import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { type ExactRate, exactRateOf } from './exact-rate.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

/** The options of `TokenBucket` that `reconfigure` can change. */
export interface TokenBucketRate {
  /** The number of tokens in a full bucket, which is the largest burst: an integer from 1 to 10^15. */
  readonly capacity: number;
  /** The number of tokens added during one `per`: a number above 0, not necessarily an integer. */
  readonly refill: number;
  /** The time in which `refill` tokens are added: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

/** The options of `TokenBucket`. */
export interface TokenBucketOptions extends TokenBucketRate {
  /** The name of the limiter in error messages. @defaultValue 'TokenBucket' */
  readonly name?: string | undefined;
  /** The clock that the limiter reads. @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Token bucket: allows bursts of up to `capacity` and, in the long run, `refill` per `per`.
 *
 * The bucket starts full. Tokens are added at a steady rate; tokens beyond `capacity` are discarded. A call takes
 * `cost` tokens, or is rejected and takes none:
 *
 *     tokens(now) = min(capacity, tokens + (now − asOf) × refill / per)        allowed: cost ≤ tokens(now)
 *
 * In any time span t at most `capacity + t × refill / per` tokens are granted, wherever the span begins, so there is no
 * window edge to exploit. The token bucket is the default choice. It does not guarantee "at most n in any minute": a
 * burst and the refill after it may add up to twice as much. For that guarantee use a `SlidingWindowLog`.
 *
 * The limiter needs no timer: it computes the level from the elapsed time when it is called. The arithmetic uses
 * integers, so rounding never loses or adds tokens. O(1) per decision, two numbers of state. The decisions are those of
 * GCRA (ITU-T I.371) with a burst of `capacity`.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const bucket = new TokenBucket({ capacity: 20, refill: 10, per: '1s' });
 * const { allowed, retryAfterMs } = bucket.tryAcquire();
 * if (!allowed) console.log(`again in ${retryAfterMs} ms`);
 * ```
 */
export class TokenBucket extends BaseLimiter<TokenBucketRate> {
  constructor(options: TokenBucketOptions) {
    const { clock, name, ...rate } = readOptions('TokenBucket', options, {
      capacity: undefined,
      refill: undefined,
      per: undefined,
      name: 'TokenBucket',
      clock: undefined,
    });
    super('TokenBucket', name, clock, (owner) => new TokenBucketAlgorithm(owner, rate));
  }
}

interface TokenBucketState {
  /** The level at `asOf`, in units of `ExactRate`. */
  level: number;
  /** The time of `level` in microseconds. */
  asOf: number;
}

class TokenBucketAlgorithm extends LimitAlgorithm<TokenBucketState> {
  readonly width = 2;
  readonly #rate: TokenBucketRate;
  readonly #exactRate: ExactRate;
  readonly #full: number;

  constructor(owner: string, { capacity, refill, per }: TokenBucketRate) {
    super(owner, checkLimit(owner, 'capacity', capacity));
    this.#exactRate = exactRateOf(owner, 'refill', refill, per, this.limit);
    this.#full = this.limit * this.#exactRate.unitsPerToken;
    this.#rate = { capacity: this.limit, refill, per: periodOption(checkPeriod(owner, per)) };
  }

  fresh(): TokenBucketState {
    return { level: this.#full, asOf: 0 };
  }

  save(state: TokenBucketState, into: Numbers, at: number): void {
    into[at] = state.level;
    into[at + 1] = state.asOf;
  }

  load(state: TokenBucketState, from: Numbers, at: number): void {
    state.level = from[at] as number;
    state.asOf = from[at + 1] as number;
  }

  #levelAt(state: TokenBucketState, time: number): number {
    return Math.min(this.#full, state.level + (time - state.asOf) * this.#exactRate.unitsPerMicrosecond);
  }

  availableAt(state: TokenBucketState, cost: number, from: number): number {
    const missing = cost * this.#exactRate.unitsPerToken - this.#levelAt(state, from);
    return missing > 0 ? from + Math.ceil(missing / this.#exactRate.unitsPerMicrosecond) : from;
  }

  take(state: TokenBucketState, cost: number, at: number): void {
    state.level = this.#levelAt(state, at) - cost * this.#exactRate.unitsPerToken;
    state.asOf = at;
  }

  /** Tokens stay in the bucket, so a late waiter changes the result only if the bucket has overflowed since. */
  override isLate(before: Numbers, _due: number, now: number): boolean {
    const [level = 0, asOf = 0] = [before[0], before[1]];
    return level + (now - asOf) * this.#exactRate.unitsPerMicrosecond > this.#full;
  }

  /** Ignores when the cost was taken, because a bucket has no windows. Tokens beyond the capacity are discarded. */
  refund(state: TokenBucketState, cost: number, now: number): void {
    state.level = Math.min(this.#full, this.#levelAt(state, now) + cost * this.#exactRate.unitsPerToken);
    state.asOf = now;
  }

  remaining(state: TokenBucketState, now: number): number {
    return Math.floor(this.#levelAt(state, now) / this.#exactRate.unitsPerToken);
  }

  resetAt(state: TokenBucketState): number {
    return state.asOf + Math.ceil((this.#full - state.level) / this.#exactRate.unitsPerMicrosecond);
  }

  withOptions(options: object): TokenBucketAlgorithm {
    return new TokenBucketAlgorithm(this.owner, readOptions<TokenBucketRate>(this.owner, options as never, this.#rate));
  }

  /** Keeps the tokens, up to the new capacity. */
  migrateState(state: TokenBucketState, before: TokenBucketAlgorithm, now: number): void {
    const level = BigInt(before.#levelAt(state, now)) * BigInt(this.#exactRate.unitsPerToken);
    state.level = Math.min(this.#full, Number(level / BigInt(before.#exactRate.unitsPerToken)));
    state.asOf = now;
  }
}
