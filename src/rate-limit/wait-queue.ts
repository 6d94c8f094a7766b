import { resolvedPromise } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import type { QueuedLimit, Ticket, TicketNode } from './ticket.js';
import { Timeline } from './timeline.js';

/**
 * All claims at the limiters of one clock, in arrival order. Each claim is in the line of one limit or, where limiters
 * are combined, of several.
 *
 * A claim is taken from the states of its limits at once, as of the time when it will be due. Two things undo what the
 * claims from some place on have taken, back to the state that the first of them had found:
 *
 * - A claim in the middle gives up. All claims behind it move up. They are placed again when the line is next asked for
 *   something, or in the next microtask, so that a thousand claims that give up together cause one repair.
 * - The front claim is released late. All claims behind it move back, so their old due times are lower bounds. Only the
 *   front of each line is placed again (`scheduleFront`), and the others when they become the front or when the line is
 *   next asked for something. Draining n late waiters therefore costs O(n), not O(n²).
 */
export class WaitQueue extends Timeline {
  #tickets = 0;
  /** The limits from which claims are undone. */
  readonly #undone = new Set<QueuedLimit>();
  #isRepairScheduled = false;

  /** Puts a claim behind all others of its limits. It is undone if it is behind an undone claim. */
  add(ticket: Ticket, now: number): void {
    ticket.number = ++this.#tickets;
    ticket.isQueued = true;
    for (const node of ticket.nodes) node.limit.push(node);
    if (ticket.isUndone) this.#joinUndone(ticket, now);
    else ticket.schedule(now);
    for (const { limit } of ticket.nodes) limit.advance(now);
  }

  /** A claim behind an undone one is undone at all of its limits. */
  #joinUndone(ticket: Ticket, now: number): void {
    for (const { limit, ahead } of ticket.nodes) {
      if (!ticket.isUndoneAt(limit)) this.#markUndone(ticket, limit, now);
      ticket.due = Math.max(ticket.due, ahead === undefined ? now : ahead.ticket.due);
    }
  }

  /** Removes a claim that gives up before it is due. */
  remove(ticket: Ticket): void {
    this.undo(ticket);
    this.leave(ticket);
  }

  /** Removes a claim from its lines. What it has taken stays taken. */
  leave(ticket: Ticket): void {
    ticket.isQueued = false;
    for (const node of ticket.nodes) node.limit.remove(node);
  }

  /** Undoes what this claim and those behind it took; the next repair places them again. */
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

  /** Undoes a place and those behind it, to be placed from `since` on. */
  #undoAt(node: TicketNode, since: number): void {
    const { ticket, limit } = node;
    if (ticket.isUndoneAt(limit)) return;
    limit.undo(node);
    this.#markUndone(ticket, limit, since);
  }

  #markUndone(ticket: Ticket, limit: QueuedLimit, since: number): void {
    limit.undoneFrom = ticket.number;
    limit.undoneSince = Math.max(limit.undoneSince, since);
    // To the end of the set, or a repair that has already walked this limit would miss what is undone now.
    this.#undone.delete(limit);
    this.#undone.add(limit);
  }

  /** Places a claim that is late or undone, and the first at all of its limits. Those behind it stay undone. */
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

  /** Does the repair that is scheduled, if there is one: until then, due times may be too late. */
  repairIfScheduled(now: number): void {
    if (this.#isRepairScheduled) this.repair(now);
  }

  /** Places the undone claims that may move up. */
  repair(now: number): void {
    this.#isRepairScheduled = false;
    for (const limit of [...this.#undone]) {
      if (!limit.hasCombined && limit.undoneSince === Infinity) this.#repairAlone(limit, now);
    }
    this.#repairCombined(now);
  }

  /** Places all undone claims that the due times of this limit's claims depend on. */
  repairFor(limit: QueuedLimit, now: number): void {
    if (limit.hasCombined) this.#repairCombined(now);
    else if (limit.undoneFrom < Infinity) this.#repairAlone(limit, now);
  }

  /** Repairs a limit whose claims wait at no other. */
  #repairAlone(limit: QueuedLimit, now: number): void {
    let first: TicketNode | undefined;
    for (let node = limit.last; node?.ticket.isUndoneAt(limit); node = node.ahead) first = node;
    for (let place = first; place !== undefined; place = place.behind) place.ticket.schedule(now);
    this.#finishRepair([limit], now);
  }

  /** Repairs all limits that combined claims wait at, in arrival order. */
  #repairCombined(now: number): void {
    const tickets = new Set<Ticket>();
    for (const limit of this.#undone) {
      if (!limit.hasCombined) continue;
      for (let node = limit.last; node?.ticket.isUndoneAt(limit); node = node.ahead) {
        tickets.add(node.ticket);
        // At its other limits as well, which adds to the set that is being walked.
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

/** No state of ours: it goes when the clock goes. */
const lines = new WeakMap<Clock, WaitQueue>();

export function queueOf(clock: Clock): WaitQueue {
  let queue = lines.get(clock);
  if (queue === undefined) {
    queue = new WaitQueue(clock);
    lines.set(clock, queue);
  }
  return queue;
}
