import { settled } from '../core/abort-scope.js';
import type { Clock } from '../core/clock.js';
import type { Claim, Counter, Place } from './claim.js';
import { Timeline } from './timeline.js';

/**
 * All who wait at the limiters of one clock, in the order they came. Each stands in line at one counter or, where limiters
 * are combined, at several.
 *
 * A claim is taken out of the counters' states at once, as of the time when it will be due. When one in the middle gives
 * up, what was taken after it is undone, back to the state that it had found, and is placed anew in the old order: all
 * behind it move up. That is put off until somebody asks, or to the next microtask, so that a thousand who give up
 * together cause it once.
 */
export class Line extends Timeline {
  #claims = 0;
  #undone: Counter[] = [];

  /** Puts a claim behind all others of its counters. */
  add(claim: Claim, now: number): void {
    this.repair(now);
    claim.number = ++this.#claims;
    claim.isInLine = true;
    for (const place of claim.places) place.counter.push(place);
    claim.place(now);
    for (const { counter } of claim.places) counter.advance(now);
  }

  /** The claim is not due yet, and gives up. */
  remove(claim: Claim): void {
    this.undo(claim);
    this.leave(claim);
  }

  /** It stands in line no more; what it took is taken. */
  leave(claim: Claim): void {
    claim.isInLine = false;
    for (const place of claim.places) place.counter.remove(place);
  }

  /** Places a claim that is late, and all behind it, from now on. */
  postpone(claim: Claim, now: number): void {
    this.undo(claim);
    this.repair(now);
  }

  /** What this claim and those behind it took is to be taken anew. */
  undo(claim: Claim): void {
    for (const place of claim.places) {
      const { counter } = place;
      if (isUndone(claim, counter)) continue;
      counter.undo(place);
      counter.undoneFrom = claim.number;
      if (this.#undone.push(counter) === 1) settled.then(() => this.repair(this.now()));
    }
  }

  /** Places everybody anew whose place was undone. */
  repair(now: number): void {
    if (this.#undone.length === 0) return;
    if (this.#undone.length === 1 && this.#repairAlone(this.#undone[0] as Counter, now)) return;
    const claims = new Set<Claim>();
    for (const counter of this.#undone) {
      for (let place = counter.last; place !== undefined && isUndone(place.claim, counter); place = place.ahead) {
        claims.add(place.claim);
        this.undo(place.claim); // at its other counters, which adds to the list that is being walked
      }
    }
    const counters = this.#undone;
    this.#undone = [];
    for (const counter of counters) counter.undoneFrom = Infinity;
    for (const claim of [...claims].sort((a, b) => a.number - b.number)) claim.place(now);
    for (const counter of counters) {
      counter.advance(now);
      counter.onEarlier?.();
    }
  }

  /** The same for one counter whose claims wait at no other: no copy of the line is needed. False if one of them does. */
  #repairAlone(counter: Counter, now: number): boolean {
    let first: Place | undefined;
    for (let place = counter.last; place !== undefined && isUndone(place.claim, counter); place = place.ahead) {
      if (place.claim.places.length > 1) return false;
      first = place;
    }
    this.#undone = [];
    counter.undoneFrom = Infinity;
    for (let place = first; place !== undefined; place = place.behind) place.claim.place(now);
    counter.advance(now);
    counter.onEarlier?.();
    return true;
  }
}

function isUndone(claim: Claim, counter: Counter): boolean {
  return claim.number >= counter.undoneFrom;
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
