import { SlotHeap } from '../core/slot-heap.js';

/**
 * Assigns a number, the slot, to each known key: at most `maxKeys` of them. If there is no room for a new key, the
 * table evicts the key that has been idle for the longest time. This does not change any decision, because an idle key
 * behaves like a new one.
 *
 * The heap of idle times is built when the table is full for the first time. Until then, a key costs only its Map
 * entry. Times in the heap are lower bounds: a call makes its key idle later, and the heap is only corrected when the
 * key is at its front. A key moves back once for all calls since, so finding room, or finding that there is none, is
 * amortised O(log n).
 */
export class KeyTable {
  readonly #maxKeys: number;
  /** Returns the time from which on a slot is idle; `Infinity` for a slot that must not be evicted. */
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

  /** The time at which there is room for one more key: `now`, or the time at which the first key is idle. */
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

  /** Adds a new key, for which there must be room. @param onForget - Called with the slot that is evicted. */
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

  /** Removes a key. Returns the slot that it had. */
  delete(key: string): number | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#free.push(slot);
    this.#heap?.remove(slot);
    if (this.#heap !== undefined) this.#keys[slot] = undefined;
    return slot;
  }

  /** Corrects the heap when a slot may be idle earlier than expected. */
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

/** A heap of slots, ordered by the time from which on they are idle. */
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
