/**
 * FIFO cache: when it is full, the entry that was inserted first is evicted, however often it has been used. A Map
 * iterates in insertion order, so it is the queue as well. A read changes nothing. O(1) per operation.
 */
export class FifoCache<K, V> {
  readonly #entries = new Map<K, V>();

  constructor(readonly capacity: number) {}

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    if (!this.#entries.has(key) && this.#entries.size === this.capacity) {
      const [oldest] = this.#entries.keys();
      this.#entries.delete(oldest!);
    }
    this.#entries.set(key, value); // a key that is present keeps its place in a Map, and so in the queue
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }
}
