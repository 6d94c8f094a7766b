import type { SlotList } from './slot-list.js';

/**
 * The order in which a cache evicts its entries: the only difference between the caches. It knows entries by their
 * slots: small integers from 1, which are reused after an entry was removed.
 */
export interface EvictionOrder<K> {
  /** A list in which a use moves the entry to the front. The table does that itself. */
  readonly recency?: SlotList;
  /**
   * A byte per slot. A use adds one to it, up to `mostMarks`; the table does that itself. If the byte is above
   * `mostMarks`, the table calls `use` instead. `grow` replaces the column.
   */
  readonly marks?: Uint8Array;
  /** The largest value of a byte in `marks` that the table increments. */
  readonly mostMarks?: number;
  /**
   * Whether an entry with more uses is always evicted later. If so, restored entries are sorted by their uses first.
   */
  readonly isByUses?: boolean;
  /** Whether `evict` visits empty slots. If so, the table limits their number in proportion to the entries. */
  readonly passesEmptySlots?: boolean;
  /** Makes room for the slots up to and including `lastSlot`. */
  grow(lastSlot: number): void;
  /** Adds a new entry. @param uses - the use count of a restored entry. */
  add(slot: number, key: K, uses?: number): void;
  /** Handles a read or a replaced value. Not called if `recency` or `marks` covers the use. */
  use?(slot: number): void;
  /** Removes an entry from the order. */
  remove(slot: number): void;
  /**
   * Removes the entry to be evicted now and returns its slot. Called only if there is one.
   * @param spared - a slot that must not be evicted, because its entry was just set; 0 for none.
   */
  evict(spared: number): number;
  /** Returns all slots, from the one that is evicted last. Lazy; must not be used after a change. */
  slots(): Iterable<number>;
  /** Returns the use count of an entry, for a dump. */
  uses?(slot: number): number;
  /** Handles a change of the capacity. */
  resize?(capacity: number): void;
  /** Removes all entries. The caller will call `grow` again. */
  clear(): void;
}
