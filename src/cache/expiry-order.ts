/** When each slot is due; the column is another one after it has grown. */
export interface DueTimes {
  readonly due: Float64Array;
}

/** Slots in the order in which they expire. */
export interface ExpiryOrder {
  grow(lastSlot: number): void;
  /** False when the order cannot take in a slot that is due then. */
  add(slot: number): boolean;
  remove(slot: number): void;
  /** The slot that is due first, 0 if there is none; of several that are due at once the one added first. */
  readonly first: number;
  /** All slots, what is due first in front. */
  slots(): Int32Array;
  /** All slots, what is due last in front. */
  latestFirst(): Iterable<number>;
}
