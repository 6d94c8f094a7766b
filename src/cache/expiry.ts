import { type DueTimes, ExpiryHeap, ExpiryList, type ExpiryOrder } from './expiry-order.js';
import { grown } from './slot-list.js';

/**
 * The expiration times of entries: eight bytes per entry, and its position in the order of expiration.
 *
 * As long as entries are added in the order in which they expire, as with equal TTLs, the order is a list and each
 * operation is O(1). The first entry out of order turns the list into a heap, with O(log n) per operation from then on.
 * In JavaScript a heap is faster than a timer wheel up to a million entries, and it is exact.
 */
export class Expiry implements DueTimes {
  /** The time at which each slot expires; `Infinity` for never. The table reads it directly. */
  due: Float64Array = new Float64Array(1);
  /** The full TTL of each slot, if `renew` needs it. */
  #ttl: Float64Array | undefined;
  #order: ExpiryOrder;
  readonly #ordersAll: boolean;

  /**
   * @param keepsTtl - whether `renew` will be called.
   * @param ordersAll - whether slots that never expire are in the order too, at its end.
   */
  constructor(keepsTtl: boolean, ordersAll: boolean) {
    this.#ttl = keepsTtl ? new Float64Array(1) : undefined;
    this.#ordersAll = ordersAll;
    this.#order = new ExpiryList(this);
  }

  grow(lastSlot: number): void {
    const { length } = this.due;
    this.due = grown(this.due, lastSlot).fill(Infinity, length);
    if (this.#ttl !== undefined) this.#ttl = grown(this.#ttl, lastSlot).fill(Infinity, length);
    this.#order.grow(lastSlot);
  }

  /** Sets the expiration time of a slot that is not in the order. */
  schedule(slot: number, due: number, ttlMs: number): void {
    this.due[slot] = due;
    if (this.#ttl !== undefined) this.#ttl[slot] = ttlMs;
    if (!this.#isOrdered(slot) || this.#order.add(slot)) return;
    this.#order = new ExpiryHeap(this, this.#order.slots(), this.due.length - 1);
    this.#order.add(slot);
  }

  /** Removes the expiration time of a scheduled slot. */
  cancel(slot: number): void {
    if (this.#isOrdered(slot)) this.#order.remove(slot);
    this.due[slot] = Infinity;
  }

  /** Restarts the TTL of a slot. */
  renew(slot: number, now: number): void {
    const ttlMs = this.ttlOf(slot);
    this.cancel(slot);
    this.schedule(slot, now + ttlMs, ttlMs);
  }

  ttlOf(slot: number): number {
    return this.#ttl?.[slot] ?? Infinity;
  }

  #isOrdered(slot: number): boolean {
    return this.#ordersAll || this.due[slot] !== Infinity;
  }

  /** Replaces a heap by a list: after many entries out of order, the following ones may come in order again. */
  sort(): void {
    const slots = this.#order.slots();
    this.#order = new ExpiryList(this);
    this.#order.grow(this.due.length - 1);
    for (const slot of slots) this.#order.add(slot);
  }

  /** The slot that expires first; 0 if there is none. */
  get first(): number {
    return this.#order.first;
  }

  /** Whether any slot will ever expire. */
  get isPending(): boolean {
    return this.first !== 0 && this.due[this.first] !== Infinity;
  }

  /** Returns the slot that expires first if it has expired at the time `now`, and otherwise 0. */
  overdue(now: number): number {
    const slot = this.#order.first;
    return slot !== 0 && (this.due[slot] as number) <= now ? slot : 0;
  }

  /** Returns the slots in the order of expiration; without slots that never expire unless `ordersAll` is set. */
  slots(): Int32Array {
    return this.#order.slots();
  }

  latestFirst(): Iterable<number> {
    return this.#order.latestFirst();
  }

  /** Removes all slots. The caller will call `grow` again. */
  clear(): void {
    this.due = new Float64Array(1);
    if (this.#ttl !== undefined) this.#ttl = new Float64Array(1);
    this.#order = new ExpiryList(this);
  }
}
