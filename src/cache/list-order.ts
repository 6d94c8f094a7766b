import type { EvictionOrder } from './eviction-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

/** An order with the newest entry in front and the oldest entry evicted first. */
export class ListOrder implements EvictionOrder<unknown> {
  protected readonly list: SlotList;
  readonly #links = new SlotLinks();

  constructor() {
    this.list = new SlotList(this.#links);
  }

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number): void {
    this.list.unshift(slot);
  }

  remove(slot: number): void {
    this.list.remove(slot);
  }

  evict(spared: number): number {
    const slot = this.list.lastBut(spared);
    this.list.remove(slot);
    return slot;
  }

  slots(): Iterable<number> {
    return this.list;
  }

  clear(): void {
    this.list.clear();
    this.#links.clear();
  }
}
