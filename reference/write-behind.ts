export interface WriteBehindOptions<K, V> {
  readonly writeMany: (entries: ReadonlyMap<K, V>) => Promise<void>; // must be safe to repeat
  readonly flushEveryMs: number;
  readonly maxBatch: number;
  readonly setTimeout?: (callback: () => void, ms: number) => unknown;
}

/**
 * Write-behind cache writer: accepts writes at once and brings them to the store a little later, many together, only
 * the last one of each key. One call to the store at a time, so an older value never arrives after a newer one. What is
 * accepted is in memory only: a crash loses it. A bound on the pending keys, with back pressure, is left out here. O(1)
 * per write, O(pending keys) per batch.
 */
export class WriteBehind<K, V> {
  #pending = new Map<K, V>();
  #writing = new Map<K, V>();
  #timer: unknown;

  constructor(readonly options: WriteBehindOptions<K, V>) {}

  set(key: K, value: V): void {
    this.#pending.set(key, value); // takes the place of an older write of the key that has not begun
    this.#schedule();
  }

  /** Returns the newest value that the store has not confirmed: readers must ask here before they ask the store. */
  peek(key: K): V | undefined {
    return this.#pending.has(key) ? this.#pending.get(key) : this.#writing.get(key);
  }

  get pending(): number {
    return new Set([...this.#pending.keys(), ...this.#writing.keys()]).size;
  }

  #schedule(): void {
    const { setTimeout = globalThis.setTimeout, flushEveryMs } = this.options;
    if (this.#timer !== undefined || this.#writing.size > 0 || this.#pending.size === 0) return;
    this.#timer = setTimeout(() => this.#writeBatch(), flushEveryMs);
  }

  async #writeBatch(): Promise<void> {
    this.#timer = undefined;
    this.#writing = new Map([...this.#pending].slice(0, this.options.maxBatch));
    for (const key of this.#writing.keys()) this.#pending.delete(key);
    try {
      await this.options.writeMany(this.#writing);
    } catch {
      // Back to the pending writes and before newer ones, except that a newer write of a key wins.
      this.#pending = new Map([...this.#writing, ...this.#pending]);
    }
    this.#writing = new Map();
    this.#schedule(); // after a failure a real writer waits longer each time, see retry.ts
  }
}
