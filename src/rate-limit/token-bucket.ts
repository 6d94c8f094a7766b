import type { Clock } from '../core/clock.js';
import type { Duration } from '../core/duration.js';
import { readOptions } from '../core/options.js';
import { BaseLimiter } from './base-limiter.js';
import { type Flow, flowOf } from './flow.js';
import { type Numbers, Rules } from './rules.js';
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
    super('TokenBucket', name, clock, (owner) => new TokenBucketRules(owner, rate));
  }
}

interface Tokens {
  /** In grains, as of then. */
  level: number;
  asOf: number;
}

class TokenBucketRules extends Rules<Tokens> {
  readonly width = 2;
  readonly #rate: TokenBucketRate;
  readonly #flow: Flow;
  readonly #full: number;

  constructor(owner: string, { capacity, refill, per }: TokenBucketRate) {
    super(owner, checkLimit(owner, 'capacity', capacity));
    this.#flow = flowOf(owner, 'refill', refill, per, this.limit);
    this.#full = this.limit * this.#flow.perToken;
    this.#rate = { capacity: this.limit, refill, per: periodOption(checkPeriod(owner, per)) };
  }

  fresh(): Tokens {
    return { level: this.#full, asOf: 0 };
  }

  save(state: Tokens, into: Numbers, at: number): void {
    into[at] = state.level;
    into[at + 1] = state.asOf;
  }

  load(state: Tokens, from: Numbers, at: number): void {
    state.level = from[at] as number;
    state.asOf = from[at + 1] as number;
  }

  #levelAt(state: Tokens, time: number): number {
    return Math.min(this.#full, state.level + (time - state.asOf) * this.#flow.perMicro);
  }

  availableAt(state: Tokens, cost: number, from: number): number {
    const missing = cost * this.#flow.perToken - this.#levelAt(state, from);
    return missing > 0 ? from + Math.ceil(missing / this.#flow.perMicro) : from;
  }

  take(state: Tokens, cost: number, at: number): void {
    state.level = this.#levelAt(state, at) - cost * this.#flow.perToken;
    state.asOf = at;
  }

  /** Tokens that wait in the bucket are not lost: a late waiter changes nothing unless the bucket has run over. */
  override isLate(before: Numbers, _due: number, now: number): boolean {
    const [level = 0, asOf = 0] = [before[0], before[1]];
    return level + (now - asOf) * this.#flow.perMicro > this.#full;
  }

  /** It is one and the same bucket whenever it was taken; what does not fit is lost. */
  giveBack(state: Tokens, cost: number, now: number): void {
    state.level = Math.min(this.#full, this.#levelAt(state, now) + cost * this.#flow.perToken);
    state.asOf = now;
  }

  remaining(state: Tokens, now: number): number {
    return Math.floor(this.#levelAt(state, now) / this.#flow.perToken);
  }

  idleAt(state: Tokens): number {
    return state.asOf + Math.ceil((this.#full - state.level) / this.#flow.perMicro);
  }

  changed(options: object): TokenBucketRules {
    return new TokenBucketRules(this.owner, readOptions<TokenBucketRate>(this.owner, options as never, this.#rate));
  }

  /** The tokens stay, as many as fit. */
  adopt(state: Tokens, before: TokenBucketRules, now: number): void {
    const level = BigInt(before.#levelAt(state, now)) * BigInt(this.#flow.perToken);
    state.level = Math.min(this.#full, Number(level / BigInt(before.#flow.perToken)));
    state.asOf = now;
  }
}
