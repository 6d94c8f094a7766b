/**
 * What a cache forgets first: the one thing in which caches differ. It knows entries by their slots, small integers from
 * 1 on that are used again after they were given back.
 */
export interface EvictionOrder<K> {
  /** Slots up to this one, itself included, may come from now on. */
  grow(lastSlot: number): void;
  /** A new entry. @param uses - what `uses` said of it when it was dumped. */
  add(slot: number, key: K, uses?: number): void;
  /** The entry was read, or its value replaced. */
  use(slot: number): void;
  /** The entry is gone, for whatever reason. */
  remove(slot: number): void;
  /**
   * Which entry has to go now: only asked when there is one, and when it will be removed.
   * @param spared - not this one: the entry that has just been set is not what makes room for itself. 0 for none.
   */
  victim(spared: number): number;
  /** All slots, from what is kept longest to what goes next. */
  slots(): Iterable<number>;
  /** How much an entry is worth keeping, where count of that is kept. */
  uses?(slot: number): number;
  /** The cache has room for so many entries from now on. */
  resize?(capacity: number): void;
  /** Nothing is left. What slots there are will be said anew. */
  clear(): void;
}
