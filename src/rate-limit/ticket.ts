import { AbortNode } from '../core/abort-scope.js';

/** A limit from the view of its tickets and of the queue. */
export interface QueuedLimit {
  readonly first: TicketNode | undefined;
  readonly last: TicketNode | undefined;
  /** Tickets with this number or a greater one are undone: the state does not include them until they are scheduled. */
  undoneFrom: number;
  /** The earliest time at which undone tickets can be scheduled; `Infinity` for the time of the repair. */
  undoneSince: number;
  /** Whether the queue of this limit contains tickets that also wait at other limits. */
  readonly hasCombined: boolean;
  /** Called when the limit may become as good as fresh earlier than expected. */
  readonly onEarlier: (() => void) | undefined;
  /** Returns the earliest time, not before `from`, at which a waiter can take the cost. */
  availableInQueueAt(cost: number, from: number): number;
  /** Takes the cost as of `at`, after saving the state in the node. */
  take(node: TicketNode, cost: number, at: number, now: number): void;
  /** Restores the state from before this node took its cost. */
  undo(node: TicketNode): void;
  /** Adds a node at the end of the queue. */
  push(node: TicketNode): void;
  /** Removes a node from the queue. */
  remove(node: TicketNode): void;
  /** Releases the tickets that are due. */
  advance(now: number): void;
  /** Whether a waiter that was due at `due` and is released at `now` must take its cost as of `now` instead. */
  isLate(node: TicketNode, due: number, now: number): boolean;
}

/** The node of a ticket in the queue of one limit: an element of a doubly linked list. */
export class TicketNode {
  readonly ticket: Ticket;
  readonly limit: QueuedLimit;
  /** The state of the limit just before the ticket took its cost. */
  readonly before: number[] = [];
  ahead: TicketNode | undefined = undefined;
  behind: TicketNode | undefined = undefined;

  constructor(ticket: Ticket, limit: QueuedLimit) {
    this.ticket = ticket;
    this.limit = limit;
  }
}

/**
 * A request that has taken its cost from future capacity, from one limit or from several at the same time. The cost is
 * already part of the state, as of the time when the ticket is due, so no later call can take it.
 */
export abstract class Ticket extends AbortNode {
  readonly cost: number;
  /** The time promised to a reservation. The cost must not be taken before. */
  readonly earliest: number;
  /** The sequence number of the ticket in its queue. */
  number = 0;
  /** The time at which the ticket is released, in microseconds. */
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
   * Takes the cost from all limits at the first time at which all of them can admit it, and not before the tickets
   * ahead. An undone ticket is scheduled as it would have been when it was undone, so the result does not depend on
   * when the repair happens.
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

  /** Whether the ticket is undone at this limit: the state does not include its cost. */
  isUndoneAt(limit: QueuedLimit): boolean {
    return this.number >= limit.undoneFrom;
  }

  /** Whether the ticket is undone at any of its limits. */
  get isUndone(): boolean {
    return this.nodes.some(({ limit }) => this.isUndoneAt(limit));
  }

  /** Whether the ticket waits at several limits. */
  get isCombined(): boolean {
    return this.nodes.length > 1;
  }

  /** The ticket that is first at all of its limits and must be released before this one, or this ticket itself. */
  get frontmost(): Ticket {
    for (const node of this.nodes) {
      const { first } = node.limit;
      if (first !== undefined && first !== node) return first.ticket.frontmost;
    }
    return this;
  }

  /**
   * Whether a waiter is released later than it was due, because the event loop was blocked. It must then be scheduled
   * again from now on; otherwise the calls of several windows would start at the same moment. A reservation keeps its
   * time.
   */
  isLate(now: number): boolean {
    if (!this.isAwaited || this.due >= now) return false;
    return this.nodes.some((node) => node.limit.isLate(node, this.due, now));
  }

  /** Whether a caller waits for this ticket. */
  abstract readonly isAwaited: boolean;
  /** Called when the ticket is due. */
  abstract onDue(now: number): void;
  /** Called when the ticket can never be due any more, because its cost is above the new limit. */
  abstract onRejected(error: RangeError): void;
  abstract override onAbort(reason: unknown): void;
}
