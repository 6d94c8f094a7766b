import { settled } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import type { Claim, Counter, Place } from './claim.js';
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
export class Line extends Timeline {
  #claims = 0;
  /** The counters from which claims are undone. */
  readonly #undone = new Set<Counter>();
  #isRepairScheduled = false;

  /** Puts a claim behind all others of its counters. It is undone if it is behind an undone claim. */
  add(claim: Claim, now: number): void {
    claim.number = ++this.#claims;
    claim.isInLine = true;
    for (const place of claim.places) place.counter.push(place);
    if (claim.isUndone) this.#joinUndone(claim, now);
    else claim.place(now);
    for (const { counter } of claim.places) counter.advance(now);
  }

  /** A claim behind an undone one is undone at all of its counters. */
  #joinUndone(claim: Claim, now: number): void {
    for (const { counter, ahead } of claim.places) {
      if (!claim.isUndoneAt(counter)) this.#markUndone(claim, counter, now);
      claim.due = Math.max(claim.due, ahead === undefined ? now : ahead.claim.due);
    }
  }

  /** Removes a claim that gives up before it is due. */
  remove(claim: Claim): void {
    this.undo(claim);
    this.leave(claim);
  }

  /** Removes a claim from its lines. What it has taken stays taken. */
  leave(claim: Claim): void {
    claim.isInLine = false;
    for (const place of claim.places) place.counter.remove(place);
  }

  /** Undoes what this claim and those behind it took; the next repair places them again. */
  undo(claim: Claim): void {
    for (const place of claim.places) {
      this.#undoAt(place, Infinity);
      place.counter.undoneSince = Infinity;
    }
    if (this.#isRepairScheduled) return;
    this.#isRepairScheduled = true;
    settled.then(() => {
      if (this.#isRepairScheduled) this.repair(this.now());
    });
  }

  /** Undoes a place and those behind it, to be placed from `since` on. */
  #undoAt(place: Place, since: number): void {
    const { claim, counter } = place;
    if (claim.isUndoneAt(counter)) return;
    counter.undo(place);
    this.#markUndone(claim, counter, since);
  }

  #markUndone(claim: Claim, counter: Counter, since: number): void {
    counter.undoneFrom = claim.number;
    counter.undoneSince = Math.max(counter.undoneSince, since);
    // To the end of the set, or a repair that has already walked this counter would miss what is undone now.
    this.#undone.delete(counter);
    this.#undone.add(counter);
  }

  /** Places a claim that is late or undone, and the first at all of its counters. Those behind it stay undone. */
  placeFront(claim: Claim, now: number): void {
    for (const place of claim.places) this.#undoAt(place, now);
    claim.place(now);
    for (const { counter, behind } of claim.places) {
      counter.undoneFrom = behind === undefined ? Infinity : behind.claim.number;
      counter.undoneSince = claim.due;
      if (behind === undefined) this.#forget(counter);
    }
  }

  #forget(counter: Counter): void {
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
  repairFor(counter: Counter, now: number): void {
    if (counter.hasCombined) this.#repairCombined(now);
    else if (counter.undoneFrom < Infinity) this.#repairAlone(counter, now);
  }

  /** Repairs a counter whose claims wait at no other. */
  #repairAlone(counter: Counter, now: number): void {
    let first: Place | undefined;
    for (let place = counter.last; place?.claim.isUndoneAt(counter); place = place.ahead) first = place;
    for (let place = first; place !== undefined; place = place.behind) place.claim.place(now);
    this.#finishRepair([counter], now);
  }

  /** Repairs all counters that combined claims wait at, in arrival order. */
  #repairCombined(now: number): void {
    const claims = new Set<Claim>();
    for (const counter of this.#undone) {
      if (!counter.hasCombined) continue;
      for (let place = counter.last; place?.claim.isUndoneAt(counter); place = place.ahead) {
        claims.add(place.claim);
        // At its other counters as well, which adds to the set that is being walked.
        for (const other of place.claim.places) this.#undoAt(other, now);
      }
    }
    for (const claim of [...claims].sort((a, b) => a.number - b.number)) claim.place(now);
    this.#finishRepair(
      [...this.#undone].filter((counter) => counter.hasCombined),
      now,
    );
  }

  #finishRepair(counters: readonly Counter[], now: number): void {
    for (const counter of counters) this.#forget(counter);
    for (const counter of counters) {
      counter.advance(now);
      counter.onEarlier?.();
    }
  }
}

/** No state of ours: it goes when the clock goes. */
const lines = new WeakMap<Clock, Line>();

export function lineOf(clock: Clock): Line {
  let line = lines.get(clock);
  if (line === undefined) {
    line = new Line(clock);
    lines.set(clock, line);
  }
  return line;
}
