import { InvalidOptionError } from '../core/errors.js';
import { CoreLimiter } from './base-limiter.js';
import { KeyTable } from './key-table.js';
import { LimitState } from './limit-state.js';
import { LimiterCore } from './limiter-core.js';
import type { RateLimiter } from './rate-limiter.js';
import { NumberStore, ObjectStore, type StateStore } from './state-stores.js';
import type { WaitQueue } from './wait-queue.js';

/**
 * The limiters of all keys. For the algorithms of this package, a key is stored as its state only; the state is loaded
 * into one shared limiter, the flyweight, while a call uses the key. A key with waiters gets its own limiter until it
 * has no waiter any more. A combination or a limiter of another package is one object per key from the start.
 */
export class KeyMembers {
  readonly table: KeyTable;
  /** The flyweight, or, if there is no flyweight, a limiter that was never used. */
  readonly model: RateLimiter;
  readonly #owner: string;
  readonly #queue: WaitQueue;
  readonly #make: () => RateLimiter;
  /** The limit of the flyweight, if there is one. */
  readonly #flyweight: LimitState | undefined;
  /** The states of the keys that use the flyweight. */
  readonly #states: StateStore | undefined;
  /** The limiters of the slots that have their own. */
  readonly #ownLimiters = new Map<number, RateLimiter>();
  /** Slots whose key was reconfigured. They are not evicted, because eviction would lose the options. */
  readonly #pinned = new Set<number>();
  /** Limits that belong to the limiter of every key, as in `() => allOf(new TokenBucket(perUser), sharedLimiter)`. */
  readonly #shared: readonly LimitState[];
  /** The slot whose state is in the flyweight. */
  #loadedSlot: number | undefined = undefined;

  constructor(owner: string, queue: WaitQueue, make: () => RateLimiter, model: RateLimiter, maxKeys: number) {
    this.#owner = owner;
    this.#queue = queue;
    this.#make = make;
    this.table = new KeyTable(maxKeys, (slot, now) => this.#resetAt(slot, now));
    const core = model instanceof CoreLimiter ? model['~core'] : undefined;
    const algorithm = core?.isCombined === false ? core.limits[0]?.algorithm : undefined;
    if (algorithm === undefined) {
      this.model = model;
      this.#shared = core?.limits ?? [];
      this.#flyweight = undefined;
      this.#states = undefined;
      return;
    }
    const flyweight = new LimitState(algorithm, queue);
    this.model = new CoreLimiter(new LimiterCore(algorithm.owner, queue, [flyweight]));
    this.#shared = [];
    this.#flyweight = flyweight;
    this.#states = algorithm.isWhole ? new NumberStore(flyweight, maxKeys) : new ObjectStore(flyweight);
  }

  /** Whether the limiter is the flyweight, which cannot have a queue. */
  isFlyweight(limiter: RateLimiter): boolean {
    return this.#flyweight !== undefined && limiter === this.model;
  }

  /**
   * Returns the limiter of a slot. For an unknown key (`undefined`), returns a fresh limiter from which the caller must
   * not take. The caller must call `save` afterwards.
   */
  load(slot: number | undefined): RateLimiter {
    this.#loadedSlot = undefined;
    const own = slot === undefined ? undefined : this.#ownLimiters.get(slot);
    if (slot !== undefined && own !== undefined && !this.#demote(slot, own)) return own;
    this.#loadedSlot = slot;
    this.#states?.load(slot);
    return this.model;
  }

  /** Saves the state of the loaded slot. */
  save(): void {
    if (this.#loadedSlot !== undefined) this.#states?.save(this.#loadedSlot);
    this.#loadedSlot = undefined;
  }

  /** Adds a key and creates its state. Returns its slot. */
  add(key: string, now: number): number {
    const slot = this.table.add(key, now, (forgotten) => this.#discardLimiter(forgotten));
    if (this.#states === undefined) this.#keep(slot, this.createLimiter());
    else this.#states.clear(slot);
    return slot;
  }

  delete(key: string): boolean {
    const slot = this.table.delete(key);
    if (slot !== undefined) this.#discardLimiter(slot);
    return slot !== undefined;
  }

  createLimiter(): RateLimiter {
    if (this.#flyweight !== undefined) return this.#limiterOver(new LimitState(this.#flyweight.algorithm, this.#queue));
    const limiter = this.#make();
    if (limiter !== this.model) return limiter;
    throw new InvalidOptionError(this.#owner, 'make', 'must make a new limiter each time', this.#make);
  }

  /** Creates a separate limiter for the loaded slot, and returns it. */
  promote(): RateLimiter {
    const slot = this.#loadedSlot;
    if (slot === undefined || this.#flyweight === undefined) return this.model;
    this.#loadedSlot = undefined;
    const limit = new LimitState(this.#flyweight.algorithm, this.#queue);
    this.#states?.moveOut(slot, limit);
    return this.#keep(slot, this.#limiterOver(limit));
  }

  /** Protects a slot from eviction, because its key has its own options. */
  pin(slot: number): void {
    this.#pinned.add(slot);
  }

  #keep(slot: number, limiter: RateLimiter): RateLimiter {
    this.#ownLimiters.set(slot, limiter);
    for (const limit of this.#ownLimits(limiter)) {
      limit.onEarlier = () => this.table.onEarlier(slot, this.#queue.now());
    }
    return limiter;
  }

  #discardLimiter(slot: number): void {
    const limiter = this.#ownLimiters.get(slot);
    this.#ownLimiters.delete(slot);
    this.#pinned.delete(slot);
    if (limiter !== undefined) for (const limit of this.#ownLimits(limiter)) limit.onEarlier = undefined;
  }

  /** Moves the state of a slot back into the store if its own limiter has no queue any more. Returns whether it did. */
  #demote(slot: number, limiter: RateLimiter): boolean {
    if (this.#states === undefined || this.#pinned.has(slot)) return false;
    const [limit] = this.#ownLimits(limiter);
    limit?.settle(this.#queue.now());
    if (limit === undefined || limit.hasQueue) return false;
    this.#states.moveIn(slot, limit);
    this.#discardLimiter(slot);
    return true;
  }

  #limiterOver(limit: LimitState): RateLimiter {
    return new CoreLimiter(new LimiterCore(limit.algorithm.owner, this.#queue, [limit]));
  }

  #ownLimits(limiter: RateLimiter): readonly LimitState[] {
    return limiter instanceof CoreLimiter
      ? limiter['~core'].limits.filter((limit) => !this.#shared.includes(limit))
      : [];
  }

  #resetAt(slot: number, now: number): number {
    if (this.#pinned.has(slot)) return Infinity;
    const limiter = this.#ownLimiters.get(slot);
    if (limiter === undefined) {
      this.#states?.load(slot);
      return this.#flyweight?.resetAt() ?? now;
    }
    if (!(limiter instanceof CoreLimiter)) return now + limiter.peek(0).resetAfterMs * 1000;
    let idleAt = 0;
    for (const limit of this.#ownLimits(limiter)) {
      limit.settle(now);
      idleAt = Math.max(idleAt, limit.resetAt());
    }
    return idleAt;
  }
}
