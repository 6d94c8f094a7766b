import type { Decision } from '../core/errors.js';
import { decide, type LimitAlgorithm, tooMuch } from './limit-algorithm.js';
import type { QueuedLimit, Ticket, TicketNode } from './ticket.js';
import { toWholeMs } from './timeline.js';
import type { WaitQueue } from './wait-queue.js';

/** One limit: its rules, what has been taken, and who stands in line for more. */
export class LimitState<S = unknown> implements QueuedLimit {
  algorithm: LimitAlgorithm<S>;
  state: S;
  readonly queue: WaitQueue;
  undoneFrom = Infinity;
  undoneSince = -Infinity;
  onEarlier: (() => void) | undefined = undefined;
  /** When the state was going to be as good as fresh before claims were undone. */
  #plannedResetAt = 0;
  #first: TicketNode | undefined = undefined;
  #last: TicketNode | undefined = undefined;
  /** How many in line have to be told. */
  #awaited = 0;
  #combined = 0;
  #timer: unknown = undefined;
  #timerDue = 0;
  /**
   * When the timer rings if it is in time: up to a millisecond after `#timerDue`, since timers count in milliseconds.
   */
  #timerRingsAt = 0;

  constructor(algorithm: LimitAlgorithm<S>, queue: WaitQueue) {
    this.algorithm = algorithm;
    this.state = algorithm.fresh();
    this.queue = queue;
  }

  get first(): TicketNode | undefined {
    return this.#first;
  }

  get last(): TicketNode | undefined {
    return this.#last;
  }

  get hasQueue(): boolean {
    return this.#first !== undefined;
  }

  get hasCombined(): boolean {
    return this.#combined > 0;
  }

  /** The time after all that are in line. */
  #behindQueue(now: number): number {
    return this.#last === undefined ? now : Math.max(now, this.#last.ticket.due);
  }

  get #isSettled(): boolean {
    return this.#first === undefined && this.undoneFrom === Infinity;
  }

  /** Releases the claims that are due, and places all undone claims. */
  settle(now: number): void {
    if (this.#isSettled) return;
    this.settleFront(now);
    this.queue.repairFor(this, now);
  }

  /** Releases the claims that are due, and leaves claims undone that are not at the front. */
  settleFront(now: number): void {
    if (this.#isSettled) return;
    this.queue.repairIfScheduled(now);
    this.advance(now);
  }

  decide(cost: number, now: number, takes: boolean): Decision {
    if (this.#first === undefined) return decide(this.algorithm, this.state, cost, now, now, takes);
    this.settle(now);
    return decide(this.algorithm, this.state, cost, now, this.#behindQueue(now), takes);
  }

  /** When a call that does not wait would pass, behind all that are in line. */
  availableAt(cost: number, now: number): number {
    return cost === 0 ? now : this.algorithm.availableAt(this.state, cost, this.#behindQueue(now));
  }

  /** When one that waits would. */
  nextAvailableInQueueAt(cost: number, now: number): number {
    return cost === 0 ? now : this.algorithm.availableInQueueAt(this.state, cost, this.#behindQueue(now));
  }

  remaining(now: number): number {
    const isStale = this.#last?.ticket.isUndoneAt(this) === true;
    return isStale || this.#behindQueue(now) > now ? 0 : this.algorithm.remaining(this.state, now);
  }

  /**
   * When the state is as good as fresh. A lower bound while claims are undone: they will take later than was planned.
   */
  resetAt(): number {
    const idleAt = this.algorithm.resetAt(this.state);
    return this.undoneFrom === Infinity ? idleAt : Math.max(idleAt, this.#plannedResetAt);
  }

  /** To be followed by a repair of the line. */
  refund(cost: number, now: number, takenAt: number | undefined): void {
    this.#undoQueue();
    this.algorithm.refund(this.state, cost, now, takenAt);
  }

  reconfigure(options: object, now: number): void {
    const algorithm = this.algorithm.withOptions(options);
    this.settle(now);
    this.#undoQueue();
    algorithm.migrateState(this.state, this.algorithm, now);
    this.algorithm = algorithm;
    for (let node = this.#first; node !== undefined; ) {
      const { ticket, behind } = node;
      node = behind;
      if (!ticket.isAwaited || ticket.cost <= algorithm.limit) continue;
      this.queue.remove(ticket);
      ticket.onRefused(tooMuch(algorithm, ticket.cost));
    }
    this.queue.repair(now);
    this.onEarlier?.();
  }

  /** Back to what had been taken before all that are in line. */
  #undoQueue(): void {
    if (this.#first !== undefined) this.queue.undo(this.#first.ticket);
  }

  availableInQueueAt(cost: number, from: number): number {
    return this.algorithm.availableInQueueAt(this.state, Math.min(cost, this.algorithm.limit), from);
  }

  take({ before }: TicketNode, cost: number, at: number, now: number): void {
    this.algorithm.save(this.state, before, 0);
    // A reservation is kept, even if by now its cost is more than may pass at once.
    this.algorithm.takeQueued(this.state, Math.min(cost, this.algorithm.limit), at, now);
  }

  isLate({ before }: TicketNode, due: number, now: number): boolean {
    return now > Math.max(due, this.#timerRingsAt) && this.algorithm.isLate(before, due, now);
  }

  undo({ before }: TicketNode): void {
    this.#plannedResetAt = this.resetAt();
    this.algorithm.load(this.state, before, 0);
  }

  push(node: TicketNode): void {
    node.ahead = this.#last;
    if (this.#last === undefined) this.#first = node;
    else this.#last.behind = node;
    this.#last = node;
    if (node.ticket.isAwaited) this.#awaited++;
    if (node.ticket.isCombined) this.#combined++;
  }

  remove(node: TicketNode): void {
    const { ahead, behind } = node;
    if (ahead === undefined) this.#first = behind;
    else ahead.behind = behind;
    if (behind === undefined) this.#last = ahead;
    else behind.ahead = ahead;
    node.ahead = undefined; // or who keeps a reservation would keep all that came after it
    node.behind = undefined;
    if (node.ticket.isAwaited) this.#awaited--;
    if (node.ticket.isCombined) this.#combined--;
    if (this.#awaited === 0) this.#clearTimer();
  }

  /** Releases the claims that are due, and places the first that is not if it is undone. */
  advance(now: number): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.ticket.due > now && !first.ticket.isUndone) break;
      const ticket = first.ticket.frontmost; // is due as well: no claim is due before those ahead
      if (ticket.isUndone || ticket.isLate(now)) this.queue.scheduleFront(ticket, now);
      if (ticket.due <= now) this.#release(ticket, now);
      else {
        // Placed again, and due later: so is the first here, which waits behind it at another limit.
        first.ticket.due = Math.max(first.ticket.due, ticket.due);
        break;
      }
    }
    this.#setTimer(now);
  }

  #release(ticket: Ticket, now: number): void {
    this.queue.leave(ticket);
    ticket.onDue(now);
  }

  /** One timer, for the first in line. It may ring too early, when others have come or gone, but never too late. */
  #setTimer(now: number): void {
    const due = this.#first?.ticket.due;
    if (due === undefined || this.#awaited === 0 || (this.#timer !== undefined && this.#timerDue <= due)) return;
    this.#clearTimer();
    this.#timerDue = due;
    const delayMs = toWholeMs(due - now);
    this.#timerRingsAt = now + delayMs * 1000;
    this.#timer = this.queue.clock.setTimeout(this.#onTimer, delayMs);
  }

  #clearTimer(): void {
    if (this.#timer === undefined) return;
    this.queue.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.settleFront(this.queue.now());
  };
}
