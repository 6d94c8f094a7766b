import type { CacheDump, DumpedEntry, SetOptions } from './cache.js';
import { EntryTable, type TableParts } from './entry-table.js';

/**
 * A table whose callers get copies of its values, and which stores copies of theirs. It is a class of its own, so that
 * caches without copies have the code and the speed that they would have without this option.
 */
export class CloningTable<K, V> extends EntryTable<K, V> {
  readonly #clone: (value: V) => V;

  constructor(parts: TableParts<K, V>, clone: (value: V) => V) {
    super(parts);
    this.#clone = clone;
  }

  override get(key: K): V | undefined {
    return this.read(this.lookUp(key));
  }

  override read(slot: number): V | undefined {
    const clone = this.#clone; // not called as a method
    return slot === 0 ? undefined : clone(this.valueOf(slot) as V);
  }

  override set(key: K, value: V, options?: SetOptions): void {
    const clone = this.#clone;
    super.set(key, clone(value), options);
  }

  override dump(): DumpedEntry<K, V>[] {
    return this.#copies(super.dump());
  }

  override restore(entries: CacheDump<K, V>['entries']): void {
    super.restore(this.#copies(entries));
  }

  #copies(entries: readonly DumpedEntry<K, V>[]): DumpedEntry<K, V>[] {
    const clone = this.#clone;
    return entries.map((entry) => ({ ...entry, value: clone(entry.value) }));
  }
}
