import type { WriteEntry } from './store.js';

/** A load in flight, with the newest write of its key that was accepted during the load. */
interface InFlightRead<K, V> {
  newer: WriteEntry<K, V> | undefined;
}

/**
 * The loads in flight, by key. Their results may be older than a write that was accepted during the load, even if the
 * store has that write by now. Memory: O(loads in flight).
 */
export class InFlightReads<K, V> {
  readonly #reads = new Map<K, Set<InFlightRead<K, V>>>();

  /** Runs a load. Returns the result of the newest write that was accepted during it, or otherwise of the load. */
  async track<T>(key: K, load: () => T | PromiseLike<T>, resultOf: (newer: WriteEntry<K, V>) => T): Promise<T> {
    const read: InFlightRead<K, V> = { newer: undefined };
    const ofKey = this.#reads.get(key) ?? new Set();
    this.#reads.set(key, ofKey.add(read));
    try {
      const loaded = await load();
      return read.newer === undefined ? loaded : resultOf(read.newer);
    } catch (error) {
      if (read.newer === undefined) throw error;
      return resultOf(read.newer);
    } finally {
      ofKey.delete(read);
      if (ofKey.size === 0) this.#reads.delete(key);
    }
  }

  /** @param newer - undefined if the newest write of the key was lost: the value in the store then counts. */
  supersede(key: K, newer: WriteEntry<K, V> | undefined): void {
    for (const read of this.#reads.get(key) ?? []) read.newer = newer;
  }
}
