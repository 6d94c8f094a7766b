import type { DueTimes, ExpiryOrder } from './expiry-order.js';
import { grown } from './slot-list.js';

/**
 * A binary heap of slots that knows where each of them stands (Williams, "Algorithm 232: Heapsort", 1964). Of slots that
 * are due at once, the one that came first is first.
 */
export class ExpiryHeap implements ExpiryOrder {
  readonly #times: DueTimes;
  #heap: Int32Array<ArrayBuffer>;
  /** Where in the heap a slot stands. */
  #places: Int32Array<ArrayBuffer>;
  /** The how-manieth a slot was. */
  #numbers: Float64Array<ArrayBuffer>;
  #size = 0;
  #added = 0;

  /** @param sorted - slots, what is due first in front. */
  constructor(times: DueTimes, sorted: Int32Array, lastSlot: number) {
    this.#times = times;
    this.#heap = new Int32Array(lastSlot + 1);
    this.#places = new Int32Array(lastSlot + 1);
    this.#numbers = new Float64Array(lastSlot + 1);
    for (const slot of sorted) this.add(slot); // each one stays where it is put
  }

  grow(lastSlot: number): void {
    this.#heap = grown(this.#heap, lastSlot);
    this.#places = grown(this.#places, lastSlot);
    this.#numbers = grown(this.#numbers, lastSlot);
  }

  add(slot: number): boolean {
    this.#numbers[slot] = this.#added++;
    this.#rise(slot, this.#size++);
    return true;
  }

  remove(slot: number): void {
    const place = this.#places[slot] as number;
    const last = this.#heap[--this.#size] as number;
    if (last === slot) return;
    this.#rise(last, place);
    this.#sink(last, this.#places[last] as number);
  }

  get first(): number {
    return this.#size === 0 ? 0 : (this.#heap[0] as number);
  }

  slots(): Int32Array {
    return this.#heap.slice(0, this.#size).sort((a, b) => (this.#isBefore(a, b) ? -1 : 1));
  }

  /** Sorts all slots: O(n log n). */
  latestFirst(): Iterable<number> {
    return this.slots().reverse();
  }

  #isBefore(a: number, b: number): boolean {
    const { due } = this.#times;
    const [dueA, dueB] = [due[a] as number, due[b] as number];
    return dueA === dueB ? (this.#numbers[a] as number) < (this.#numbers[b] as number) : dueA < dueB;
  }

  #put(slot: number, place: number): void {
    this.#heap[place] = slot;
    this.#places[slot] = place;
  }

  #rise(slot: number, from: number): void {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above] as number;
      if (!this.#isBefore(slot, parent)) break;
      this.#put(parent, place);
      place = above;
    }
    this.#put(slot, place);
  }

  #sink(slot: number, from: number): void {
    let place = from;
    for (let below = 2 * place + 1; below < this.#size; below = 2 * place + 1) {
      if (below + 1 < this.#size && this.#isBefore(this.#heap[below + 1] as number, this.#heap[below] as number))
        below++;
      const child = this.#heap[below] as number;
      if (!this.#isBefore(child, slot)) break;
      this.#put(child, place);
      place = below;
    }
    this.#put(slot, place);
  }
}
