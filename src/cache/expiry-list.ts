import type { DueTimes, ExpiryOrder } from './expiry-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

/** What is due first is last in the list, where it was put first. */
export class ExpiryList implements ExpiryOrder {
  readonly #times: DueTimes;
  readonly #links = new SlotLinks();
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
