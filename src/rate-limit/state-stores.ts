import type { LimitState } from './limit-state.js';

/** The states of many keys of one limiter, one per slot. One state at a time is loaded into a shared limit. */
export interface StateStore {
  /** Loads the state of this slot into the shared limit; for `undefined`, a fresh state. */
  load(slot: number | undefined): void;
  /** Saves the state of the shared limit in this slot. */
  save(slot: number): void;
  /** Sets a slot to the state of a limiter that was never used. */
  clear(slot: number): void;
  /** Copies the state of a slot into a separate limit with the same algorithm. */
  moveOut(slot: number, into: LimitState): void;
  /** Copies the state of a separate limit into a slot. */
  moveIn(slot: number, from: LimitState): void;
}

/** Stores states that consist of a few numbers in one typed array, which the garbage collector does not traverse. */
export class NumberStore implements StateStore {
  readonly #limit: LimitState;
  readonly #width: number;
  readonly #maxSlots: number;
  readonly #fresh: number[] = [];
  #column: Float64Array;

  constructor(limit: LimitState, maxSlots: number) {
    this.#limit = limit;
    this.#width = limit.algorithm.width;
    this.#maxSlots = maxSlots;
    this.#column = new Float64Array(0);
    limit.algorithm.save(limit.algorithm.fresh(), this.#fresh, 0);
  }

  load(slot: number | undefined): void {
    if (slot !== undefined) this.moveOut(slot, this.#limit);
    else this.#limit.algorithm.load(this.#limit.state, this.#fresh, 0);
  }

  save(slot: number): void {
    this.moveIn(slot, this.#limit);
  }

  clear(slot: number): void {
    if ((slot + 1) * this.#width > this.#column.length) this.#grow(slot + 1);
    this.#column.set(this.#fresh, slot * this.#width);
  }

  moveOut(slot: number, { algorithm, state }: LimitState): void {
    algorithm.load(state, this.#column, slot * this.#width);
  }

  moveIn(slot: number, { algorithm, state }: LimitState): void {
    algorithm.save(state, this.#column, slot * this.#width);
  }

  #grow(slots: number): void {
    const column = new Float64Array(Math.min(this.#maxSlots, Math.ceil(1.5 * slots) + 7) * this.#width);
    column.set(this.#column);
    this.#column = column;
  }
}

/** Stores states that are objects, such as logs. */
export class ObjectStore implements StateStore {
  readonly #limit: LimitState;
  readonly #states: unknown[] = [];

  constructor(limit: LimitState) {
    this.#limit = limit;
  }

  load(slot: number | undefined): void {
    if (slot !== undefined) this.moveOut(slot, this.#limit);
    else this.#limit.state = this.#limit.algorithm.fresh();
  }

  save(slot: number): void {
    this.moveIn(slot, this.#limit);
  }

  clear(slot: number): void {
    this.#states[slot] = this.#limit.algorithm.fresh();
  }

  moveOut(slot: number, into: LimitState): void {
    into.state = this.#states[slot];
  }

  moveIn(slot: number, { state }: LimitState): void {
    this.#states[slot] = state;
  }
}
