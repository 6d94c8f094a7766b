import type { AbortScope } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { checkCost } from './limit-algorithm.js';
import type { LimitState } from './limit-state.js';
import { type QueuedLimit, Ticket } from './ticket.js';
import { toWholeMs } from './timeline.js';
import type { WaitQueue } from './wait-queue.js';

/** What came of an attempt to reserve. */
export interface ReservationResult {
  readonly decision: Decision;
  readonly now: number;
  /** When it is due. */
  readonly due: number;
  /** Its place in line, if that is later than now. */
  readonly ticket: Ticket | undefined;
}

/**
 * What stands behind the verbs of every limiter: one ledger or, where limiters are combined, several, from all of which
 * is taken at the same time, or from none. Costs are checked here, all else by the caller.
 */
export class LimiterCore {
  /** What it goes by in errors. */
  readonly owner: string;
  readonly queue: WaitQueue;
  readonly limits: readonly LimitState[];
  /** For each ledger, the index of the limiter it belongs to among those that are combined. */
  readonly #indexes: readonly number[] | undefined;

  constructor(owner: string, queue: WaitQueue, limits: readonly LimitState[], indexes?: readonly number[]) {
    this.owner = owner;
    this.queue = queue;
    this.limits = limits;
    this.#indexes = indexes;
  }

  /** Whether its decisions say which of several limiters has bound. */
  get isCombined(): boolean {
    return this.#indexes !== undefined;
  }

  /** Takes `cost` now, or says when that will be possible. */
  decide(cost: number, takes: boolean): Decision {
    const only = this.limits[0] as LimitState;
    if (this.#indexes !== undefined) return this.#decideAll(cost, takes);
    checkCost(only.algorithm, cost);
    return only.decide(cost, this.queue.now(), takes);
  }

  #decideAll(cost: number, takes: boolean): Decision {
    const now = this.#cross(cost);
    const last = this.#latestOf(cost, now, false);
    if (takes && cost > 0 && last.at <= now) {
      for (const { algorithm, state } of this.limits) algorithm.take(state, cost, now, now);
    }
    return last.at <= now ? this.#grant(now) : this.#refuse(now, last);
  }

  /** Waits in line for `cost`; refused at once if that would take longer than `maxWait`. */
  acquire(cost: number, maxWait: number, scope: AbortScope | undefined): Decision | Promise<Decision> {
    const now = this.#cross(cost, maxWait === Infinity);
    const isBehindOthers = cost > 0 && this.limits.some((limit) => limit.hasQueue);
    if (maxWait < Infinity || !isBehindOthers) {
      const last = this.#latestOf(cost, now, true);
      if (last.at > now + maxWait) return this.#refuse(now, last);
      if (last.at <= now) return this.#takeQueued(cost, now);
    }
    return new Promise((resolve, reject) => {
      const grant = (at: number) => this.#grant(at);
      const giveUp = () => this.queue.remove(waiter);
      const waiter: WaitingTicket = new WaitingTicket(cost, this.limits, grant, giveUp, resolve, reject);
      this.queue.add(waiter, now);
      scope?.enter(waiter);
    });
  }

  /** Takes `cost` as of the time when it is there, if that is within `maxWait`. */
  reserve(cost: number, maxWait: number): ReservationResult {
    const now = this.#cross(cost);
    const last = this.#latestOf(cost, now, true);
    const due = last.at;
    if (due > now + maxWait) return { decision: this.#refuse(now, last), now, due: now, ticket: undefined };
    if (due <= now) return { decision: this.#takeQueued(cost, now), now, due: now, ticket: undefined };
    const ticket = new ReservedTicket(cost, this.limits, due);
    this.queue.add(ticket, now);
    return { decision: this.#grant(now), now, due, ticket };
  }

  /** How long `cost` would have to wait for its turn. */
  delay(cost: number): number {
    const now = this.#cross(cost);
    return this.#latestOf(cost, now, true).at - now;
  }

  /** Takes a claim out of the line, unless its time has come. */
  withdraw(ticket: Ticket): boolean {
    this.#cross(0);
    if (!ticket.isQueued) return false;
    this.queue.remove(ticket);
    return true;
  }

  /** Gives back what was taken at `takenAt`, or just now. It may come to more than one call may take. */
  refund(cost: number, takenAt?: number): void {
    checkInteger(this.owner, 'cost', cost, { min: 0 });
    const now = this.#cross(0);
    for (const limit of this.limits) limit.refund(cost, now, takenAt);
    this.queue.repair(now);
    for (const ledger of this.limits) ledger.onEarlier?.();
  }

  /**
   * Checks the cost, reads the clock and brings the lines up to date.
   * @param isPatient - whether the front of the lines is enough, for a waiter that does not ask how long it will take.
   */
  #cross(cost: number, isPatient = false): number {
    for (const { algorithm } of this.limits) checkCost(algorithm, cost);
    const now = this.queue.now();
    for (const limit of this.limits) isPatient ? limit.settleFront(now) : limit.settle(now);
    return now;
  }

  /** The ledger that is the last to let `cost` pass, and when that is. @param inTurn - for a call that would wait. */
  #latestOf(cost: number, now: number, inTurn: boolean): EarliestTime {
    let index = 0;
    let at = now;
    for (let next = 0; next < this.limits.length; next++) {
      const limit = this.limits[next] as LimitState;
      const passesAt = inTurn ? limit.nextAvailableInQueueAt(cost, now) : limit.availableAt(cost, now);
      if (passesAt <= at) continue;
      at = passesAt;
      index = next;
    }
    return { index, at };
  }

  #takeQueued(cost: number, now: number): Decision {
    if (cost > 0) for (const { algorithm, state } of this.limits) algorithm.takeQueued(state, cost, now, now);
    return this.#grant(now);
  }

  /** What is allowed is bound by the ledger that has the least left. */
  #grant(now: number): Decision {
    let index = 0;
    for (let next = 1; next < this.limits.length; next++) {
      if (this.#remaining(next, now) < this.#remaining(index, now)) index = next;
    }
    return this.#answer(now, index, 0);
  }

  #refuse(now: number, { index, at }: EarliestTime): Decision {
    return this.#answer(now, index, at - now);
  }

  #remaining(index: number, now: number): number {
    return (this.limits[index] as LimitState).remaining(now);
  }

  /** @param binding - the ledger that bound. @param wait - 0 if it is allowed. */
  #answer(now: number, binding: number, wait: number): Decision {
    let remaining = Infinity;
    let idleAt = now;
    for (const ledger of this.limits) {
      remaining = Math.min(remaining, ledger.remaining(now));
      idleAt = Math.max(idleAt, ledger.resetAt());
    }
    const { limit } = (this.limits[binding] as LimitState).algorithm;
    const [allowed, retryAfterMs, resetAfterMs] = [wait === 0, toWholeMs(wait), toWholeMs(idleAt - now)];
    if (this.#indexes === undefined) return { allowed, limit, remaining, retryAfterMs, resetAfterMs };
    return { allowed, limit, remaining, retryAfterMs, resetAfterMs, limitedBy: this.#indexes[binding] };
  }
}

/** When something passes, and which ledger decides that. */
interface EarliestTime {
  readonly index: number;
  readonly at: number;
}

/** A reservation, whose holder knows the time. */
class ReservedTicket extends Ticket {
  readonly isAwaited = false;

  onDue(): void {}
  onRefused(): void {}
  onAbort(): void {}
}

/** A call that waits. */
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

  onRefused(error: RangeError): void {
    this.leave();
    this.#reject(error);
  }

  onAbort(reason: unknown): void {
    this.#giveUp();
    this.#reject(reason);
  }
}
