/// <reference lib="esnext.disposable" preserve="true" />
import { type AbortScope, checkSignal, scopeOf } from '../core/abort-scope.js';
import { type Clock, checkClock } from '../core/clock.js';
import { toMs } from '../core/duration.js';
import type { Decision } from '../core/errors.js';
import { checkMethods, checkName, readOptions } from '../core/options.js';
import type { LimitAlgorithm } from './limit-algorithm.js';
import { LimitState } from './limit-state.js';
import { LimiterCore, type ReservationResult } from './limiter-core.js';
import type { RateLimiter, Reservation, ReserveOptions, WaitOptions } from './rate-limiter.js';
import { toMicros, toWholeMs } from './timeline.js';
import { queueOf } from './wait-queue.js';

/** A limiter that delegates to a `LimiterCore`: the base of all limiters of this package. */
export class CoreLimiter implements RateLimiter {
  /** Internal: used by `allOf`, `KeyedRateLimiter` and `rateLimit`. */
  readonly '~core': LimiterCore;

  constructor(core: LimiterCore) {
    this['~core'] = core;
  }

  /**
   * Takes `cost` now, or returns a decision with the time after which it will be possible. While callers wait, the call
   * is rejected, so it cannot overtake them.
   * @throws InvalidOptionError if `cost` is not an integer ≥ 0.
   * @throws RangeError if `cost` is above the limit, so that it can never be admitted.
   */
  tryAcquire(cost = 1): Decision {
    return this['~core'].decide(cost, true);
  }

  /** Returns the decision that `tryAcquire(cost)` would return, and takes nothing. @throws As `tryAcquire`. */
  peek(cost = 1): Decision {
    return this['~core'].decide(cost, false);
  }

  /**
   * Waits until `cost` can be taken. Waiters are served in arrival order. If the wait would be longer than `maxWait`,
   * the promise resolves without waiting, with `allowed: false`. It rejects with the abort reason of `signal`, and with
   * the errors that `tryAcquire` throws.
   */
  async acquire(options?: WaitOptions): Promise<Decision> {
    const core = this['~core'];
    const { cost, maxWait, signal } = readWait(core.owner, options);
    if (signal?.aborted) throw signal.reason;
    return core.acquire(cost, maxWait, signal === null ? undefined : scopeOf(signal));
  }

  /** Reserves `cost` from future capacity. The caller waits `delayMs` before it acts. @throws As `tryAcquire`. */
  reserve(options?: ReserveOptions): Reservation {
    const core = this['~core'];
    const { cost, maxWait } = readReserve(core.owner, options);
    const reserved = core.reserve(cost, maxWait);
    return reservation(core, reserved, () => core.refund(cost, reserved.due));
  }

  /**
   * Refunds a `cost` that was taken just now and not used. A refund never exceeds what was taken from the current
   * window or bucket.
   * @throws InvalidOptionError if `cost` is not an integer ≥ 0.
   */
  refund(cost: number): void {
    this['~core'].refund(cost);
  }

  /**
   * Changes the given options and keeps the capacity taken so far and the waiters. Waiters get new times. A waiter
   * whose cost can never be admitted under the new options is rejected with a RangeError. A reservation keeps its time.
   * @throws InvalidOptionError if an option is invalid; in this case nothing has changed.
   */
  reconfigure(options: object): void {
    const { queue, limits } = this['~core'];
    for (const limit of limits) limit.reconfigure(options, queue.now());
  }
}

/** The base class of the limiters with one algorithm. `Rate` contains the options that `reconfigure` can change. */
export abstract class BaseLimiter<Rate extends object> extends CoreLimiter {
  constructor(
    kind: string,
    name: string | undefined,
    clock: Clock | undefined,
    createAlgorithm: (owner: string) => LimitAlgorithm<unknown>,
  ) {
    const owner = checkName(kind, name);
    const queue = queueOf(checkClock(owner, clock));
    super(new LimiterCore(owner, queue, [new LimitState(createAlgorithm(owner), queue)]));
  }

  override reconfigure(options: Partial<Rate>): void {
    super.reconfigure(options);
  }
}

/** Returns the clock of a limiter of any copy of this package; undefined for another limiter. */
export function clockOf(limiter: RateLimiter): Clock | undefined {
  return (limiter as Partial<CoreLimiter>)['~core']?.queue.clock;
}

/** Checks that a value has the methods of a limiter. */
export function checkLimiter(owner: string, option: string, limiter: RateLimiter): RateLimiter {
  return checkMethods(owner, option, limiter, ['tryAcquire', 'peek', 'acquire', 'reserve', 'refund', 'reconfigure']);
}

/**
 * Waits at any limiter. For a limiter of this package, the abort scope is used and no signal is created.
 * @param maxWait - In microseconds.
 */
export function acquireFrom(
  limiter: RateLimiter,
  cost: number,
  maxWait: number,
  scope: AbortScope | undefined,
  signal: () => AbortSignal | null,
): Decision | Promise<Decision> {
  if (limiter instanceof CoreLimiter) return limiter['~core'].acquire(cost, maxWait, scope);
  return limiter.acquire({ cost, maxWait: maxWait / 1000, signal: signal() });
}

interface AcquireRequest {
  readonly cost: number;
  /** The longest wait in microseconds. */
  readonly maxWait: number;
}

const RESERVE_DEFAULTS = { cost: 1, maxWait: Infinity } as const;

export function readReserve(owner: string, options: ReserveOptions | undefined): AcquireRequest {
  const { cost, maxWait } = readOptions(`${owner}.reserve`, options, RESERVE_DEFAULTS);
  return { cost, maxWait: checkMaxWait(owner, maxWait) };
}

export function readWait(
  owner: string,
  options: WaitOptions | undefined,
): AcquireRequest & { signal: AbortSignal | null } {
  const { cost, maxWait, signal } = readOptions(`${owner}.acquire`, options, { ...RESERVE_DEFAULTS, signal: null });
  return { cost, maxWait: checkMaxWait(owner, maxWait), signal: checkSignal(owner, signal) };
}

/** Checks the `maxWait` option and converts it to microseconds. */
export function checkMaxWait(owner: string, maxWait: ReserveOptions['maxWait']): number {
  return toMicros(toMs(owner, 'maxWait', maxWait, { orZero: true, orInfinity: true }));
}

/**
 * Creates the reservation object for a result.
 * @param refund - Refunds the cost if the reservation is already due when it is cancelled.
 */
export function reservation(
  core: LimiterCore,
  { decision, now, due, ticket }: ReservationResult,
  refund: () => void,
): Reservation {
  let isHeld = decision.allowed;
  const cancel = (): void => {
    if (!isHeld) return;
    isHeld = false;
    if (ticket === undefined || !core.withdraw(ticket)) refund();
  };
  return { decision, delayMs: toWholeMs(due - now), cancel, [Symbol.dispose]: cancel };
}
