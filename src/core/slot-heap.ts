/**
 * A binary min-heap of slots in typed arrays. A slot is a small integer. The heap records the position of each slot, so
 * that any slot can be moved or removed in O(log n) (Williams, "Algorithm 232: Heapsort", 1964).
 */
export abstract class SlotHeap {
  #heap: Int32Array;
  #positions: Int32Array;
  #size = 0;

  /** @param slots - the number of slots; a slot is an integer in [0, slots). */
  constructor(slots: number) {
    this.#heap = new Int32Array(slots);
    this.#positions = new Int32Array(slots);
  }

  /** Whether slot `a` leaves the heap before slot `b`. */
  protected abstract isBefore(a: number, b: number): boolean;

  /** The slot that leaves first; undefined if the heap is empty. */
  get front(): number | undefined {
    return this.#size === 0 ? undefined : this.#heap[0];
  }

  /** Makes room for more slots. */
  resize(slots: number): void {
    const [heap, positions] = [new Int32Array(slots), new Int32Array(slots)];
    heap.set(this.#heap);
    positions.set(this.#positions);
    this.#heap = heap;
    this.#positions = positions;
  }

  /** Adds a slot that is not in the heap. */
  push(slot: number): void {
    this.#rise(slot, this.#size++);
  }

  /** Moves a slot whose order has changed to its new position. */
  reposition(slot: number): void {
    this.#rise(slot, this.#positions[slot] as number);
    this.#sink(slot, this.#positions[slot] as number);
  }

  /** Removes a slot that is in the heap. */
  remove(slot: number): void {
    const position = this.#positions[slot] as number;
    const last = this.#heap[--this.#size] as number;
    if (last === slot) return;
    this.#rise(last, position);
    this.#sink(last, this.#positions[last] as number);
  }

  /** Returns a copy of all slots in the order in which they would leave: O(n log n). */
  sorted(): Int32Array {
    return this.#heap.slice(0, this.#size).sort((a, b) => (this.isBefore(a, b) ? -1 : 1));
  }

  #put(slot: number, position: number): void {
    this.#heap[position] = slot;
    this.#positions[slot] = position;
  }

  #rise(slot: number, from: number): void {
    let position = from;
    while (position > 0) {
      const above = (position - 1) >> 1;
      const parent = this.#heap[above] as number;
      if (!this.isBefore(slot, parent)) break;
      this.#put(parent, position);
      position = above;
    }
    this.#put(slot, position);
  }

  #sink(slot: number, from: number): void {
    let position = from;
    for (let below = 2 * position + 1; below < this.#size; below = 2 * position + 1) {
      const right = below + 1;
      if (right < this.#size && this.isBefore(this.#heap[right] as number, this.#heap[below] as number)) below = right;
      const child = this.#heap[below] as number;
      if (!this.isBefore(child, slot)) break;
      this.#put(child, position);
      position = below;
    }
    this.#put(slot, position);
  }
}
