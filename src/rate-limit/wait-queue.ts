import { resolvedPromise } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import type { Ticket, TicketCounter, TicketNode } from './ticket.js';
import { Timeline } from './timeline.js';

/**
 * All claims at the limiters of one clock, in arrival order. Each claim is in the line of one counter or, where limiters
 * are combined, of several.
 *
 * A claim is taken from the states of its counters at once, as of the time when it will be due. Two things undo what the
 * claims from some place on have taken, back to the state that the first of them had found:
 *
 * - A claim in the middle gives up. All claims behind it move up. They are placed again when the line is next asked for
 *   something, or in the next microtask, so that a thousand claims that give up together cause one repair.
 * - The front claim is released late. All claims behind it move back, so their old due times are lower bounds. Only the
 *   front of each line is placed again (`placeFront`), and the others when they become the front or when the line is
 *   next asked for something. Draining n late waiters therefore costs O(n), not O(n²).
 */
export class WaitQueue extends Timeline {
  #tickets = 0;
  /** The counters from which claims are undone. */
  readonly #undone = new Set<TicketCounter>();
  #isRepairScheduled = false;

  /** Puts a claim behind all others of its counters. It is undone if it is behind an undone claim. */
  add(ticket: Ticket, now: number): void {
    ticket.number = ++this.#tickets;
    ticket.isQueued = true;
    for (const node of ticket.nodes) node.counter.push(node);
    if (ticket.isUndone) this.#joinUndone(ticket, now);
    else ticket.nodeOf(now);
    for (const { counter } of ticket.nodes) counter.advance(now);
  }

  /** A claim behind an undone one is undone at all of its counters. */
  #joinUndone(ticket: Ticket, now: number): void {
    for (const { counter, ahead } of ticket.nodes) {
      if (!ticket.isUndoneAt(counter)) this.#markUndone(ticket, counter, now);
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
    for (const node of ticket.nodes) node.counter.remove(node);
  }

  /** Undoes what this claim and those behind it took; the next repair places them again. */
  undo(ticket: Ticket): void {
    for (const node of ticket.nodes) {
      this.#undoAt(node, Infinity);
      node.counter.undoneSince = Infinity;
    }
    if (this.#isRepairScheduled) return;
    this.#isRepairScheduled = true;
    resolvedPromise.then(() => {
      if (this.#isRepairScheduled) this.repair(this.now());
    });
  }

  /** Undoes a place and those behind it, to be placed from `since` on. */
  #undoAt(node: TicketNode, since: number): void {
    const { ticket, counter } = node;
    if (ticket.isUndoneAt(counter)) return;
    counter.undo(node);
    this.#markUndone(ticket, counter, since);
  }

  #markUndone(ticket: Ticket, counter: TicketCounter, since: number): void {
    counter.undoneFrom = ticket.number;
    counter.undoneSince = Math.max(counter.undoneSince, since);
    // To the end of the set, or a repair that has already walked this counter would miss what is undone now.
    this.#undone.delete(counter);
    this.#undone.add(counter);
  }

  /** Places a claim that is late or undone, and the first at all of its counters. Those behind it stay undone. */
  placeFront(ticket: Ticket, now: number): void {
    for (const node of ticket.nodes) this.#undoAt(node, now);
    ticket.nodeOf(now);
    for (const { counter, behind } of ticket.nodes) {
      counter.undoneFrom = behind === undefined ? Infinity : behind.ticket.number;
      counter.undoneSince = ticket.due;
      if (behind === undefined) this.#forget(counter);
    }
  }

  #forget(counter: TicketCounter): void {
    this.#undone.delete(counter);
    counter.undoneFrom = Infinity;
    counter.undoneSince = -Infinity;
  }

  /** Does the repair that is scheduled, if there is one: until then, due times may be too late. */
  repairIfScheduled(now: number): void {
    if (this.#isRepairScheduled) this.repair(now);
  }

  /** Places the undone claims that may move up. */
  repair(now: number): void {
    this.#isRepairScheduled = false;
    for (const counter of [...this.#undone]) {
      if (!counter.hasCombined && counter.undoneSince === Infinity) this.#repairAlone(counter, now);
    }
    this.#repairCombined(now);
  }

  /** Places all undone claims that the due times of this counter's claims depend on. */
  repairFor(counter: TicketCounter, now: number): void {
    if (counter.hasCombined) this.#repairCombined(now);
    else if (counter.undoneFrom < Infinity) this.#repairAlone(counter, now);
  }

  /** Repairs a counter whose claims wait at no other. */
  #repairAlone(counter: TicketCounter, now: number): void {
    let first: TicketNode | undefined;
    for (let node = counter.last; node?.ticket.isUndoneAt(counter); node = node.ahead) first = node;
    for (let place = first; place !== undefined; place = place.behind) place.ticket.nodeOf(now);
    this.#finishRepair([counter], now);
  }

  /** Repairs all counters that combined claims wait at, in arrival order. */
  #repairCombined(now: number): void {
    const tickets = new Set<Ticket>();
    for (const counter of this.#undone) {
      if (!counter.hasCombined) continue;
      for (let node = counter.last; node?.ticket.isUndoneAt(counter); node = node.ahead) {
        tickets.add(node.ticket);
        // At its other counters as well, which adds to the set that is being walked.
        for (const other of node.ticket.nodes) this.#undoAt(other, now);
      }
    }
    for (const ticket of [...tickets].sort((a, b) => a.number - b.number)) ticket.nodeOf(now);
    this.#finishRepair(
      [...this.#undone].filter((counter) => counter.hasCombined),
      now,
    );
  }

  #finishRepair(counters: readonly TicketCounter[], now: number): void {
    for (const counter of counters) this.#forget(counter);
    for (const counter of counters) {
      counter.advance(now);
      counter.onEarlier?.();
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
