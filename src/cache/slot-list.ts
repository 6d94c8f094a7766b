/**
 * A doubly linked list of slots: two integers per entry in typed arrays, with slot 0 as the end in both directions.
 * Each operation is O(1), and the garbage collector has nothing to trace. Several lists may share their links, because
 * a slot is in only one list at a time.
 */
export class SlotList {
  readonly #links: SlotLinks;
  #first = 0;
  #last = 0;
  size = 0;

  constructor(links: SlotLinks) {
    this.#links = links;
  }

  /** The first slot; 0 if the list is empty. */
  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  /** Returns the last slot, or the one before it if the last one is `spared`. */
  lastBut(spared: number): number {
    return this.#last === spared ? (this.#links.previous[spared] as number) : this.#last;
  }

  unshift(slot: number): void {
    const { next, previous } = this.#links;
    next[slot] = this.#first;
    previous[slot] = 0;
    if (this.#first === 0) this.#last = slot;
    else previous[this.#first] = slot;
    this.#first = slot;
    this.size++;
  }

  push(slot: number): void {
    const { next, previous } = this.#links;
    next[slot] = 0;
    previous[slot] = this.#last;
    if (this.#last === 0) this.#first = slot;
    else next[this.#last] = slot;
    this.#last = slot;
    this.size++;
  }

  remove(slot: number): void {
    const { next, previous } = this.#links;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    if (before === 0) this.#first = after;
    else next[before] = after;
    if (after === 0) this.#last = before;
    else previous[after] = before;
    this.size--;
  }

  moveToFront(slot: number): void {
    const first = this.#first;
    if (slot === first) return;
    const { next, previous } = this.#links;
    const before = previous[slot] as number;
    const after = next[slot] as number;
    next[before] = after;
    if (after === 0) this.#last = before;
    else previous[after] = before;
    next[slot] = first;
    previous[slot] = 0;
    previous[first] = slot;
    this.#first = slot;
  }

  clear(): void {
    this.#first = 0;
    this.#last = 0;
    this.size = 0;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let slot = this.#first; slot !== 0; slot = this.#links.next[slot] as number) yield slot;
  }
}

/** The links of all slots, shared by several lists. */
export class SlotLinks {
  next: Int32Array = new Int32Array(1);
  previous: Int32Array = new Int32Array(1);

  grow(lastSlot: number): void {
    this.next = grown(this.next, lastSlot);
    this.previous = grown(this.previous, lastSlot);
  }

  clear(): void {
    this.next = new Int32Array(1);
    this.previous = new Int32Array(1);
  }
}

type Column = Int32Array | Float64Array | Uint8Array;

/** Returns a copy of a column with room for the slots up to and including `lastSlot`. */
export function grown<C extends Column>(column: C, lastSlot: number): C {
  const larger = new (column.constructor as new (length: number) => C)(lastSlot + 1);
  larger.set(column as never);
  return larger;
}
