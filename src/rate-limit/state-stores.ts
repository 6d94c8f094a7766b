import type { LimitState } from './limit-state.js';

/** The states of one limiter under many keys, each in its slot, that take turns in one ledger. */
export interface StateStore {
  /** Puts the state of this slot into the ledger; that of nobody is fresh. */
  load(slot: number | undefined): void;
  /** Keeps what is in the ledger now as the state of this slot. */
  save(slot: number): void;
  /** Makes a slot that of a limiter which was never used. */
  clear(slot: number): void;
  /** Into a ledger of its own, of the same rules. */
  moveOut(slot: number, into: LimitState): void;
  moveIn(slot: number, from: LimitState): void;
}

/** For states that are a few numbers: one column for all of them, which the garbage collector need not look into. */
export class NumberStore implements StateStore {
  readonly #limit: LimitState;
  readonly #width: number;
  readonly #maxSlots: number;
  readonly #fresh: number[] = [];
  #column: Float64Array<ArrayBuffer>;

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

/** For states that are more than that: the objects themselves. */
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
