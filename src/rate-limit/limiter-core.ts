import type { AbortScope } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { beatWhilePending } from '../core/request-life.js';
import { checkCost, createDecision } from './limit-algorithm.js';
import type { LimitState } from './limit-state.js';
import { type QueuedLimit, Ticket } from './ticket.js';
import type { WaitQueue } from './wait-queue.js';

/** The result of an attempt to reserve. */
export interface ReservationResult {
  readonly decision: Decision;
  readonly now: number;
  /** The time at which the reservation is due, in microseconds. */
  readonly due: number;
  /** The queued ticket, if the reservation is due later than now. */
  readonly ticket: Ticket | undefined;
}

/**
 * The implementation behind the methods of every limiter. A single limiter has one limit; a combination has several,
 * and a call takes its cost from all of them at the same time or from none. Costs are checked here; the caller has
 * checked all other arguments.
 */
export class LimiterCore {
  /** The name of the limiter in error messages. */
  readonly owner: string;
  readonly queue: WaitQueue;
  readonly limits: readonly LimitState[];
  /** For each limit, the index of the combined limiter that it belongs to. Undefined for a single limiter. */
  readonly #indexes: readonly number[] | undefined;

  constructor(owner: string, queue: WaitQueue, limits: readonly LimitState[], indexes?: readonly number[]) {
    this.owner = owner;
    this.queue = queue;
    this.limits = limits;
    this.#indexes = indexes;
  }

  /** Whether decisions have `limitedBy`, because several limiters are combined. */
  get isCombined(): boolean {
    return this.#indexes !== undefined;
  }

  /** Decides a call that does not wait. If `takes` is true and the call is allowed, takes the cost. */
  decide(cost: number, takes: boolean): Decision {
    const only = this.limits[0] as LimitState;
    if (this.#indexes !== undefined) return this.#decideAll(cost, takes);
    checkCost(only.algorithm, cost);
    return only.decide(cost, this.queue.now(), takes);
  }

  #decideAll(cost: number, takes: boolean): Decision {
    const now = this.#prepare(cost);
    const last = this.#latestOf(cost, now, false);
    if (takes && cost > 0 && last.at <= now) {
      for (const { algorithm, state } of this.limits) algorithm.take(state, cost, now, now);
    }
    return last.at <= now ? this.#grant(now) : this.#refuse(now, last);
  }

  /**
   * Queues a waiter for `cost`. If the wait would be longer than `maxWait`, returns a decision with `allowed: false`
   * instead.
   */
  acquire(cost: number, maxWait: number, scope: AbortScope | undefined): Decision | Promise<Decision> {
    const now = this.#prepare(cost, maxWait === Infinity);
    const isBehindOthers = cost > 0 && this.limits.some((limit) => limit.hasQueue);
    if (maxWait < Infinity || !isBehindOthers) {
      const last = this.#latestOf(cost, now, true);
      if (last.at > now + maxWait) return this.#refuse(now, last);
      if (last.at <= now) return this.#takeQueued(cost, now);
    }
    const decision = new Promise<Decision>((resolve, reject) => {
      const grant = (at: number) => this.#grant(at);
      const giveUp = () => this.queue.remove(waiter);
      const waiter: WaitingTicket = new WaitingTicket(cost, this.limits, grant, giveUp, resolve, reject);
      this.queue.add(waiter, now);
      scope?.enter(waiter);
    });
    // The timer of the queue may belong to a request that ends before it fires.
    return beatWhilePending(decision, () => this.#prepare(0, true), BEAT_MS);
  }

  /** Reserves `cost` at the earliest time that is possible, if that is within `maxWait`. */
  reserve(cost: number, maxWait: number): ReservationResult {
    const now = this.#prepare(cost);
    const last = this.#latestOf(cost, now, true);
    const due = last.at;
    if (due > now + maxWait) return { decision: this.#refuse(now, last), now, due: now, ticket: undefined };
    if (due <= now) return { decision: this.#takeQueued(cost, now), now, due: now, ticket: undefined };
    const ticket = new ReservedTicket(cost, this.limits, due);
    this.queue.add(ticket, now);
    return { decision: this.#grant(now), now, due, ticket };
  }

  /** Returns how long a call with this `cost` would have to wait, in microseconds. */
  delay(cost: number): number {
    const now = this.#prepare(cost);
    return this.#latestOf(cost, now, true).at - now;
  }

  /** Removes a ticket from the queue, unless it is already due. Returns whether it was removed. */
  withdraw(ticket: Ticket): boolean {
    this.#prepare(0);
    if (!ticket.isQueued) return false;
    this.queue.remove(ticket);
    return true;
  }

  /** Refunds a cost that was taken at `takenAt`, or just now. The cost may be above the limit of a single call. */
  refund(cost: number, takenAt?: number): void {
    checkInteger(this.owner, 'cost', cost, { min: 0 });
    const now = this.#prepare(0);
    for (const limit of this.limits) limit.refund(cost, now, takenAt);
    this.queue.repair(now);
    for (const limit of this.limits) limit.onEarlier?.();
  }

  /**
   * Checks the cost, reads the clock and brings the queues up to date.
   * @param onlyFront - Whether to update only the front of the queues. This is enough for a waiter without a maximum
   * wait.
   */
  #prepare(cost: number, onlyFront = false): number {
    for (const { algorithm } of this.limits) checkCost(algorithm, cost);
    const now = this.queue.now();
    for (const limit of this.limits) onlyFront ? limit.settleFront(now) : limit.settle(now);
    return now;
  }

  /**
   * Returns the limit that admits `cost` last, and the time at which it does.
   * @param waits - Whether the call would wait in the queue.
   */
  #latestOf(cost: number, now: number, waits: boolean): EarliestTime {
    let index = 0;
    let at = now;
    for (let next = 0; next < this.limits.length; next++) {
      const limit = this.limits[next] as LimitState;
      const availableAt = waits ? limit.nextAvailableInQueueAt(cost, now) : limit.availableAt(cost, now);
      if (availableAt <= at) continue;
      at = availableAt;
      index = next;
    }
    return { index, at };
  }

  #takeQueued(cost: number, now: number): Decision {
    if (cost > 0) for (const { algorithm, state } of this.limits) algorithm.takeQueued(state, cost, now, now);
    return this.#grant(now);
  }

  /** The decision of an allowed call. The limit with the least remaining is reported as the deciding one. */
  #grant(now: number): Decision {
    let index = 0;
    for (let next = 1; next < this.limits.length; next++) {
      if (this.#remaining(next, now) < this.#remaining(index, now)) index = next;
    }
    return this.#decision(now, index, now);
  }

  #refuse(now: number, { index, at }: EarliestTime): Decision {
    return this.#decision(now, index, at);
  }

  #remaining(index: number, now: number): number {
    return (this.limits[index] as LimitState).remaining(now);
  }

  /**
   * @param binding - The index of the limit that decides.
   * @param at - The time in microseconds at which the cost is admitted; `now` for an allowed call.
   */
  #decision(now: number, binding: number, at: number): Decision {
    let remaining = Infinity;
    let resetAt = now;
    for (const limitState of this.limits) {
      remaining = Math.min(remaining, limitState.remaining(now));
      resetAt = Math.max(resetAt, limitState.resetAt());
    }
    const { limit } = (this.limits[binding] as LimitState).algorithm;
    const decision = createDecision(limit, remaining, now, at, resetAt);
    return this.#indexes === undefined ? decision : { ...decision, limitedBy: this.#indexes[binding] };
  }
}

/** How often a waiter brings its queues up to date where timers belong to requests, in milliseconds. */
const BEAT_MS = 50;

/** The earliest time at which a cost is admitted, and the index of the limit that determines it. */
interface EarliestTime {
  readonly index: number;
  readonly at: number;
}

/** The ticket of a reservation. Its caller knows the time, so nothing happens when it is due. */
class ReservedTicket extends Ticket {
  readonly isAwaited = false;

  onDue(): void {}
  onRejected(): void {}
  onAbort(): void {}
}

/** The ticket of a call that waits. */
class WaitingTicket extends Ticket {
  readonly isAwaited = true;
  readonly #grant: (now: number) => Decision;
  readonly #giveUp: () => void;
  readonly #resolve: (decision: Decision) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    cost: number,
    limits: readonly QueuedLimit[],
    grant: (now: number) => Decision,
    giveUp: () => void,
    resolve: (decision: Decision) => void,
    reject: (reason: unknown) => void,
  ) {
    super(cost, limits, 0);
    this.#grant = grant;
    this.#giveUp = giveUp;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onDue(now: number): void {
    this.leave();
    this.#resolve(this.#grant(now));
  }

  onRejected(error: RangeError): void {
    this.leave();
    this.#reject(error);
  }

  onAbort(reason: unknown): void {
    this.#giveUp();
    this.#reject(reason);
  }
}
