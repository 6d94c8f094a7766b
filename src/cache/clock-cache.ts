import { readOptions } from '../core/options.js';
import { BaseCache, CACHE_DEFAULTS, createTable } from './base-cache.js';
import type { CacheOptions, SetOptions } from './cache.js';
import type { EntryTable } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import { grown } from './slot-list.js';

/**
 * CLOCK cache: evicts an entry that was not used since the clock hand last passed it. An approximation of LRU.
 *
 * The entries form a circle of slots, each with a reference mark. A use sets the mark. When room is needed, the hand
 * continues from its last position and clears the marks that it passes. The first entry without a mark is evicted, and
 * the new entry takes its slot, without a mark. If a slot is free, because its entry was deleted, a new entry takes
 * that slot; of several free slots, the one that was released last.
 *
 * Use it instead of `LruCache` if hits must be cheap: its hit ratio is about the same, and a hit writes only one byte.
 *
 * Cost: amortized O(1) per operation; one byte per entry (Corbató, "A Paging Experiment with the Multics System",
 * 1968).
 *
 * @throws InvalidOptionError if an option is missing or out of range.
 * @example
 * ```ts
 * const sessions = new ClockCache<string, { user: number }>({ capacity: 100_000, ttl: '30m', touchOnGet: true });
 * ```
 */
export class ClockCache<K, V> extends BaseCache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(options: CacheOptions<K, V>) {
    const own = readOptions('ClockCache', options, CACHE_DEFAULTS);
    const table = createTable('ClockCache', own, new ClockOrder());
    super(table);
    this.#table = table;
  }

  // Repeated in each class for speed: see BaseCache.
  get(key: K): V | undefined {
    return this.#table.get(key);
  }

  set(key: K, value: V, options?: SetOptions): this {
    this.#table.set(key, value, options);
    return this;
  }
}

const EMPTY = 0;
const PRESENT = 1;
const MARKED = 2;

class ClockOrder implements EvictionOrder<unknown> {
  marks = new Uint8Array(1);
  readonly mostMarks = MARKED;
  readonly passesEmptySlots = true;
  /** The slot at which the hand is. */
  #hand = 0;
  /** The highest slot that was ever in use, which is the end of the circle. */
  #last = 0;

  grow(lastSlot: number): void {
    this.marks = grown(this.marks, lastSlot);
  }

  add(slot: number, _key: unknown, uses = 0): void {
    this.marks[slot] = uses > 0 ? MARKED : PRESENT;
    if (slot > this.#last) this.#last = slot;
  }

  remove(slot: number): void {
    this.marks[slot] = EMPTY;
  }

  evict(spared: number): number {
    const { marks } = this;
    for (;;) {
      const slot = this.#hand >= this.#last ? 1 : this.#hand + 1;
      this.#hand = slot;
      if (slot === spared) continue;
      if (marks[slot] === PRESENT) {
        marks[slot] = EMPTY;
        return slot;
      }
      if (marks[slot] === MARKED) marks[slot] = PRESENT;
    }
  }

  /** The hand evicts the unmarked entries in its first round, and the marked ones in its second round. */
  *slots(): Generator<number> {
    for (const state of [MARKED, PRESENT]) {
      yield* this.#slotsIn(state, this.#hand, 1);
      yield* this.#slotsIn(state, this.#last, this.#hand + 1);
    }
  }

  /**
   * Returns the slots in descending order. `lastIndexOf` is native: it scans a million marks in less than a
   * millisecond.
   */
  *#slotsIn(state: number, from: number, to: number): Generator<number> {
    let slot = from;
    while (slot >= to) {
      slot = this.marks.lastIndexOf(state, slot);
      if (slot >= to) yield slot--;
    }
  }

  uses(slot: number): number {
    return this.marks[slot] === MARKED ? 1 : 0;
  }

  clear(): void {
    this.marks = new Uint8Array(1);
    this.#hand = 0;
    this.#last = 0;
  }
}
