import type { Decision } from '../core/errors.js';
import { decide, type LimitAlgorithm, tooMuch } from './limit-algorithm.js';
import type { QueuedLimit, Ticket, TicketNode } from './ticket.js';
import { toWholeMs } from './timeline.js';
import type { WaitQueue } from './wait-queue.js';

/** One limit: an algorithm, its state, and the queue of tickets that wait for more. */
export class LimitState<S = unknown> implements QueuedLimit {
  algorithm: LimitAlgorithm<S>;
  state: S;
  readonly queue: WaitQueue;
  undoneFrom = Infinity;
  undoneSince = -Infinity;
  onEarlier: (() => void) | undefined = undefined;
  /** The time at which the state would have been as good as fresh before tickets were undone. */
  #plannedResetAt = 0;
  #first: TicketNode | undefined = undefined;
  #last: TicketNode | undefined = undefined;
  /** The number of queued tickets that a caller waits for. Only these need a timer. */
  #awaited = 0;
  /** The number of queued tickets that also wait at other limits. */
  #combined = 0;
  #timer: unknown = undefined;
  #timerDue = 0;
  /** The expected time of the timer event: up to 1 ms after `#timerDue`, because timers have millisecond resolution. */
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

  /** The earliest time for a call behind all queued tickets. */
  #behindQueue(now: number): number {
    return this.#last === undefined ? now : Math.max(now, this.#last.ticket.due);
  }

  get #isSettled(): boolean {
    return this.#first === undefined && this.undoneFrom === Infinity;
  }

  /** Releases the tickets that are due, and schedules all undone tickets. */
  settle(now: number): void {
    if (this.#isSettled) return;
    this.settleFront(now);
    this.queue.repairFor(this, now);
  }

  /** Releases the tickets that are due. Leaves undone tickets that are not at the front unscheduled. */
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

  /** Returns the time at which a call that does not wait would be admitted, behind all queued tickets. */
  availableAt(cost: number, now: number): number {
    return cost === 0 ? now : this.algorithm.availableAt(this.state, cost, this.#behindQueue(now));
  }

  /** Returns the time at which a call that waits would be admitted, behind all queued tickets. */
  nextAvailableInQueueAt(cost: number, now: number): number {
    return cost === 0 ? now : this.algorithm.availableInQueueAt(this.state, cost, this.#behindQueue(now));
  }

  remaining(now: number): number {
    const isStale = this.#last?.ticket.isUndoneAt(this) === true;
    return isStale || this.#behindQueue(now) > now ? 0 : this.algorithm.remaining(this.state, now);
  }

  /** The time at which the state is as good as fresh. A lower bound while tickets are undone: they will take later. */
  resetAt(): number {
    const idleAt = this.algorithm.resetAt(this.state);
    return this.undoneFrom === Infinity ? idleAt : Math.max(idleAt, this.#plannedResetAt);
  }

  /** Refunds a cost. The caller must repair the queue afterwards. */
  refund(cost: number, now: number, takenAt: number | undefined): void {
    this.#undoQueue();
    this.algorithm.refund(this.state, cost, now, takenAt);
  }

  /** Changes options, moves the state to the new algorithm, and schedules all tickets again. */
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
      ticket.onRejected(tooMuch(algorithm, ticket.cost));
    }
    this.queue.repair(now);
    this.onEarlier?.();
  }

  /** Restores the state from before all queued tickets. */
  #undoQueue(): void {
    if (this.#first !== undefined) this.queue.undo(this.#first.ticket);
  }

  availableInQueueAt(cost: number, from: number): number {
    return this.algorithm.availableInQueueAt(this.state, Math.min(cost, this.algorithm.limit), from);
  }

  take({ before }: TicketNode, cost: number, at: number, now: number): void {
    this.algorithm.save(this.state, before, 0);
    // A reservation stays valid even if its cost is above the limit after a reconfiguration.
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
    node.ahead = undefined; // otherwise a retained reservation would retain all tickets that came after it
    node.behind = undefined;
    if (node.ticket.isAwaited) this.#awaited--;
    if (node.ticket.isCombined) this.#combined--;
    if (this.#awaited === 0) this.#clearTimer();
  }

  /** Releases the tickets that are due, and schedules the first ticket that is not due if it is undone. */
  advance(now: number): void {
    for (let first = this.#first; first !== undefined; first = this.#first) {
      if (first.ticket.due > now && !first.ticket.isUndone) break;
      const ticket = first.ticket.frontmost; // is due as well: no ticket is due before the tickets ahead of it
      if (ticket.isUndone || ticket.isLate(now)) this.queue.scheduleFront(ticket, now);
      if (ticket.due <= now) this.#release(ticket, now);
      else {
        // The ticket was rescheduled to a later time. So the first ticket here, which waits behind it at another limit,
        // is due later too.
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

  /** Sets one timer, for the first ticket. After changes in the queue, it may fire too early, but never too late. */
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
