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

/** The verbs that all limiters of ours share, over a gate. */
export class GatedLimiter implements RateLimiter {
  /** Not for callers: where `allOf`, `KeyedRateLimiter` and `rateLimit` take hold of it. */
  readonly '~gate': LimiterCore;

  constructor(core: LimiterCore) {
    this['~gate'] = core;
  }

  /**
   * Takes `cost` now, or says when that will be possible. Refused while others are in line.
   * @throws InvalidOptionError when `cost` is no integer ≥ 0, RangeError when it is more than may ever pass at once.
   */
  tryAcquire(cost = 1): Decision {
    return this['~gate'].decide(cost, true);
  }

  /** What `tryAcquire(cost)` would answer, taking nothing. @throws as `tryAcquire` does. */
  peek(cost = 1): Decision {
    return this['~gate'].decide(cost, false);
  }

  /**
   * Waits for `cost`, first come first served. Resolves with a refusal at once when the wait would be longer than
   * `maxWait`; rejects with the reason of `signal`, and with what `tryAcquire` throws.
   */
  async acquire(options?: WaitOptions): Promise<Decision> {
    const core = this['~gate'];
    const { cost, maxWait, signal } = readWait(core.owner, options);
    if (signal?.aborted) throw signal.reason;
    return core.acquire(cost, maxWait, signal === null ? undefined : scopeOf(signal));
  }

  /** Takes `cost` out of what is to come, for a caller that waits `delayMs` by itself. @throws as `tryAcquire` does. */
  reserve(options?: ReserveOptions): Reservation {
    const core = this['~gate'];
    const { cost, maxWait } = readReserve(core.owner, options);
    const booked = core.reserve(cost, maxWait);
    return reservation(core, booked, () => core.refund(cost, booked.due));
  }

  /**
   * Gives back `cost` that was taken just now and not used; never more than the current window, or bucket, has given.
   * @throws as `tryAcquire` does.
   */
  refund(cost: number): void {
    this['~gate'].refund(cost);
  }

  /**
   * Changes the options given, keeping what has been taken and who waits. Waiters get new times; one whose cost can
   * never pass any more is rejected with a RangeError. A reservation keeps its time.
   * @throws InvalidOptionError for options that cannot work; nothing has changed then.
   */
  reconfigure(options: object): void {
    const { queue, limits } = this['~gate'];
    for (const limit of limits) limit.reconfigure(options, queue.now());
  }
}

/** The face of one algorithm. `Rate` is what `reconfigure` may change. */
export abstract class BaseLimiter<Rate extends object> extends GatedLimiter {
  constructor(
    kind: string,
    name: string | undefined,
    clock: Clock | undefined,
    makeRules: (owner: string) => LimitAlgorithm<unknown>,
  ) {
    const owner = checkName(kind, name);
    const queue = queueOf(checkClock(owner, clock));
    super(new LimiterCore(owner, queue, [new LimitState(makeRules(owner), queue)]));
  }

  override reconfigure(options: Partial<Rate>): void {
    super.reconfigure(options);
  }
}

/** Something with the verbs of a limiter. */
export function checkLimiter(owner: string, option: string, limiter: RateLimiter): RateLimiter {
  return checkMethods(owner, option, limiter, ['tryAcquire', 'peek', 'acquire', 'reserve', 'refund', 'reconfigure']);
}

/** Waits at any limiter; without reading a signal, if it is one of ours. @param maxWait - in microseconds. */
export function acquireFrom(
  limiter: RateLimiter,
  cost: number,
  maxWait: number,
  scope: AbortScope | undefined,
  signal: () => AbortSignal | null,
): Decision | Promise<Decision> {
  if (limiter instanceof GatedLimiter) return limiter['~gate'].acquire(cost, maxWait, scope);
  return limiter.acquire({ cost, maxWait: maxWait / 1000, signal: signal() });
}

interface AcquireRequest {
  readonly cost: number;
  /** In microseconds. */
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

/** In microseconds. */
export function checkMaxWait(owner: string, maxWait: ReserveOptions['maxWait']): number {
  return toMicros(toMs(owner, 'maxWait', maxWait, { orZero: true, orInfinity: true }));
}

/** @param giveBack - for when it is due already. */
export function reservation(
  core: LimiterCore,
  { decision, now, due, ticket }: ReservationResult,
  giveBack: () => void,
): Reservation {
  let isHeld = decision.allowed;
  const cancel = (): void => {
    if (!isHeld) return;
    isHeld = false;
    if (ticket === undefined || !core.withdraw(ticket)) giveBack();
  };
  return { decision, delayMs: toWholeMs(due - now), cancel, [Symbol.dispose]: cancel };
}
