import { type DueTimes, ExpiryHeap, ExpiryList, type ExpiryOrder } from './expiry-order.js';
import { grown } from './slot-list.js';

/**
 * When entries expire: eight bytes an entry, and its place in the order of expiry.
 *
 * As long as entries come in the order in which they will expire, as they do when all ttls are equal, that order is a
 * list, and everything about it O(1). The first entry out of order turns it into a heap, O(log n) from then on: in
 * JavaScript that is faster than a timer wheel up to a million entries, and it is exact.
 */
export class Expiry implements DueTimes {
  /** When the slot is due; `Infinity` for never. Read by whoever reads the entry. */
  due = new Float64Array(1);
  /** How long the slot was given, where a read starts that anew. */
  #ttl: Float64Array<ArrayBuffer> | undefined;
  #order: ExpiryOrder;
  readonly #ordersAll: boolean;

  /**
   * @param keepsTtl - whether `renew` will be called.
   * @param ordersAll - whether those that never expire have their place in the order too, at its end.
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

  /** For a slot that is not in the order. */
  schedule(slot: number, due: number, ttlMs: number): void {
    this.due[slot] = due;
    if (this.#ttl !== undefined) this.#ttl[slot] = ttlMs;
    if (!this.#isOrdered(slot) || this.#order.add(slot)) return;
    this.#order = new ExpiryHeap(this, this.#order.slots(), this.due.length - 1);
    this.#order.add(slot);
  }

  /** For a slot that was scheduled. */
  cancel(slot: number): void {
    if (this.#isOrdered(slot)) this.#order.remove(slot);
    this.due[slot] = Infinity;
  }

  /** Starts the slot's ttl anew. */
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

  /** Makes a list of a heap: after many entries came out of order, those that come from now on may not. */
  sort(): void {
    const slots = this.#order.slots();
    this.#order = new ExpiryList(this);
    this.#order.grow(this.due.length - 1);
    for (const slot of slots) this.#order.add(slot);
  }

  /** The slot that is due first, 0 if there is none. */
  get first(): number {
    return this.#order.first;
  }

  /** Whether anything will ever expire. */
  get isPending(): boolean {
    return this.first !== 0 && this.due[this.first] !== Infinity;
  }

  /** The slot to go next if it is due by `now`, else 0. */
  overdue(now: number): number {
    const slot = this.#order.first;
    return slot !== 0 && (this.due[slot] as number) <= now ? slot : 0;
  }

  /** What is due first in front; without what never is. */
  slots(): Int32Array {
    return this.#order.slots();
  }

  latestFirst(): Iterable<number> {
    return this.#order.latestFirst();
  }

  /** Its columns are to be grown again. */
  clear(): void {
    this.due = new Float64Array(1);
    if (this.#ttl !== undefined) this.#ttl = new Float64Array(1);
    this.#order = new ExpiryList(this);
  }
}
