import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { type ExactRate, exactRateOf } from './exact-rate.js';
import { LimitAlgorithm, type Numbers } from './limit-algorithm.js';
import { checkLimit, checkPeriod, periodOption } from './settings.js';

export interface TokenBucketRate {
  /** Tokens in a full bucket, the largest burst: an integer from 1 to 10^15. */
  readonly capacity: number;
  /** Tokens that flow in during one `per`. Above 0; need not be an integer. */
  readonly refill: number;
  /** The time in which `refill` tokens flow in: from 0.001 ms to 70 years, in whole microseconds. */
  readonly per: Duration;
}

export interface TokenBucketOptions extends TokenBucketRate {
  /** What it goes by in errors. @defaultValue 'TokenBucket' */
  readonly name?: string | undefined;
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined;
}

/**
 * Admits bursts of up to `capacity` and, in the long run, `refill` per `per`.
 *
 * Picture a bucket that starts full. Tokens drip in at a steady rate; what does not fit is lost. A call takes `cost`
 * tokens, or is refused and takes none:
 *
 *     tokens(now) = min(capacity, tokens + (now − asOf) × refill / per)        allowed: cost ≤ tokens(now)
 *
 * Hence in any span of t at most `capacity + t × refill / per` tokens are granted, wherever the span begins: there is no
 * window edge to exploit. The one to take when in doubt; not for "at most n in any minute", where a burst and the refill
 * after it may come to twice as much (`SlidingWindowLog`).
 *
 * Nothing ticks. The level is worked out when somebody asks, in integers, from the time that has passed: nothing is ever
 * lost or gained by rounding. O(1) a decision, two numbers of state. The decisions are those of GCRA (ITU-T I.371) with a
 * burst of `capacity`.
 *
 * @throws InvalidOptionError for options that cannot work.
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
  /** In grains, as of then. */
  level: number;
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

  /** Tokens that wait in the bucket are not lost: a late waiter changes nothing unless the bucket has run over. */
  override isLate(before: Numbers, _due: number, now: number): boolean {
    const [level = 0, asOf = 0] = [before[0], before[1]];
    return level + (now - asOf) * this.#exactRate.unitsPerMicrosecond > this.#full;
  }

  /** It is one and the same bucket whenever it was taken; what does not fit is lost. */
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

  /** The tokens stay, as many as fit. */
  migrateState(state: TokenBucketState, before: TokenBucketAlgorithm, now: number): void {
    const level = BigInt(before.#levelAt(state, now)) * BigInt(this.#exactRate.unitsPerToken);
    state.level = Math.min(this.#full, Number(level / BigInt(before.#exactRate.unitsPerToken)));
    state.asOf = now;
  }
}
