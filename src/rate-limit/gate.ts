import type { AbortScope } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';
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
    const times = this.ledgers.map((ledger) => ledger.availableAt(cost, now));
    const at = Math.max(...times);
    if (takes && cost > 0 && at <= now) {
      for (const { rules, state } of this.ledgers) rules.take(state, cost, now, now);
    }
    return this.#answer(now, at <= now, at, times);
  }

  /** Waits in line for `cost`; refused at once if that would take longer than `maxWait`. */
  acquire(cost: number, maxWait: number, scope: AbortScope | undefined): Decision | Promise<Decision> {
    const now = this.#open(cost);
    const { due, times } = this.#turn(cost, now);
    if (due > now + maxWait) return this.#answer(now, false, due, times);
    if (due <= now) return this.#takeTurn(cost, now);
    return new Promise((resolve, reject) => {
      const grant = (at: number) => this.#answer(at, true, at);
      const giveUp = () => this.line.remove(waiter);
      const waiter: WaitingClaim = new WaitingClaim(cost, this.ledgers, grant, giveUp, resolve, reject);
      this.line.add(waiter, now);
      scope?.enter(waiter);
    });
  }

  /** Takes `cost` as of the time when it is there, if that is within `maxWait`. */
  book(cost: number, maxWait: number): Booked {
    const now = this.#open(cost);
    const { due, times } = this.#turn(cost, now);
    if (due > now + maxWait) return { decision: this.#answer(now, false, due, times), now, due: now, claim: undefined };
    if (due <= now) return { decision: this.#takeTurn(cost, now), now, due: now, claim: undefined };
    const claim = new Booking(cost, this.ledgers, due);
    this.line.add(claim, now);
    return { decision: this.#answer(now, true, now), now, due, claim };
  }

  /** How long `cost` would have to wait for its turn. */
  delay(cost: number): number {
    const now = this.#open(cost);
    return this.#turn(cost, now).due - now;
  }

  /** Takes a claim out of the line, unless its time has come. */
  withdraw(claim: Claim): boolean {
    this.#open(0);
    if (!claim.isInLine) return false;
    this.line.remove(claim);
    return true;
  }

  /** Gives back what was taken at `takenAt`, or just now. */
  giveBack(cost: number, takenAt?: number): void {
    const now = this.#open(takenAt === undefined ? cost : 0); // what was taken once was no wrong cost
    for (const ledger of this.ledgers) ledger.giveBack(cost, now, takenAt);
    this.line.repair(now);
    for (const ledger of this.ledgers) ledger.onEarlier?.();
  }

  /** Checks the cost, reads the clock and brings the lines up to date. */
  #open(cost: number): number {
    for (const { rules } of this.ledgers) checkCost(rules, cost);
    const now = this.line.now();
    for (const ledger of this.ledgers) ledger.settle(now);
    return now;
  }

  #turn(cost: number, now: number): { readonly due: number; readonly times: readonly number[] } {
    const times = this.ledgers.map((ledger) => ledger.nextTurnAt(cost, now));
    return { due: Math.max(...times), times };
  }

  #takeTurn(cost: number, now: number): Decision {
    if (cost > 0) for (const { rules, state } of this.ledgers) rules.takeTurn(state, cost, now, now);
    return this.#answer(now, true, now);
  }

  /**
   * @param at - when it passes.
   * @param times - when each ledger lets it pass: the last of those that refuse is the one that binds. If it is allowed, it
   * is the one that has least left.
   */
  #answer(now: number, allowed: boolean, at: number, times?: readonly number[]): Decision {
    const remainders = this.ledgers.map((ledger) => ledger.remaining(now));
    const remaining = Math.min(...remainders);
    const binding = allowed || times === undefined ? remainders.indexOf(remaining) : times.indexOf(at);
    const decision = {
      allowed,
      limit: (this.ledgers[binding] as Ledger).rules.limit,
      remaining,
      retryAfterMs: allowed ? 0 : toWholeMs(at - now),
      resetAfterMs: toWholeMs(Math.max(...this.ledgers.map((ledger) => ledger.idleAt())) - now),
    };
    const limitedBy = this.#indexes?.[binding];
    return limitedBy === undefined ? decision : { ...decision, limitedBy };
  }
}
