import type { SlotList } from './slot-list.js';

/**
 * What a cache forgets first: the one thing in which caches differ. It knows entries by their slots, small integers from
 * 1 on that are used again after they were given back.
 */
export interface EvictionOrder<K> {
  /** A list of which a use moves the entry to the front. The table does that itself. */
  readonly recency?: SlotList;
  /**
   * A byte for each slot. A use adds one to it, up to `mostMarks`; the table does that itself. Where the byte is above
   * `mostMarks`, the table calls `use` instead. `grow` replaces the column.
   */
  readonly marks?: Uint8Array;
  readonly mostMarks?: number;
  /** Whether an entry with more uses is always kept longer than one with fewer. Restored entries come sorted then. */
  readonly isByUses?: boolean;
  /** Whether `evict` passes empty slots one by one. The table does not let them become many more than the others. */
  readonly passesEmptySlots?: boolean;
  /** Slots up to this one, itself included, may come from now on. */
  grow(lastSlot: number): void;
  /** A new entry. @param uses - what `uses` said of it when it was dumped. */
  add(slot: number, key: K, uses?: number): void;
  /** The entry was read, or its value replaced. Not called where `recency` or `marks` does. */
  use?(slot: number): void;
  /** The entry is gone, for whatever reason. */
  remove(slot: number): void;
  /**
   * Removes the entry that has to go now and returns its slot. Only called when there is one.
   * @param spared - not this one: the entry that has just been set is not what makes room for itself. 0 for none.
   */
  evict(spared: number): number;
  /** All slots, from what is kept longest to what goes next. Lazy, and not used any more after a change. */
  slots(): Iterable<number>;
  /** How much an entry is worth keeping, where count of that is kept. */
  uses?(slot: number): number;
  /** The cache has room for so many entries from now on. */
  resize?(capacity: number): void;
  /** Nothing is left. What slots there are will be said anew. */
  clear(): void;
}
