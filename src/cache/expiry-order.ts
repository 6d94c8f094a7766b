import { SlotHeap } from '../core/slot-heap.js';
import { grown, SlotLinks, SlotList } from './slot-list.js';

/** The times at which slots expire. The column is replaced when it grows. */
export interface DueTimes {
  readonly due: Float64Array;
}

/** Slots in the order in which they expire. Slots that expire at the same time keep the order in which they were added. */
export interface ExpiryOrder {
  grow(lastSlot: number): void;
  /** Adds a slot. Returns false if the order cannot hold a slot that expires at this time. */
  add(slot: number): boolean;
  remove(slot: number): void;
  /** The slot that expires first; 0 if there is none. */
  readonly first: number;
  /** Returns all slots, the first to expire in front. */
  slots(): Int32Array;
  /** Returns all slots, the last to expire in front. */
  latestFirst(): Iterable<number>;
}

/** A linked list: O(1) for each operation, for slots that are added in the order in which they expire. */
export class ExpiryList implements ExpiryOrder {
  readonly #times: DueTimes;
  readonly #links = new SlotLinks();
  /** The slot that expires first is the last of the list. */
  readonly #list = new SlotList(this.#links);

  constructor(times: DueTimes) {
    this.#times = times;
  }

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number): boolean {
    const { due } = this.#times;
    const newest = this.#list.first;
    if (newest !== 0 && (due[slot] as number) < (due[newest] as number)) return false;
    this.#list.unshift(slot);
    return true;
  }

  remove(slot: number): void {
    this.#list.remove(slot);
  }

  get first(): number {
    return this.#list.last;
  }

  slots(): Int32Array {
    return Int32Array.from(this.#list).reverse();
  }

  /** Lazy. */
  latestFirst(): Iterable<number> {
    return this.#list;
  }
}

/** A heap: O(log n) for each operation, for slots that are added in any order. */
export class ExpiryHeap extends SlotHeap implements ExpiryOrder {
  readonly #times: DueTimes;
  /** The number of slots that were added before each slot. It orders slots that expire at the same time. */
  #numbers: Float64Array;
  #added = 0;

  /** @param sorted - the slots to begin with, the first to expire in front. */
  constructor(times: DueTimes, sorted: Int32Array, lastSlot: number) {
    super(lastSlot + 1);
    this.#times = times;
    this.#numbers = new Float64Array(lastSlot + 1);
    for (const slot of sorted) this.add(slot); // each slot stays where it is put
  }

  grow(lastSlot: number): void {
    this.resize(lastSlot + 1);
    this.#numbers = grown(this.#numbers, lastSlot);
  }

  add(slot: number): boolean {
    this.#numbers[slot] = this.#added++;
    this.push(slot);
    return true;
  }

  get first(): number {
    return this.front ?? 0;
  }

  slots(): Int32Array {
    return this.sorted();
  }

  /** Sorts all slots: O(n log n). */
  latestFirst(): Iterable<number> {
    return this.sorted().reverse();
  }

  protected isBefore(a: number, b: number): boolean {
    const { due } = this.#times;
    const [dueA, dueB] = [due[a] as number, due[b] as number];
    return dueA === dueB ? (this.#numbers[a] as number) < (this.#numbers[b] as number) : dueA < dueB;
  }
}
