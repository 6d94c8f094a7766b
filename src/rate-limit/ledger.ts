import type { Decision } from '../core/errors.js';
import type { Claim, Counter, Place } from './claim.js';
import type { Line } from './line.js';
import { decide, type Rules, tooMuch } from './rules.js';
import { toWholeMs } from './timeline.js';

/** One limit: its rules, what has been taken, and who stands in line for more. */
export class Ledger<S = unknown> implements Counter {
  rules: Rules<S>;
  state: S;
  readonly line: Line;
  undoneFrom = Infinity;
  undoneSince = -Infinity;
  onEarlier: (() => void) | undefined = undefined;
  /** When the state was going to be as good as fresh before claims were undone. */
  #plannedIdleAt = 0;
  #first: Place | undefined = undefined;
  #last: Place | undefined = undefined;
  /** How many in line have to be told. */
  #awaited = 0;
  #combined = 0;
  #timer: unknown = undefined;
  #timerDue = 0;
  /** When the timer rings if it is in time: up to a millisecond after `#timerDue`, since timers count in milliseconds. */
  #timerRingsAt = 0;

  constructor(rules: Rules<S>, line: Line) {
    this.rules = rules;
    this.state = rules.fresh();
    this.line = line;
  }

  get first(): Place | undefined {
    return this.#first;
  }

  get last(): Place | undefined {
    return this.#last;
  }

  get hasLine(): boolean {
    return this.#first !== undefined;
  }

  get hasCombined(): boolean {
    return this.#combined > 0;
  }

  /** The time after all that are in line. */
  #behindLine(now: number): number {
    return this.#last === undefined ? now : Math.max(now, this.#last.claim.due);
  }

  get #isSettled(): boolean {
    return this.#first === undefined && this.undoneFrom === Infinity;
  }

  /** Releases the claims that are due, and places all undone claims. */
  settle(now: number): void {
    if (this.#isSettled) return;
    this.settleFront(now);
    this.line.repairFor(this, now);
  }

  /** Releases the claims that are due, and leaves claims undone that are not at the front. */
  settleFront(now: number): void {
    if (this.#isSettled) return;
    this.line.repairIfScheduled(now);
    this.advance(now);
  }

  decide(cost: number, now: number, takes: boolean): Decision {
    if (this.#first === undefined) return decide(this.rules, this.state, cost, now, now, takes);
    this.settle(now);
    return decide(this.rules, this.state, cost, now, this.#behindLine(now), takes);
  }

  /** When a call that does not wait would pass, behind all that are in line. */
  availableAt(cost: number, now: number): number {
    return cost === 0 ? now : this.rules.availableAt(this.state, cost, this.#behindLine(now));
  }

  /** When one that waits would. */
  nextTurnAt(cost: number, now: number): number {
    return cost === 0 ? now : this.rules.turnAt(this.state, cost, this.#behindLine(now));
  }

  remaining(now: number): number {
    const isStale = this.#last?.claim.isUndoneAt(this) === true;
    return isStale || this.#behindLine(now) > now ? 0 : this.rules.remaining(this.state, now);
  }

  /** When the state is as good as fresh. A lower bound while claims are undone: they will take later than was planned. */
  idleAt(): number {
    const idleAt = this.rules.idleAt(this.state);
    return this.undoneFrom === Infinity ? idleAt : Math.max(idleAt, this.#plannedIdleAt);
  }

  /** To be followed by a repair of the line. */
  giveBack(cost: number, now: number, takenAt: number | undefined): void {
    this.#undoLine();
    this.rules.giveBack(this.state, cost, now, takenAt);
  }

  reconfigure(options: object, now: number): void {
    const rules = this.rules.changed(options);
    this.settle(now);
    this.#undoLine();
    rules.adopt(this.state, this.rules, now);
    this.rules = rules;
    for (let place = this.#first; place !== undefined; ) {
      const { claim, behind } = place;
      place = behind;
      if (!claim.isAwaited || claim.cost <= rules.limit) continue;
      this.line.remove(claim);
      claim.onRefused(tooMuch(rules, claim.cost));
    }
    this.line.repair(now);
    this.onEarlier?.();
  }

  /** Back to what had been taken before all that are in line. */
  #undoLine(): void {
    if (this.#first !== undefined) this.line.undo(this.#first.claim);
  }

  turnAt(cost: number, from: number): number {
    return this.rules.turnAt(this.state, Math.min(cost, this.rules.limit), from);
  }

  take({ before }: Place, cost: number, at: number, now: number): void {
    this.rules.save(this.state, before, 0);
    // A reservation is kept, even if by now its cost is more than may pass at once.
    this.rules.takeTurn(this.state, Math.min(cost, this.rules.limit), at, now);
  }

  isLate({ before }: Place, due: number, now: number): boolean {
    return now > Math.max(due, this.#timerRingsAt) && this.rules.isLate(before, due, now);
  }

  undo({ before }: Place): void {
    this.#plannedIdleAt = this.idleAt();
    this.rules.load(this.state, before, 0);
  }

  push(place: Place): void {
    place.ahead = this.#last;
    if (this.#last === undefined) this.#first = place;
    else this.#last.behind = place;
    this.#last = place;
    if (place.claim.isAwaited) this.#awaited++;
    if (place.claim.isCombined) this.#combined++;
  }

  remove(place: Place): void {
    const { ahead, behind } = place;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    place.ahead = undefined; // or who keeps a reservation would keep all that came after it
    place.behind = undefined;
    if (place.claim.isAwaited) this.#awaited--;
    if (place.claim.isCombined) this.#combined--;
    if (this.#awaited === 0) this.#clearTimer();
  }

  /** Releases the claims that are due, and places the first that is not if it is undone. */
  advance(now: number): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.claim.due > now && !first.claim.isUndone) break;
      const claim = first.claim.frontmost; // is due as well: no claim is due before those ahead
      if (claim.isUndone || claim.isLate(now)) this.line.placeFront(claim, now);
      if (claim.due <= now) this.#release(claim, now);
      else {
        // Placed again, and due later: so is the first here, which waits behind it at another counter.
        first.claim.due = Math.max(first.claim.due, claim.due);
        break;
      }
    }
    this.#setTimer(now);
  }

  #release(claim: Claim, now: number): void {
    this.line.leave(claim);
    claim.onDue(now);
  }

  /** One timer, for the first in line. It may ring too early, when others have come or gone, but never too late. */
  #setTimer(now: number): void {
    const due = this.#first?.claim.due;
    if (due === undefined || this.#awaited === 0 || (this.#timer !== undefined && this.#timerDue <= due)) return;
    this.#clearTimer();
    this.#timerDue = due;
    const delayMs = toWholeMs(due - now);
    this.#timerRingsAt = now + delayMs * 1000;
    this.#timer = this.line.clock.setTimeout(this.#onTimer, delayMs);
  }

  #clearTimer(): void {
    if (this.#timer === undefined) return;
    this.line.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.settleFront(this.line.now());
  };
}
