/**
 * A `Map` whose oldest entry is found in O(1), amortized. `map.keys().next()` is slower: V8 keeps the slots of deleted
 * entries until it resizes the table, and each new iterator skips them from the beginning. As a queue of 10,000
 * entries, a plain `Map` costs 6 µs per entry. A single iterator that is kept visits each slot once.
 */
export class FifoMap<K, V> {
  readonly #map = new Map<K, V>();
  #order = this.#map.entries();
  /** The entry at which `#order` is, while that entry is in the map. */
  #oldest: readonly [K, V] | undefined = undefined;

  get size(): number {
    return this.#map.size;
  }

  /** The entry that was added first; undefined if the map is empty. */
  get oldest(): readonly [K, V] | undefined {
    if (this.#map.size > 0) this.#oldest ??= this.#nextInOrder();
    return this.#oldest;
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  keys(): IterableIterator<K> {
    return this.#map.keys();
  }

  /** Adds the entry as the newest one, even if the key is already in the map. */
  set(key: K, value: V): void {
    this.delete(key);
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    const isKnown = this.#map.delete(key);
    // The map decides whether the keys are equal: it treats -0 as 0, and NaN as equal to NaN.
    if (isKnown && this.#oldest !== undefined && !this.#map.has(this.#oldest[0])) this.#oldest = undefined;
    return isKnown;
  }

  clear(): void {
    this.#map.clear();
    this.#oldest = undefined;
  }

  /**
   * Advances the iterator. An iterator that has reached its end stays there, so entries that were added later need a
   * new one.
   */
  #nextInOrder(): readonly [K, V] | undefined {
    const next = this.#order.next();
    if (next.done !== true) return next.value;
    this.#order = this.#map.entries();
    return this.#order.next().value;
  }
}
