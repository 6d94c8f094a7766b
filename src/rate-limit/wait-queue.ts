import { resolvedPromise } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import type { QueuedLimit, Ticket, TicketNode } from './ticket.js';
import { Timeline } from './timeline.js';

/**
 * All tickets at the limiters of one clock, in arrival order. A ticket is in the queue of one limit or, for combined
 * limiters, of several.
 *
 * When a ticket is added, its cost is taken from the states of its limits as of the time when it will be due. Two
 * events undo a ticket and all tickets behind it, which restores the state from before that ticket:
 *
 * - A ticket in the middle of the queue is cancelled. All tickets behind it move up. They are scheduled again by the
 *   next call that needs the queue, or in the next microtask, so a thousand tickets cancelled together cause one
 *   repair.
 * - The front ticket is released late. All tickets behind it are delayed, so their old due times are lower bounds. Only
 *   the front of each queue is scheduled again (`scheduleFront`); the other tickets follow when they reach the front or
 *   when a call needs the whole queue. Releasing n late waiters therefore costs O(n), not O(n²).
 */
export class WaitQueue extends Timeline {
  #tickets = 0;
  /** The limits that have undone tickets. */
  readonly #undone = new Set<QueuedLimit>();
  #isRepairScheduled = false;

  /**
   * Adds a ticket behind all others of its limits. If the ticket ahead of it is undone, the new ticket is undone too.
   */
  add(ticket: Ticket, now: number): void {
    ticket.number = ++this.#tickets;
    ticket.isQueued = true;
    for (const node of ticket.nodes) node.limit.push(node);
    if (ticket.isUndone) this.#joinUndone(ticket, now);
    else ticket.schedule(now);
    for (const { limit } of ticket.nodes) limit.advance(now);
  }

  /** Marks a ticket that is behind an undone one as undone at all of its limits. */
  #joinUndone(ticket: Ticket, now: number): void {
    for (const { limit, ahead } of ticket.nodes) {
      if (!ticket.isUndoneAt(limit)) this.#markUndone(ticket, limit, now);
      ticket.due = Math.max(ticket.due, ahead === undefined ? now : ahead.ticket.due);
    }
  }

  /** Removes a ticket that is cancelled before it is due. */
  remove(ticket: Ticket): void {
    this.undo(ticket);
    this.leave(ticket);
  }

  /** Removes a ticket from its queues. Its cost stays taken. */
  leave(ticket: Ticket): void {
    ticket.isQueued = false;
    for (const node of ticket.nodes) node.limit.remove(node);
  }

  /** Undoes this ticket and the tickets behind it. The next repair schedules them again. */
  undo(ticket: Ticket): void {
    for (const node of ticket.nodes) {
      this.#undoAt(node, Infinity);
      node.limit.undoneSince = Infinity;
    }
    if (this.#isRepairScheduled) return;
    this.#isRepairScheduled = true;
    resolvedPromise.then(() => {
      if (this.#isRepairScheduled) this.repair(this.now());
    });
  }

  /** Undoes a node and the nodes behind it at one limit. They can be scheduled from `since` on. */
  #undoAt(node: TicketNode, since: number): void {
    const { ticket, limit } = node;
    if (ticket.isUndoneAt(limit)) return;
    limit.undo(node);
    this.#markUndone(ticket, limit, since);
  }

  #markUndone(ticket: Ticket, limit: QueuedLimit, since: number): void {
    limit.undoneFrom = ticket.number;
    limit.undoneSince = Math.max(limit.undoneSince, since);
    // The limit moves to the end of the set. Otherwise a repair that has already visited it would miss this ticket.
    this.#undone.delete(limit);
    this.#undone.add(limit);
  }

  /** Schedules a late or undone ticket that is first at all of its limits. The tickets behind it stay undone. */
  scheduleFront(ticket: Ticket, now: number): void {
    for (const node of ticket.nodes) this.#undoAt(node, now);
    ticket.schedule(now);
    for (const { limit, behind } of ticket.nodes) {
      limit.undoneFrom = behind === undefined ? Infinity : behind.ticket.number;
      limit.undoneSince = ticket.due;
      if (behind === undefined) this.#forget(limit);
    }
  }

  #forget(limit: QueuedLimit): void {
    this.#undone.delete(limit);
    limit.undoneFrom = Infinity;
    limit.undoneSince = -Infinity;
  }

  /** Runs the scheduled repair, if there is one. Before the repair, due times may be too late. */
  repairIfScheduled(now: number): void {
    if (this.#isRepairScheduled) this.repair(now);
  }

  /** Schedules the undone tickets that may move up. */
  repair(now: number): void {
    this.#isRepairScheduled = false;
    for (const limit of [...this.#undone]) {
      if (!limit.hasCombined && limit.undoneSince === Infinity) this.#repairAlone(limit, now);
    }
    this.#repairCombined(now);
  }

  /** Schedules all undone tickets that the due times of this limit's tickets depend on. */
  repairFor(limit: QueuedLimit, now: number): void {
    if (limit.hasCombined) this.#repairCombined(now);
    else if (limit.undoneFrom < Infinity) this.#repairAlone(limit, now);
  }

  /** Repairs a limit whose tickets wait at no other limit. */
  #repairAlone(limit: QueuedLimit, now: number): void {
    let first: TicketNode | undefined;
    for (let node = limit.last; node?.ticket.isUndoneAt(limit); node = node.ahead) first = node;
    for (let next = first; next !== undefined; next = next.behind) next.ticket.schedule(now);
    this.#finishRepair([limit], now);
  }

  /** Repairs all limits with combined tickets, in arrival order. */
  #repairCombined(now: number): void {
    const tickets = new Set<Ticket>();
    for (const limit of this.#undone) {
      if (!limit.hasCombined) continue;
      for (let node = limit.last; node?.ticket.isUndoneAt(limit); node = node.ahead) {
        tickets.add(node.ticket);
        // Undoing the ticket at its other limits adds these limits to the set that this loop iterates over.
        for (const other of node.ticket.nodes) this.#undoAt(other, now);
      }
    }
    for (const ticket of [...tickets].sort((a, b) => a.number - b.number)) ticket.schedule(now);
    this.#finishRepair(
      [...this.#undone].filter((limit) => limit.hasCombined),
      now,
    );
  }

  #finishRepair(limits: readonly QueuedLimit[], now: number): void {
    for (const limit of limits) this.#forget(limit);
    for (const limit of limits) {
      limit.advance(now);
      limit.onEarlier?.();
    }
  }
}

/** One queue per clock. The map is weak, so a queue lives as long as its clock. */
const queues = new WeakMap<Clock, WaitQueue>();

/** Returns the queue of a clock. */
export function queueOf(clock: Clock): WaitQueue {
  let queue = queues.get(clock);
  if (queue === undefined) {
    queue = new WaitQueue(clock);
    queues.set(clock, queue);
  }
  return queue;
}
