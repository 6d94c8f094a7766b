import type { AbortScope } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';
import { checkInteger } from '../core/options.js';
import { Booking, type Claim, WaitingClaim } from './claim.js';
import type { Ledger } from './ledger.js';
import type { Line } from './line.js';
import { checkCost } from './rules.js';
import { toWholeMs } from './timeline.js';

/** What came of an attempt to reserve. */
export interface Booked {
  readonly decision: Decision;
  readonly now: number;
  /** When it is due. */
  readonly due: number;
  /** Its place in line, if that is later than now. */
  readonly claim: Claim | undefined;
}

/**
 * What stands behind the verbs of every limiter: one ledger or, where limiters are combined, several, from all of which is
 * taken at the same time, or from none. Costs are checked here, all else by the caller.
 */
export class Gate {
  /** What it goes by in errors. */
  readonly owner: string;
  readonly line: Line;
  readonly ledgers: readonly Ledger[];
  /** For each ledger, the index of the limiter it belongs to among those that are combined. */
  readonly #indexes: readonly number[] | undefined;

  constructor(owner: string, line: Line, ledgers: readonly Ledger[], indexes?: readonly number[]) {
    this.owner = owner;
    this.line = line;
    this.ledgers = ledgers;
    this.#indexes = indexes;
  }

  /** Whether its decisions say which of several limiters has bound. */
  get isCombined(): boolean {
    return this.#indexes !== undefined;
  }

  /** Takes `cost` now, or says when that will be possible. */
  decide(cost: number, takes: boolean): Decision {
    const only = this.ledgers[0] as Ledger;
    if (this.#indexes !== undefined) return this.#decideAll(cost, takes);
    checkCost(only.rules, cost);
    return only.decide(cost, this.line.now(), takes);
  }

  #decideAll(cost: number, takes: boolean): Decision {
    const now = this.#open(cost);
    const last = this.#lastToPass(cost, now, false);
    if (takes && cost > 0 && last.at <= now) {
      for (const { rules, state } of this.ledgers) rules.take(state, cost, now, now);
    }
    return last.at <= now ? this.#grant(now) : this.#refuse(now, last);
  }

  /** Waits in line for `cost`; refused at once if that would take longer than `maxWait`. */
  acquire(cost: number, maxWait: number, scope: AbortScope | undefined): Decision | Promise<Decision> {
    const now = this.#open(cost, maxWait === Infinity);
    const isBehindOthers = cost > 0 && this.ledgers.some((ledger) => ledger.hasLine);
    if (maxWait < Infinity || !isBehindOthers) {
      const last = this.#lastToPass(cost, now, true);
      if (last.at > now + maxWait) return this.#refuse(now, last);
      if (last.at <= now) return this.#takeTurn(cost, now);
    }
    return new Promise((resolve, reject) => {
      const grant = (at: number) => this.#grant(at);
      const giveUp = () => this.line.remove(waiter);
      const waiter: WaitingClaim = new WaitingClaim(cost, this.ledgers, grant, giveUp, resolve, reject);
      this.line.add(waiter, now);
      scope?.enter(waiter);
    });
  }

  /** Takes `cost` as of the time when it is there, if that is within `maxWait`. */
  book(cost: number, maxWait: number): Booked {
    const now = this.#open(cost);
    const last = this.#lastToPass(cost, now, true);
    const due = last.at;
    if (due > now + maxWait) return { decision: this.#refuse(now, last), now, due: now, claim: undefined };
    if (due <= now) return { decision: this.#takeTurn(cost, now), now, due: now, claim: undefined };
    const claim = new Booking(cost, this.ledgers, due);
    this.line.add(claim, now);
    return { decision: this.#grant(now), now, due, claim };
  }

  /** How long `cost` would have to wait for its turn. */
  delay(cost: number): number {
    const now = this.#open(cost);
    return this.#lastToPass(cost, now, true).at - now;
  }

  /** Takes a claim out of the line, unless its time has come. */
  withdraw(claim: Claim): boolean {
    this.#open(0);
    if (!claim.isInLine) return false;
    this.line.remove(claim);
    return true;
  }

  /** Gives back what was taken at `takenAt`, or just now. It may come to more than one call may take. */
  giveBack(cost: number, takenAt?: number): void {
    checkInteger(this.owner, 'cost', cost, { min: 0 });
    const now = this.#open(0);
    for (const ledger of this.ledgers) ledger.giveBack(cost, now, takenAt);
    this.line.repair(now);
    for (const ledger of this.ledgers) ledger.onEarlier?.();
  }

  /**
   * Checks the cost, reads the clock and brings the lines up to date.
   * @param isPatient - whether the front of the lines is enough, for a waiter that does not ask how long it will take.
   */
  #open(cost: number, isPatient = false): number {
    for (const { rules } of this.ledgers) checkCost(rules, cost);
    const now = this.line.now();
    for (const ledger of this.ledgers) isPatient ? ledger.settleFront(now) : ledger.settle(now);
    return now;
  }

  /** The ledger that is the last to let `cost` pass, and when that is. @param inTurn - for a call that would wait. */
  #lastToPass(cost: number, now: number, inTurn: boolean): Passage {
    let index = 0;
    let at = now;
    for (let next = 0; next < this.ledgers.length; next++) {
      const ledger = this.ledgers[next] as Ledger;
      const passesAt = inTurn ? ledger.nextTurnAt(cost, now) : ledger.availableAt(cost, now);
      if (passesAt <= at) continue;
      at = passesAt;
      index = next;
    }
    return { index, at };
  }

  #takeTurn(cost: number, now: number): Decision {
    if (cost > 0) for (const { rules, state } of this.ledgers) rules.takeTurn(state, cost, now, now);
    return this.#grant(now);
  }

  /** What is allowed is bound by the ledger that has the least left. */
  #grant(now: number): Decision {
    let index = 0;
    for (let next = 1; next < this.ledgers.length; next++) {
      if (this.#remaining(next, now) < this.#remaining(index, now)) index = next;
    }
    return this.#answer(now, index, 0);
  }

  #refuse(now: number, { index, at }: Passage): Decision {
    return this.#answer(now, index, at - now);
  }

  #remaining(index: number, now: number): number {
    return (this.ledgers[index] as Ledger).remaining(now);
  }

  /** @param binding - the ledger that bound. @param wait - 0 if it is allowed. */
  #answer(now: number, binding: number, wait: number): Decision {
    let remaining = Infinity;
    let idleAt = now;
    for (const ledger of this.ledgers) {
      remaining = Math.min(remaining, ledger.remaining(now));
      idleAt = Math.max(idleAt, ledger.idleAt());
    }
    const { limit } = (this.ledgers[binding] as Ledger).rules;
    const [allowed, retryAfterMs, resetAfterMs] = [wait === 0, toWholeMs(wait), toWholeMs(idleAt - now)];
    if (this.#indexes === undefined) return { allowed, limit, remaining, retryAfterMs, resetAfterMs };
    return { allowed, limit, remaining, retryAfterMs, resetAfterMs, limitedBy: this.#indexes[binding] };
  }
}

/** When something passes, and which ledger decides that. */
interface Passage {
  readonly index: number;
  readonly at: number;
}
