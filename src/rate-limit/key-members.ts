import { InvalidOptionError } from '../core/errors.js';
import { GatedLimiter } from './base-limiter.js';
import { KeyTable } from './key-table.js';
import { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import type { RateLimiter } from './rate-limiter.js';
import { NumberStore, ObjectStore, type StateStore } from './state-stores.js';
import type { WaitQueue } from './wait-queue.js';

/**
 * The limiters of all keys. Of our own algorithms a key is only its state, and borrows the one limiter there is while
 * it is asked. A key that somebody waits for gets a limiter of its own until nobody does any more. Combinations and
 * limiters of other packages are an object a key from the start.
 */
export class KeyMembers {
  readonly table: KeyTable;
  /** The shell that is lent, or a limiter that was never used. */
  readonly model: RateLimiter;
  readonly #owner: string;
  readonly #queue: WaitQueue;
  readonly #make: () => RateLimiter;
  /** The ledger of the shell, if there is one, and the states that take turns in it. */
  readonly #shell: LimitState | undefined;
  readonly #states: StateStore | undefined;
  readonly #whole = new Map<number, RateLimiter>();
  /** Slots that somebody has configured by hand: forgetting them would undo it. */
  readonly #pinned = new Set<number>();
  /** Ledgers that are in the limiter of every key, as in `() => allOf(new TokenBucket(mine), everybodys)`. */
  readonly #shared: readonly LimitState[];
  /** The slot whose numbers are in the shell. */
  #borrower: number | undefined = undefined;

  constructor(owner: string, queue: WaitQueue, make: () => RateLimiter, model: RateLimiter, maxKeys: number) {
    this.#owner = owner;
    this.#queue = queue;
    this.#make = make;
    this.table = new KeyTable(maxKeys, (slot, now) => this.#resetAt(slot, now));
    const core = model instanceof GatedLimiter ? model['~gate'] : undefined;
    const algorithm = core?.isCombined === false ? core.limits[0]?.algorithm : undefined;
    if (algorithm === undefined) {
      this.model = model;
      this.#shared = core?.limits ?? [];
      this.#shell = undefined;
      this.#states = undefined;
      return;
    }
    const shell = new LimitState(algorithm, queue);
    this.model = new GatedLimiter(new LimiterCore(algorithm.owner, queue, [shell]));
    this.#shared = [];
    this.#shell = shell;
    this.#states = algorithm.isWhole ? new NumberStore(shell, maxKeys) : new ObjectStore(shell);
  }

  /** Whether `lend` has given the shell, which cannot have a line. */
  isShell(limiter: RateLimiter): boolean {
    return this.#shell !== undefined && limiter === this.model;
  }

  /**
   * The limiter of a slot, or of a key that is not known: a fresh one, from which nothing may be taken. Then `putBack`.
   */
  lend(slot: number | undefined): RateLimiter {
    this.#borrower = undefined;
    const whole = slot === undefined ? undefined : this.#whole.get(slot);
    if (slot !== undefined && whole !== undefined && !this.#demote(slot, whole)) return whole;
    this.#borrower = slot;
    this.#states?.load(slot);
    return this.model;
  }

  putBack(): void {
    if (this.#borrower !== undefined) this.#states?.save(this.#borrower);
    this.#borrower = undefined;
  }

  /** Gives a new key its limiter. */
  add(key: string, now: number): number {
    const slot = this.table.add(key, now, (forgotten) => this.#drop(forgotten));
    if (this.#states === undefined) this.#keep(slot, this.makeOne());
    else this.#states.clear(slot);
    return slot;
  }

  delete(key: string): boolean {
    const slot = this.table.delete(key);
    if (slot !== undefined) this.#drop(slot);
    return slot !== undefined;
  }

  makeOne(): RateLimiter {
    if (this.#shell !== undefined) return this.#limiterOver(new LimitState(this.#shell.algorithm, this.#queue));
    const limiter = this.#make();
    if (limiter !== this.model) return limiter;
    throw new InvalidOptionError(this.#owner, 'make', 'must make a new limiter each time', this.#make);
  }

  /** Makes the borrower a limiter of its own. */
  promote(): RateLimiter {
    const slot = this.#borrower;
    if (slot === undefined || this.#shell === undefined) return this.model;
    this.#borrower = undefined;
    const limit = new LimitState(this.#shell.algorithm, this.#queue);
    this.#states?.moveOut(slot, limit);
    return this.#keep(slot, this.#limiterOver(limit));
  }

  /** Its options are its own from now on. */
  pin(slot: number): void {
    this.#pinned.add(slot);
  }

  #keep(slot: number, limiter: RateLimiter): RateLimiter {
    this.#whole.set(slot, limiter);
    for (const limit of this.#ownLimits(limiter)) {
      limit.onEarlier = () => this.table.onEarlier(slot, this.#queue.now());
    }
    return limiter;
  }

  #drop(slot: number): void {
    const limiter = this.#whole.get(slot);
    this.#whole.delete(slot);
    this.#pinned.delete(slot);
    if (limiter !== undefined) for (const limit of this.#ownLimits(limiter)) limit.onEarlier = undefined;
  }

  /** Takes the limiter of a slot away again, if it was promoted and nobody waits any more. */
  #demote(slot: number, limiter: RateLimiter): boolean {
    if (this.#states === undefined || this.#pinned.has(slot)) return false;
    const [limit] = this.#ownLimits(limiter);
    limit?.settle(this.#queue.now());
    if (limit === undefined || limit.hasQueue) return false;
    this.#states.moveIn(slot, limit);
    this.#drop(slot);
    return true;
  }

  #limiterOver(limit: LimitState): RateLimiter {
    return new GatedLimiter(new LimiterCore(limit.algorithm.owner, this.#queue, [limit]));
  }

  #ownLimits(limiter: RateLimiter): readonly LimitState[] {
    return limiter instanceof GatedLimiter
      ? limiter['~gate'].limits.filter((limit) => !this.#shared.includes(limit))
      : [];
  }

  #resetAt(slot: number, now: number): number {
    if (this.#pinned.has(slot)) return Infinity;
    const limiter = this.#whole.get(slot);
    if (limiter === undefined) {
      this.#states?.load(slot);
      return this.#shell?.resetAt() ?? now;
    }
    if (!(limiter instanceof GatedLimiter)) return now + limiter.peek(0).resetAfterMs * 1000;
    let idleAt = 0;
    for (const limit of this.#ownLimits(limiter)) {
      limit.settle(now);
      idleAt = Math.max(idleAt, limit.resetAt());
    }
    return idleAt;
  }
}
