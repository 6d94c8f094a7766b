import type { WriteEntry } from './store.js';

/** A load under way, and the newest write of its key that was accepted meanwhile. */
interface InFlightRead<K, V> {
  newer: WriteEntry<K, V> | undefined;
}

/**
 * Loads under way, by key: what they bring may be older than a write that was accepted meanwhile, even if the store has
 * that by now. It remembers as much as there are loads.
 */
export class InFlightReads<K, V> {
  readonly #reads = new Map<K, Set<InFlightRead<K, V>>>();

  /** What was written during the load, if anything was; else what the load brings. */
  async track<T>(key: K, load: () => T | PromiseLike<T>, answer: (newer: WriteEntry<K, V>) => T): Promise<T> {
    const read: InFlightRead<K, V> = { newer: undefined };
    const ofKey = this.#reads.get(key) ?? new Set();
    this.#reads.set(key, ofKey.add(read));
    try {
      const loaded = await load();
      return read.newer === undefined ? loaded : answer(read.newer);
    } catch (error) {
      if (read.newer === undefined) throw error;
      return answer(read.newer);
    } finally {
      ofKey.delete(read);
      if (ofKey.size === 0) this.#reads.delete(key);
    }
  }

  /** @param newer - undefined when the newest write of the key was lost: the store is right then. */
  supersede(key: K, newer: WriteEntry<K, V> | undefined): void {
    for (const read of this.#reads.get(key) ?? []) read.newer = newer;
  }
}
