import { AbortNode } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';

/** A limiter, as those see it who stand in line at it. */
export interface TicketCounter {
  readonly last: TicketNode | undefined;
  /** Claims with this number or a greater one are not in the counter's state, and have to be placed again. */
  undoneFrom: number;
  /** The earliest time from which undone claims are placed; `Infinity` for the time of the repair. */
  undoneSince: number;
  /** Whether claims wait here that wait at other counters as well. */
  readonly hasCombined: boolean;
  availableInQueueAt(cost: number, from: number): number;
  take(node: TicketNode, cost: number, at: number, now: number): void;
  /** Takes the state back to before this place. */
  undo(node: TicketNode): void;
  push(node: TicketNode): void;
  remove(node: TicketNode): void;
  /** Lets those go whose time has come. */
  advance(now: number): void;
  readonly first: TicketNode | undefined;
  /** Whether a waiter that was due at `due` and is released `now` takes otherwise than it would have taken then. */
  isLate(node: TicketNode, due: number, now: number): boolean;
  /** Told when it may be idle sooner than it was going to be. */
  readonly onEarlier: (() => void) | undefined;
}

/** A claim's place in line at one counter: its own node there. */
export class TicketNode {
  readonly ticket: Ticket;
  readonly counter: TicketCounter;
  /** The counter's state just before the claim took from it. */
  readonly before: number[] = [];
  ahead: TicketNode | undefined = undefined;
  behind: TicketNode | undefined = undefined;

  constructor(ticket: Ticket, counter: TicketCounter) {
    this.ticket = ticket;
    this.counter = counter;
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

  constructor(cost: number, counters: readonly TicketCounter[], earliest: number) {
    super();
    this.cost = cost;
    this.earliest = earliest;
    this.nodes = counters.map((counter) => new TicketNode(this, counter));
  }

  /**
   * Takes from all counters at the first time at which each of them can give, and not before the claims ahead. An undone
   * claim is placed as it would have been when it was undone, so that it does not matter when that is made up for.
   */
  nodeOf(now: number): void {
    let due = this.earliest;
    for (const { ahead, counter } of this.nodes) {
      due = Math.max(due, this.isUndoneAt(counter) ? Math.min(counter.undoneSince, now) : now);
      if (ahead !== undefined) due = Math.max(due, ahead.ticket.due);
    }
    const from = due;
    for (const { counter } of this.nodes) due = Math.max(due, counter.availableInQueueAt(this.cost, from));
    this.due = due;
    for (const node of this.nodes) node.counter.take(node, this.cost, due, now);
  }

  /** Whether the counter's state is that from before this claim. */
  isUndoneAt(counter: TicketCounter): boolean {
    return this.number >= counter.undoneFrom;
  }

  get isUndone(): boolean {
    return this.nodes.some(({ counter }) => this.isUndoneAt(counter));
  }

  get isCombined(): boolean {
    return this.nodes.length > 1;
  }

  /** The claim at the front of all its lines that has to go before this one, or this one itself. */
  get frontmost(): Ticket {
    for (const node of this.nodes) {
      const { first } = node.counter;
      if (first !== undefined && first !== node) return first.ticket.frontmost;
    }
    return this;
  }

  /**
   * Whether a waiter is released later than it was due, because the event loop was held up. It must then be placed again,
   * from now on, or the calls of several windows would leave in the same moment. A reservation keeps its time.
   */
  isLate(now: number): boolean {
    if (!this.isAwaited || this.due >= now) return false;
    return this.nodes.some((node) => node.counter.isLate(node, this.due, now));
  }

  /** Whether somebody has to be told when it is due. */
  abstract readonly isAwaited: boolean;
  abstract onDue(now: number): void;
  /** It can never be due any more. */
  abstract onRefused(error: RangeError): void;
  abstract override onAbort(reason: unknown): void;
}

/** A reservation, whose holder knows the time. */
export class ReservedTicket extends Ticket {
  readonly isAwaited = false;

  onDue(): void {}
  onRefused(): void {}
  onAbort(): void {}
}

/** A call that waits. */
export class WaitingTicket extends Ticket {
  readonly isAwaited = true;
  readonly #grant: (now: number) => Decision;
  readonly #giveUp: () => void;
  readonly #resolve: (decision: Decision) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    cost: number,
    counters: readonly TicketCounter[],
    grant: (now: number) => Decision,
    giveUp: () => void,
    resolve: (decision: Decision) => void,
    reject: (reason: unknown) => void,
  ) {
    super(cost, counters, 0);
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
