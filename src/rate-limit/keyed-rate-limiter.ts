/// <reference lib="esnext.disposable" preserve="true" />
import { type AbortScope, scopeOf } from '../core/abort-scope.js';
import { type Clock, checkClock } from '../core/clock.js';
import { type Decision, InvalidOptionError } from '../core/errors.js';
import { checkFunction, checkInteger, checkName, checkOneOf, readOptions } from '../core/options.js';
import { acquireFrom, checkLimiter, GatedLimiter, readReserve, readWait, reservation } from './base-limiter.js';
import { KeyMembers } from './key-members.js';
import type { RateLimiter, Reservation, ReserveOptions, WaitOptions } from './rate-limiter.js';
import { toWholeMs } from './timeline.js';
import { queueOf, type WaitQueue } from './wait-queue.js';

export interface KeyedRateLimiterOptions {
  /** How many keys are kept: an integer from 1 to 16,777,215. @defaultValue 10_000 */
  readonly maxKeys?: number | undefined;
  /**
   * The treatment of a new key while all `maxKeys` keys are in use: `'share'` counts it on one limiter together with
   * all other keys that found no room; `'reject'` rejects it until the first key is idle, so that a client with
   * `maxKeys` made-up keys locks every new key out. @defaultValue 'share'
   */
  readonly atLimit?: 'share' | 'reject' | undefined;
  /** What it goes by in errors. @defaultValue 'KeyedRateLimiter' */
  readonly name?: string | undefined;
  /** That of the limiters. To be given only for limiters that are not of this package. @defaultValue theirs */
  readonly clock?: Clock | undefined;
}

/** What a Map can hold. */
const MOST_KEYS = 0xff_ffff;

/**
 * A limiter for each key: each user, each address, each tenant, with the same limits for all of them.
 *
 * Memory is bounded by `maxKeys`. A key whose limiter is idle, with nothing taken that still counts and nobody waiting,
 * is the same as one that was never seen, so those are forgotten when a new key needs room, and nobody can tell. A key
 * that has been limited is never forgotten to make room: whoever sends a million keys frees none of them. When all keys
 * are in use, `atLimit` says what becomes of a new one. A key that was reconfigured is kept until it is deleted.
 *
 * O(1) a decision for a key that is known, amortised O(log n) for a new one. No timer, but for keys that somebody waits
 * for. Of each key only the two or three numbers of its limiter are kept, beside its place in a Map: 45 to 80 bytes, or
 * up to 120 once `maxKeys` was reached. Logs, combinations and limiters of other packages are kept as objects.
 *
 * @throws InvalidOptionError for options that cannot work.
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

  /** @param make - makes the limiter of one key. Called twice to begin with; for limiters not of ours, for each key. */
  constructor(make: () => RateLimiter, options?: KeyedRateLimiterOptions) {
    const kind = 'KeyedRateLimiter';
    const own = readOptions(kind, options, { maxKeys: 10_000, atLimit: 'share', name: kind, clock: undefined });
    this.#owner = checkName(kind, own.name);
    const maxKeys = checkInteger(this.#owner, 'maxKeys', own.maxKeys, { min: 1, max: MOST_KEYS });
    this.#shares = checkOneOf(this.#owner, 'atLimit', own.atLimit, ['share', 'reject']) === 'share';
    const model = checkLimiter(this.#owner, 'make', checkFunction(this.#owner, 'make', make)());
    if (make() === model) throw new InvalidOptionError(this.#owner, 'make', 'must make a new limiter each time', make);
    this.#queue = model instanceof GatedLimiter ? model['~gate'].queue : queueOf(checkClock(this.#owner, own.clock));
    if (own.clock !== undefined && own.clock !== this.#queue.clock) {
      throw new InvalidOptionError(this.#owner, 'clock', 'must be that of the limiters', own.clock);
    }
    this.#members = new KeyMembers(this.#owner, this.#queue, make, model, maxKeys);
  }

  /** How many keys are kept. */
  get size(): number {
    return this.#members.table.size;
  }

  /** What all limiters go by. */
  get clock(): Clock {
    return this.#queue.clock;
  }

  /**
   * Takes `cost` for this key now, or says when that will be possible.
   * @throws InvalidOptionError when the key is no string or `cost` no integer ≥ 0, RangeError when it can never pass.
   */
  tryAcquire(key: string, cost = 1): Decision {
    const limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return this.#refusal();
    const decision = limiter.tryAcquire(cost);
    this.#members.putBack();
    return decision;
  }

  /** What `tryAcquire(key, cost)` would answer, taking nothing. @throws as `tryAcquire` does. */
  peek(key: string, cost = 1): Decision {
    return this.#limiterOf(key, cost, false)?.peek(cost) ?? this.#refusal();
  }

  /** Waits for `cost`, in line with others of the same key. As `acquire` of the limiter. */
  async acquire(key: string, options?: WaitOptions): Promise<Decision> {
    const { cost, maxWait, signal } = readWait(this.#owner, options);
    if (signal?.aborted) throw signal.reason;
    return this['~acquire'](key, cost, maxWait, signal === null ? undefined : scopeOf(signal), () => signal);
  }

  /** Not for callers: `acquire`, with what it needs taken apart. */
  '~acquire'(
    key: string,
    cost: number,
    maxWait: number,
    scope: AbortScope | undefined,
    signal: () => AbortSignal | null,
  ): Decision | Promise<Decision> {
    let limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return this.#refusal();
    limiter = this.#ownIfItWaits(limiter, cost, maxWait);
    const answer = acquireFrom(limiter, cost, maxWait, scope, signal);
    this.#members.putBack();
    return answer;
  }

  /** Takes `cost` out of what is to come for this key. As `reserve` of the limiter. */
  reserve(key: string, options?: ReserveOptions): Reservation {
    const { cost, maxWait } = readReserve(this.#owner, options);
    let limiter = this.#limiterOf(key, cost, true);
    if (limiter === undefined) return refusedReservation(this.#refusal());
    limiter = this.#ownIfItWaits(limiter, cost, maxWait);
    if (!(limiter instanceof GatedLimiter)) return limiter.reserve({ cost, maxWait: maxWait / 1000 });
    const core = limiter['~gate'];
    const booked = core.reserve(cost, maxWait);
    this.#members.putBack();
    const isShared = limiter === this.#overflow;
    return reservation(core, booked, () => {
      if (isShared) core.refund(cost, booked.due);
      else this.#refund(key, (own) => (own as GatedLimiter)['~gate'].refund(cost, booked.due));
    });
  }

  /** Gives back `cost` that this key took just now and did not use. A key that is not known has nothing to get back. */
  refund(key: string, cost: number): void {
    checkLimitKey(this.#owner, key);
    checkInteger(this.#owner, 'cost', cost, { min: 0 });
    this.#refund(key, (limiter) => limiter.refund(cost));
  }

  /**
   * Changes the options given for this key only. It is not forgotten from now on, until it is deleted.
   * @throws InvalidOptionError for options that cannot work, RangeError when there is no room for the key.
   */
  reconfigure(key: string, options: object): void {
    const slot = this.#slotFor(checkLimitKey(this.#owner, key));
    if (slot === undefined) throw new RangeError(`${this.#owner}: there is no room for another key`);
    const lent = this.#members.lend(slot);
    const limiter = this.#members.isShell(lent) ? this.#members.promote() : lent;
    limiter.reconfigure(options);
    this.#members.pin(slot);
  }

  /** Forgets a key and all it has taken. Those who wait for it go on waiting at its old limiter. */
  delete(key: string): boolean {
    return this.#members.delete(checkLimitKey(this.#owner, key));
  }

  /** Not for callers: whether a key is kept, or would be. */
  '~hasRoomFor'(key: string): boolean {
    const { table } = this.#members;
    if (table.get(key) !== undefined) return true;
    const now = this.#queue.now();
    return table.roomAt(now) <= now;
  }

  /** The limiter of a key, which is made if need be; undefined when there is no room for it. */
  #limiterOf(key: string, cost: number, adds: boolean): RateLimiter | undefined {
    const { table } = this.#members;
    const slot = table.get(checkLimitKey(this.#owner, key));
    if (slot !== undefined) return this.#members.lend(slot);
    this.#members.lend(undefined).peek(cost); // throws for what is no cost
    const now = this.#queue.now();
    if (cost > 0 && table.roomAt(now) > now) return this.#shares ? this.#shared() : undefined;
    return this.#members.lend(adds && cost > 0 ? this.#members.add(key, now) : undefined);
  }

  #slotFor(key: string): number | undefined {
    const { table } = this.#members;
    const now = this.#queue.now();
    return table.get(key) ?? (table.roomAt(now) > now ? undefined : this.#members.add(key, now));
  }

  #shared(): RateLimiter {
    this.#overflow ??= this.#members.makeOne();
    return this.#overflow;
  }

  /** Who is going to wait needs a limiter with a line. */
  #ownIfItWaits(limiter: RateLimiter, cost: number, maxWait: number): RateLimiter {
    if (!this.#members.isShell(limiter)) return limiter;
    const delay = (limiter as GatedLimiter)['~gate'].delay(cost);
    return delay > 0 && delay <= maxWait ? this.#members.promote() : limiter;
  }

  /** It may be idle sooner for that. */
  #refund(key: string, give: (limiter: RateLimiter) => void): void {
    const { table } = this.#members;
    const slot = table.get(key);
    if (slot === undefined) return;
    give(this.#members.lend(slot));
    this.#members.putBack();
    table.onEarlier(slot, this.#queue.now());
  }

  /** No room: until the first key is idle. */
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
