import type { Ledger } from './ledger.js';

/** The states of one limiter under many keys, each in its slot, that take turns in one ledger. */
export interface StateStore {
  /** Puts the state of this slot into the ledger; that of nobody is fresh. */
  load(slot: number | undefined): void;
  /** Keeps what is in the ledger now as the state of this slot. */
  save(slot: number): void;
  /** Makes a slot that of a limiter which was never used. */
  clear(slot: number): void;
  /** Into a ledger of its own, of the same rules. */
  moveOut(slot: number, into: Ledger): void;
  moveIn(slot: number, from: Ledger): void;
}

/** For states that are a few numbers: one column for all of them, which the garbage collector need not look into. */
export class NumberStore implements StateStore {
  readonly #ledger: Ledger;
  readonly #width: number;
  readonly #maxSlots: number;
  readonly #fresh: number[] = [];
  #column: Float64Array<ArrayBuffer>;

  constructor(ledger: Ledger, maxSlots: number) {
    this.#ledger = ledger;
    this.#width = ledger.rules.width;
    this.#maxSlots = maxSlots;
    this.#column = new Float64Array(0);
    ledger.rules.save(ledger.rules.fresh(), this.#fresh, 0);
  }

  load(slot: number | undefined): void {
    if (slot !== undefined) this.moveOut(slot, this.#ledger);
    else this.#ledger.rules.load(this.#ledger.state, this.#fresh, 0);
  }

  save(slot: number): void {
    this.moveIn(slot, this.#ledger);
  }

  clear(slot: number): void {
    if ((slot + 1) * this.#width > this.#column.length) this.#grow(slot + 1);
    this.#column.set(this.#fresh, slot * this.#width);
  }

  moveOut(slot: number, { rules, state }: Ledger): void {
    rules.load(state, this.#column, slot * this.#width);
  }

  moveIn(slot: number, { rules, state }: Ledger): void {
    rules.save(state, this.#column, slot * this.#width);
  }

  #grow(slots: number): void {
    const column = new Float64Array(Math.min(this.#maxSlots, Math.ceil(1.5 * slots) + 7) * this.#width);
    column.set(this.#column);
    this.#column = column;
  }
}

/** For states that are more than that: the objects themselves. */
export class ObjectStore implements StateStore {
  readonly #ledger: Ledger;
  readonly #states: unknown[] = [];

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  load(slot: number | undefined): void {
    if (slot !== undefined) this.moveOut(slot, this.#ledger);
    else this.#ledger.state = this.#ledger.rules.fresh();
  }

  save(slot: number): void {
    this.moveIn(slot, this.#ledger);
  }

  clear(slot: number): void {
    this.#states[slot] = this.#ledger.rules.fresh();
  }

  moveOut(slot: number, into: Ledger): void {
    into.state = this.#states[slot];
  }

  moveIn(slot: number, { state }: Ledger): void {
    this.#states[slot] = state;
  }
}
