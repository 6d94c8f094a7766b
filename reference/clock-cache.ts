type Frame<K, V> = { readonly key: K; value: V; referenced: boolean };

/**
 * CLOCK cache (Corbató, 1968): entries are in a circle of frames, each with a reference bit. A use sets the bit. To
 * evict, a hand moves around the circle: it clears set bits and evicts the first entry whose bit is already clear. This
 * is close to LRU, but a hit writes one bit instead of moving list nodes. O(1), amortized.
 */
export class ClockCache<K, V> {
  readonly #frames: (Frame<K, V> | undefined)[] = [];
  readonly #indexes = new Map<K, number>();
  readonly #free: number[] = []; // frames that `delete` has emptied: they are filled before anything is evicted
  #hand = 0;

  constructor(readonly capacity: number) {}

  get(key: K): V | undefined {
    const frame = this.#frames[this.#indexes.get(key) ?? -1];
    if (frame !== undefined) frame.referenced = true;
    return frame?.value;
  }

  has(key: K): boolean {
    return this.#indexes.has(key);
  }

  set(key: K, value: V): void {
    const frame = this.#frames[this.#indexes.get(key) ?? -1];
    if (frame !== undefined) {
      frame.value = value;
      frame.referenced = true;
      return;
    }
    const isFull = this.#indexes.size === this.capacity;
    const index = isFull ? this.#evict() : (this.#free.pop() ?? this.#frames.length);
    this.#frames[index] = { key, value, referenced: false }; // not yet used: a scan must not displace used entries
    this.#indexes.set(key, index);
  }

  delete(key: K): boolean {
    const index = this.#indexes.get(key);
    if (index === undefined) return false;
    this.#frames[index] = undefined;
    this.#free.push(index);
    return this.#indexes.delete(key);
  }

  /** Returns the frame that has become free. Ends within two rounds, since the first round clears all bits. */
  #evict(): number {
    for (;;) {
      const index = this.#hand;
      const frame = this.#frames[index]!; // the cache is full, so no frame is empty
      this.#hand = (index + 1) % this.capacity;
      if (!frame.referenced) {
        this.#indexes.delete(frame.key);
        return index;
      }
      frame.referenced = false;
    }
  }
}
