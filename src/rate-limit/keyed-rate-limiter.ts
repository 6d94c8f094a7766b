/// <reference lib="esnext.disposable" preserve="true" />
import { type AbortScope, scopeOf } from '../core/abort-scope.js';
import { type Clock, checkClock, isSameClock } from '../core/clock.js';
import { type Decision, InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkName, checkOneOf, readOptions } from '../core/options.js';
import { acquireFrom, CoreLimiter, checkLimiter, clockOf, readReserve, readWait, reservation } from './base-limiter.js';
import { KeyMembers } from './key-members.js';
import type { RateLimiter, Reservation, ReserveOptions, WaitOptions } from './rate-limiter.js';
import { toWholeMs } from './timeline.js';
import { queueOf, type WaitQueue } from './wait-queue.js';

/** The options of `KeyedRateLimiter`. */
export interface KeyedRateLimiterOptions {
  /** The maximum number of keys in memory: an integer from 1 to 16,777,215. @defaultValue 10_000 */
  readonly maxKeys?: number | undefined;
  /**
   * What happens to a new key while all `maxKeys` keys are in use. `'share'` counts all such keys together on one
   * shared limiter. `'reject'` rejects the key until a known key is idle, so a client that sends `maxKeys` made-up keys
   * can lock out every new key. @defaultValue 'share'
   */
  readonly atLimit?: 'share' | 'reject' | undefined;
  /** The name of the limiter in error messages. @defaultValue 'KeyedRateLimiter' */
  readonly name?: string | undefined;
  /** The clock of the limiters; only needed if `make` returns limiters of another package. @defaultValue their clock */
  readonly clock?: Clock | undefined;
}

/** The maximum number of entries in a Map. */
const MOST_KEYS = 0xff_ffff;

/**
 * Keeps one limiter per key, for example per user, address or tenant, with the same limits for all keys.
 *
 * Memory is bounded by `maxKeys`. A key is idle if nothing that it has taken still counts and no caller waits for it.
 * An idle key behaves exactly like a new key, so idle keys are evicted when a new key needs room, without an effect on
 * any decision. A key that is not idle is never evicted, so a client cannot reset its own limit by sending many other
 * keys. If no key is idle, `atLimit` decides how a new key is treated. A key that was reconfigured is kept until it is
 * deleted.
 *
 * O(1) per decision for a known key, amortised O(log n) for a new key. Only keys with waiters have a timer. A key is
 * stored as the two or three numbers of its limiter and a Map entry: 45 to 80 bytes, or up to 120 after `maxKeys` has
 * been reached. Logs, combinations and limiters of other packages are stored as objects.
 *
 * @throws InvalidOptionError if an option is invalid.
 * @example
 * ```ts
 * const limiter = new KeyedRateLimiter(() => new TokenBucket({ capacity: 20, refill: 10, per: '1s' }));
 * const { allowed, retryAfterMs } = limiter.tryAcquire('user:7');
 * if (!allowed) console.log(`user 7 may come back in ${retryAfterMs} ms`);
 * ```
 */
export class KeyedRateLimiter {
  readonly #owner: string;
  readonly #queue: WaitQueue;
  readonly #members: KeyMembers;
  readonly #shares: boolean;
  #overflow: RateLimiter | undefined = undefined;

  /**
   * @param make - Returns a new limiter for one key. The constructor calls it twice. For limiters of another package,
   * it is called once for each key.
   */
  constructor(make: () => RateLimiter, options?: KeyedRateLimiterOptions) {
    const kind = 'KeyedRateLimiter';
    const own = readOptions(kind, options, { maxKeys: 10_000, atLimit: 'share', name: kind, clock: undefined });
    this.#owner = checkName(kind, own.name);
    const maxKeys = checkInteger(this.#owner, 'maxKeys', own.maxKeys, { min: 1, max: MOST_KEYS });
    this.#shares = checkOneOf(this.#owner, 'atLimit', own.atLimit, ['share', 'reject']) === 'share';
    const model = checkLimiter(this.#owner, 'make', checkFunction(this.#owner, 'make', make)());
    if (make() === model) throw new InvalidOptionError(this.#owner, 'make', 'must make a new limiter each time', make);
    this.#queue = queueOf(checkClock(this.#owner, clockOf(model) ?? own.clock));
    if (own.clock !== undefined && !isSameClock(own.clock, this.#queue.clock)) {
      throw new InvalidOptionError(this.#owner, 'clock', 'must be the clock of the limiters', own.clock);
    }
    this.#members = new KeyMembers(this.#owner, this.#queue, make, model, maxKeys);
  }

  /** The number of keys in memory. */
  get size(): number {
    return this.#members.table.size;
  }

  /** The clock that all limiters use. */
  get clock(): Clock {
    return this.#queue.clock;
  }

  /**
   * Takes `cost` for this key now, or returns a decision with the time after which it will be possible.
   * @throws InvalidOptionError if the key is not a string or `cost` is not an integer ≥ 0.
   * @throws RangeError if `cost` is above the limit, so that it can never be admitted.
   */
  tryAcquire(key: string, cost = 1): Decision {
    const limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return this.#refusal();
    const decision = limiter.tryAcquire(cost);
    this.#members.save();
    return decision;
  }

  /** Returns the decision that `tryAcquire(key, cost)` would return, and takes nothing. @throws As `tryAcquire`. */
  peek(key: string, cost = 1): Decision {
    return this.#limiterOf(key, cost, false)?.peek(cost) ?? this.#refusal();
  }

  /**
   * Waits until `cost` can be taken for this key. The waiters of one key are served in arrival order. The other rules
   * are those of `RateLimiter.acquire`.
   */
  async acquire(key: string, options?: WaitOptions): Promise<Decision> {
    const { cost, maxWait, signal } = readWait(this.#owner, options);
    if (signal?.aborted) throw signal.reason;
    return this['~acquire'](key, cost, maxWait, signal === null ? undefined : scopeOf(signal), () => signal);
  }

  /** Internal: `acquire` with checked arguments and an abort scope instead of a signal. */
  '~acquire'(
    key: string,
    cost: number,
    maxWait: number,
    scope: AbortScope | undefined,
    signal: () => AbortSignal | null,
  ): Decision | Promise<Decision> {
    let limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return this.#refusal();
    limiter = this.#promoteIfWaiting(limiter, cost, maxWait);
    const answer = acquireFrom(limiter, cost, maxWait, scope, signal);
    this.#members.save();
    return answer;
  }

  /** Reserves `cost` from the future capacity of this key. The rules are those of `RateLimiter.reserve`. */
  reserve(key: string, options?: ReserveOptions): Reservation {
    const { cost, maxWait } = readReserve(this.#owner, options);
    let limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return refusedReservation(this.#refusal());
    limiter = this.#promoteIfWaiting(limiter, cost, maxWait);
    if (!(limiter instanceof CoreLimiter)) return limiter.reserve({ cost, maxWait: maxWait / 1000 });
    const core = limiter['~core'];
    const reserved = core.reserve(cost, maxWait);
    this.#members.save();
    const isShared = limiter === this.#overflow;
    return reservation(core, reserved, () => {
      if (isShared) core.refund(cost, reserved.due);
      else this.#refund(key, (own) => (own as CoreLimiter)['~core'].refund(cost, reserved.due));
    });
  }

  /** Refunds a `cost` that this key took just now and did not use. Does nothing for an unknown key. */
  refund(key: string, cost: number): void {
    checkLimitKey(this.#owner, key);
    checkInteger(this.#owner, 'cost', cost, { min: 0 });
    this.#refund(key, (limiter) => limiter.refund(cost));
  }

  /**
   * Changes the given options for this key only. The key is not evicted from now on; only `delete` removes it.
   * @throws InvalidOptionError if an option is invalid.
   * @throws RangeError if `maxKeys` keys are in use and the key is not one of them.
   */
  reconfigure(key: string, options: object): void {
    const slot = this.#slotFor(checkLimitKey(this.#owner, key));
    if (slot === undefined) throw new RangeError(`${this.#owner}: cannot add a key, because all "maxKeys" are in use`);
    const loaded = this.#members.load(slot);
    const limiter = this.#members.isFlyweight(loaded) ? this.#members.promote() : loaded;
    limiter.reconfigure(options);
    this.#members.pin(slot);
  }

  /** Removes a key with its state. Callers that wait for the key continue to wait at its old limiter. */
  delete(key: string): boolean {
    return this.#members.delete(checkLimitKey(this.#owner, key));
  }

  /** Internal: whether the key is known or could be added. */
  '~hasRoomFor'(key: string): boolean {
    const { table } = this.#members;
    if (table.get(key) !== undefined) return true;
    const now = this.#queue.now();
    return table.roomAt(now) <= now;
  }

  /** Returns the limiter of a key, after adding the key if necessary; undefined if there is no room for the key. */
  #limiterOf(key: string, cost: number, adds: boolean): RateLimiter | undefined {
    const { table } = this.#members;
    const slot = table.get(checkLimitKey(this.#owner, key));
    if (slot !== undefined) return this.#members.load(slot);
    this.#members.load(undefined).peek(cost); // throws for an invalid cost
    const now = this.#queue.now();
    if (cost > 0 && table.roomAt(now) > now) return this.#shares ? this.#shared() : undefined;
    return this.#members.load(adds && cost > 0 ? this.#members.add(key, now) : undefined);
  }

  #slotFor(key: string): number | undefined {
    const { table } = this.#members;
    const now = this.#queue.now();
    return table.get(key) ?? (table.roomAt(now) > now ? undefined : this.#members.add(key, now));
  }

  #shared(): RateLimiter {
    this.#overflow ??= this.#members.createLimiter();
    return this.#overflow;
  }

  /** Returns a limiter with a queue of its own if the call is going to wait. */
  #promoteIfWaiting(limiter: RateLimiter, cost: number, maxWait: number): RateLimiter {
    if (!this.#members.isFlyweight(limiter)) return limiter;
    const delay = (limiter as CoreLimiter)['~core'].delay(cost);
    return delay > 0 && delay <= maxWait ? this.#members.promote() : limiter;
  }

  /** Refunds the key, and updates its idle time: the key may become idle earlier. */
  #refund(key: string, refund: (limiter: RateLimiter) => void): void {
    const { table } = this.#members;
    const slot = table.get(key);
    if (slot === undefined) return;
    refund(this.#members.load(slot));
    this.#members.save();
    table.onEarlier(slot, this.#queue.now());
  }

  /** The decision for a key without room: rejected until a known key is idle. */
  #refusal(): Decision {
    const now = this.#queue.now();
    const retryAfterMs = toWholeMs(this.#members.table.roomAt(now) - now);
    const { limit } = this.#members.model.peek(0);
    return { allowed: false, limit, remaining: 0, retryAfterMs, resetAfterMs: retryAfterMs };
  }
}

function checkLimitKey(owner: string, key: unknown): string {
  if (typeof key === 'string') return key;
  throw new InvalidOptionError(owner, 'key', 'must be a string', key);
}

function refusedReservation(decision: Decision): Reservation {
  return { decision, delayMs: 0, cancel() {}, [Symbol.dispose]() {} };
}
