/**
 * TTL cache: an entry whose age is at least `ttlMs` is gone. When the cache is full, the entry that expires first is
 * evicted. All entries have the same TTL, so they expire in the order in which they were set: a Map that keeps this
 * order is all it takes, O(1) per operation. TTLs that differ need a heap, O(log n).
 */
export class TtlCache<K, V> {
  /** First to expire first. */
  readonly #entries = new Map<K, { readonly value: V; readonly expiresAt: number }>();

  constructor(
    readonly capacity: number,
    readonly ttlMs: number,
    readonly now: () => number = () => performance.now(),
  ) {}

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.now() < entry.expiresAt) return entry?.value;
    this.#entries.delete(key); // expired: removed when it is found, so no timer is needed
    return undefined;
  }

  has(key: K): boolean {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.now() < entry.expiresAt;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key); // a new value starts a new TTL, so the entry moves to the end
    if (this.#entries.size === this.capacity) {
      const [first] = this.#entries.keys();
      this.#entries.delete(first!);
    }
    this.#entries.set(key, { value, expiresAt: this.now() + this.ttlMs });
  }

  delete(key: K): boolean {
    const wasAlive = this.has(key);
    this.#entries.delete(key);
    return wasAlive;
  }

  /** The number of entries. Removes expired ones first: they are at the front. */
  get size(): number {
    for (const [key, { expiresAt }] of this.#entries) {
      if (this.now() < expiresAt) break;
      this.#entries.delete(key);
    }
    return this.#entries.size;
  }
}
