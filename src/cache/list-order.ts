import type { EvictionOrder } from './eviction-order.js';
import { SlotLinks, SlotList } from './slot-list.js';

/** A list, the newest in front, or else the one used last. */
export class ListOrder implements EvictionOrder<unknown> {
  readonly #links = new SlotLinks();
  readonly #list = new SlotList(this.#links);
  readonly #movesOnUse: boolean;

  constructor({ movesOnUse }: { movesOnUse: boolean }) {
    this.#movesOnUse = movesOnUse;
  }

  grow(lastSlot: number): void {
    this.#links.grow(lastSlot);
  }

  add(slot: number): void {
    this.#list.unshift(slot);
  }

  use(slot: number): void {
    if (this.#movesOnUse) this.#list.moveToFront(slot);
  }

  remove(slot: number): void {
    this.#list.remove(slot);
  }

  victim(spared: number): number {
    return this.#list.lastBut(spared);
  }

  slots(): Iterable<number> {
    return this.#list;
  }

  clear(): void {
    this.#list.clear();
    this.#links.clear();
  }
}
