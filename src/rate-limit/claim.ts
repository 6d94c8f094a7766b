import { AbortNode } from '../core/abort-scope.js';
import type { Decision } from '../core/errors.js';

/** A limiter, as those see it who stand in line at it. */
export interface Counter {
  readonly last: Place | undefined;
  /** Claims with this number or a greater one are not in the counter's state, and have to be placed again. */
  undoneFrom: number;
  /** The earliest time from which undone claims are placed; `Infinity` for the time of the repair. */
  undoneSince: number;
  /** Whether claims wait here that wait at other counters as well. */
  readonly hasCombined: boolean;
  turnAt(cost: number, from: number): number;
  take(place: Place, cost: number, at: number, now: number): void;
  /** Takes the state back to before this place. */
  undo(place: Place): void;
  push(place: Place): void;
  remove(place: Place): void;
  /** Lets those go whose time has come. */
  advance(now: number): void;
  readonly first: Place | undefined;
  /** Whether a waiter that was due at `due` and is released `now` takes otherwise than it would have taken then. */
  isLate(place: Place, due: number, now: number): boolean;
  /** Told when it may be idle sooner than it was going to be. */
  readonly onEarlier: (() => void) | undefined;
}

/** A claim's place in line at one counter: its own node there. */
export class Place {
  readonly claim: Claim;
  readonly counter: Counter;
  /** The counter's state just before the claim took from it. */
  readonly before: number[] = [];
  ahead: Place | undefined = undefined;
  behind: Place | undefined = undefined;

  constructor(claim: Claim, counter: Counter) {
    this.claim = claim;
    this.counter = counter;
  }
}

/**
 * Somebody who has taken from what is to come: from one limiter, or from several at the same time. What is claimed has
 * been taken already, as of the time it is due; nobody who comes later can have it.
 */
export abstract class Claim extends AbortNode {
  readonly cost: number;
  /** The time that was promised, before which it must not be accounted. */
  readonly earliest: number;
  /** The how-manieth claim it is. */
  number = 0;
  due = 0;
  readonly places: readonly Place[];
  isInLine = false;

  constructor(cost: number, counters: readonly Counter[], earliest: number) {
    super();
    this.cost = cost;
    this.earliest = earliest;
    this.places = counters.map((counter) => new Place(this, counter));
  }

  /**
   * Takes from all counters at the first time at which each of them can give, and not before the claims ahead. An undone
   * claim is placed as it would have been when it was undone, so that it does not matter when that is made up for.
   */
  place(now: number): void {
    let due = this.earliest;
    for (const { ahead, counter } of this.places) {
      due = Math.max(due, this.isUndoneAt(counter) ? Math.min(counter.undoneSince, now) : now);
      if (ahead !== undefined) due = Math.max(due, ahead.claim.due);
    }
    const from = due;
    for (const { counter } of this.places) due = Math.max(due, counter.turnAt(this.cost, from));
    this.due = due;
    for (const place of this.places) place.counter.take(place, this.cost, due, now);
  }

  /** Whether the counter's state is that from before this claim. */
  isUndoneAt(counter: Counter): boolean {
    return this.number >= counter.undoneFrom;
  }

  get isUndone(): boolean {
    return this.places.some(({ counter }) => this.isUndoneAt(counter));
  }

  get isCombined(): boolean {
    return this.places.length > 1;
  }

  /** The claim at the front of all its lines that has to go before this one, or this one itself. */
  get frontmost(): Claim {
    for (const place of this.places) {
      const { first } = place.counter;
      if (first !== undefined && first !== place) return first.claim.frontmost;
    }
    return this;
  }

  /**
   * Whether a waiter is released later than it was due, because the event loop was held up. It must then be placed again,
   * from now on, or the calls of several windows would leave in the same moment. A reservation keeps its time.
   */
  isLate(now: number): boolean {
    if (!this.isAwaited || this.due >= now) return false;
    return this.places.some((place) => place.counter.isLate(place, this.due, now));
  }

  /** Whether somebody has to be told when it is due. */
  abstract readonly isAwaited: boolean;
  abstract onDue(now: number): void;
  /** It can never be due any more. */
  abstract onRefused(error: RangeError): void;
  abstract override onAbort(reason: unknown): void;
}

/** A reservation, whose holder knows the time. */
export class Booking extends Claim {
  readonly isAwaited = false;

  onDue(): void {}
  onRefused(): void {}
  onAbort(): void {}
}

/** A call that waits. */
export class WaitingClaim extends Claim {
  readonly isAwaited = true;
  readonly #grant: (now: number) => Decision;
  readonly #giveUp: () => void;
  readonly #resolve: (decision: Decision) => void;
  readonly #reject: (reason: unknown) => void;

  constructor(
    cost: number,
    counters: readonly Counter[],
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
