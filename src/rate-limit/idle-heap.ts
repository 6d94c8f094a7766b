/**
 * Slots by the time from which on they are idle, the soonest first: a binary heap that knows where each slot stands
 * (Williams, "Algorithm 232: Heapsort", 1964). O(log n) to add, move and remove. A time may be too early, never too late:
 * it is set right when the slot comes to the front.
 */
export class IdleHeap {
  readonly #heap: Int32Array;
  /** Where in the heap a slot stands. */
  readonly #places: Int32Array;
  readonly #times: Float64Array;
  #size = 0;

  constructor(slots: number) {
    this.#heap = new Int32Array(slots);
    this.#places = new Int32Array(slots);
    this.#times = new Float64Array(slots);
  }

  /** The slot that is idle first, if there is any. */
  get first(): number | undefined {
    return this.#size === 0 ? undefined : this.#heap[0];
  }

  timeOf(slot: number): number {
    return this.#times[slot] as number;
  }

  add(slot: number, time: number): void {
    this.#times[slot] = time;
    this.#rise(slot, this.#size++);
  }

  move(slot: number, time: number): void {
    this.#times[slot] = time;
    this.#rise(slot, this.#places[slot] as number);
    this.#sink(slot, this.#places[slot] as number);
  }

  remove(slot: number): void {
    const node = this.#places[slot] as number;
    const last = this.#heap[--this.#size] as number;
    if (last === slot) return;
    this.#rise(last, node);
    this.#sink(last, this.#places[last] as number);
  }

  #put(slot: number, node: number): void {
    this.#heap[node] = slot;
    this.#places[slot] = node;
  }

  #rise(slot: number, from: number): void {
    let node = from;
    while (node > 0) {
      const above = (node - 1) >> 1;
      const parent = this.#heap[above] as number;
      if (this.timeOf(parent) <= this.timeOf(slot)) break;
      this.#put(parent, node);
      node = above;
    }
    this.#put(slot, node);
  }

  #sink(slot: number, from: number): void {
    let node = from;
    for (let below = 2 * node + 1; below < this.#size; below = 2 * node + 1) {
      if (
        below + 1 < this.#size &&
        this.timeOf(this.#heap[below + 1] as number) < this.timeOf(this.#heap[below] as number)
      )
        below++;
      const child = this.#heap[below] as number;
      if (this.timeOf(child) >= this.timeOf(slot)) break;
      this.#put(child, node);
      node = below;
    }
    this.#put(slot, node);
  }
}
