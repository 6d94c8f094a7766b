import { SlotHeap } from '../core/slot-heap.js';

/**
 * A number, its slot, for each key that is known: at most `maxKeys` of them. When there is no room, the key that has
 * been idle for longest makes some, since forgetting what is as good as never used changes nothing.
 *
 * Who that is is worked out only then, when the first heap is made; until then a key costs its place in a Map. Times in
 * the heap are lower bounds: whoever takes is idle later, and that is noticed at the front of the heap. A key moves
 * back there once for all that it has taken, so that room is found in amortised O(log n), and so is that there is none.
 */
export class KeyTable {
  readonly #maxKeys: number;
  /** From when on a slot is idle; `Infinity` for never. */
  readonly #resetAt: (slot: number, now: number) => number;
  readonly #slots = new Map<string, number>();
  readonly #free: number[] = [];
  #keys: (string | undefined)[] = [];
  #heap: IdleHeap | undefined = undefined;

  constructor(maxKeys: number, resetAt: (slot: number, now: number) => number) {
    this.#maxKeys = maxKeys;
    this.#resetAt = resetAt;
  }

  get size(): number {
    return this.#slots.size;
  }

  get(key: string): number | undefined {
    return this.#slots.get(key);
  }

  /** When there is room for one more key: `now`, or when the first will be idle. */
  roomAt(now: number): number {
    if (this.#slots.size < this.#maxKeys) return now;
    const heap = this.#heap ?? this.#makeHeap(now);
    for (;;) {
      const first = heap.front as number;
      const resetAt = this.#resetAt(first, now);
      if (resetAt <= heap.timeOf(first)) return Math.max(now, resetAt);
      heap.move(first, resetAt);
    }
  }

  /** The slot of a new key, for which there is room. @param onForget - told of the slot that makes some. */
  add(key: string, now: number, onForget: (slot: number) => void): number {
    if (this.#slots.size === this.#maxKeys) {
      const first = this.#heap?.front as number;
      onForget(first);
      this.delete(this.#keys[first] as string);
    }
    const slot = this.#free.pop() ?? this.#slots.size;
    this.#slots.set(key, slot);
    if (this.#heap !== undefined) {
      this.#keys[slot] = key;
      this.#heap.add(slot, now);
    }
    return slot;
  }

  /** Gives the slot that the key had. */
  delete(key: string): number | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#free.push(slot);
    this.#heap?.remove(slot);
    if (this.#heap !== undefined) this.#keys[slot] = undefined;
    return slot;
  }

  /** The slot may be idle sooner than it was going to be. */
  onEarlier(slot: number, now: number): void {
    if (this.#heap === undefined) return;
    const resetAt = this.#resetAt(slot, now);
    if (resetAt < this.#heap.timeOf(slot)) this.#heap.move(slot, resetAt);
  }

  #makeHeap(now: number): IdleHeap {
    this.#keys = new Array(this.#maxKeys);
    this.#heap = new IdleHeap(this.#maxKeys);
    for (const [key, slot] of this.#slots) {
      this.#keys[slot] = key;
      this.#heap.add(slot, this.#resetAt(slot, now));
    }
    return this.#heap;
  }
}

/** Slots by the time from which they are idle, the earliest in front. */
class IdleHeap extends SlotHeap {
  readonly #times: Float64Array;

  constructor(slots: number) {
    super(slots);
    this.#times = new Float64Array(slots);
  }

  timeOf(slot: number): number {
    return this.#times[slot] as number;
  }

  add(slot: number, time: number): void {
    this.#times[slot] = time;
    this.push(slot);
  }

  move(slot: number, time: number): void {
    this.#times[slot] = time;
    this.reposition(slot);
  }

  protected isBefore(a: number, b: number): boolean {
    return this.timeOf(a) < this.timeOf(b);
  }
}
