import { AbortNode } from '../core/abort-scope.js';

/** A limit as its tickets and the queue see it. */
export interface QueuedLimit {
  readonly first: TicketNode | undefined;
  readonly last: TicketNode | undefined;
  /** Tickets with this number or a greater one are not in the state of the limit, and have to be scheduled again. */
  undoneFrom: number;
  /** The earliest time from which undone tickets are scheduled; `Infinity` for the time of the repair. */
  undoneSince: number;
  /** Whether tickets wait here that wait at other limits as well. */
  readonly hasCombined: boolean;
  /** Called when the limit may be as good as fresh sooner than it was going to be. */
  readonly onEarlier: (() => void) | undefined;
  /** The earliest time from `from` at which the cost can be taken by a waiter. */
  availableInQueueAt(cost: number, from: number): number;
  take(node: TicketNode, cost: number, at: number, now: number): void;
  /** Takes the state back to before this node. */
  undo(node: TicketNode): void;
  push(node: TicketNode): void;
  remove(node: TicketNode): void;
  /** Releases the tickets that are due. */
  advance(now: number): void;
  /** Whether a waiter that was due at `due` and is released at `now` takes otherwise than it would have taken then. */
  isLate(node: TicketNode, due: number, now: number): boolean;
}

/** A claim's place in line at one limit: its own node there. */
export class TicketNode {
  readonly ticket: Ticket;
  readonly limit: QueuedLimit;
  /** The limit's state just before the claim took from it. */
  readonly before: number[] = [];
  ahead: TicketNode | undefined = undefined;
  behind: TicketNode | undefined = undefined;

  constructor(ticket: Ticket, limit: QueuedLimit) {
    this.ticket = ticket;
    this.limit = limit;
  }
}

/**
 * Somebody who has taken from what is to come: from one limiter, or from several at the same time. What is claimed has
 * been taken already, as of the time it is due; nobody who comes later can have it.
 */
export abstract class Ticket extends AbortNode {
  readonly cost: number;
  /** The time that was promised, before which it must not be accounted. */
  readonly earliest: number;
  /** The how-manieth claim it is. */
  number = 0;
  due = 0;
  readonly nodes: readonly TicketNode[];
  isQueued = false;

  constructor(cost: number, limits: readonly QueuedLimit[], earliest: number) {
    super();
    this.cost = cost;
    this.earliest = earliest;
    this.nodes = limits.map((limit) => new TicketNode(this, limit));
  }

  /**
   * Takes from all limits at the first time at which each of them can give, and not before the claims ahead. An undone
   * claim is placed as it would have been when it was undone, so that it does not matter when that is made up for.
   */
  schedule(now: number): void {
    let due = this.earliest;
    for (const { ahead, limit } of this.nodes) {
      due = Math.max(due, this.isUndoneAt(limit) ? Math.min(limit.undoneSince, now) : now);
      if (ahead !== undefined) due = Math.max(due, ahead.ticket.due);
    }
    const from = due;
    for (const { limit } of this.nodes) due = Math.max(due, limit.availableInQueueAt(this.cost, from));
    this.due = due;
    for (const node of this.nodes) node.limit.take(node, this.cost, due, now);
  }

  /** Whether the limit's state is that from before this claim. */
  isUndoneAt(limit: QueuedLimit): boolean {
    return this.number >= limit.undoneFrom;
  }

  get isUndone(): boolean {
    return this.nodes.some(({ limit }) => this.isUndoneAt(limit));
  }

  get isCombined(): boolean {
    return this.nodes.length > 1;
  }

  /** The claim at the front of all its lines that has to go before this one, or this one itself. */
  get frontmost(): Ticket {
    for (const node of this.nodes) {
      const { first } = node.limit;
      if (first !== undefined && first !== node) return first.ticket.frontmost;
    }
    return this;
  }

  /**
   * Whether a waiter is released later than it was due, because the event loop was held up. It must then be placed
   * again, from now on, or the calls of several windows would leave in the same moment. A reservation keeps its time.
   */
  isLate(now: number): boolean {
    if (!this.isAwaited || this.due >= now) return false;
    return this.nodes.some((node) => node.limit.isLate(node, this.due, now));
  }

  /** Whether somebody has to be told when it is due. */
  abstract readonly isAwaited: boolean;
  abstract onDue(now: number): void;
  /** It can never be due any more. */
  abstract onRefused(error: RangeError): void;
  abstract override onAbort(reason: unknown): void;
}
