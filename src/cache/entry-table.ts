import type { Clock } from '../core/clock.js';
import type { Emitter } from '../core/events.js';
import type { CacheEvents, DumpedEntry, RemoveReason, SetOptions } from './cache.js';
import type { EvictionOrder } from './eviction-order.js';
import { Expiry } from './expiry.js';
import { Iteration, OpenIterations } from './iteration.js';
import { type Purgeable, PurgeTimer } from './purge-timer.js';
import { Removals } from './removals.js';
import { checkSetOptions } from './set-options.js';
import type { SlotList } from './slot-list.js';
import type { Weights } from './weights.js';

const FIRST_SLOTS = 16;
/** A table whose columns are longer than its capacity by this factor is rebuilt. */
const TOO_SPARSE = 4;

/** The parts and the checked options of a table. */
export interface TableParts<K, V> {
  /** The name of the cache in errors. */
  readonly owner: string;
  readonly events: Emitter<CacheEvents<K, V>>;
  readonly capacity: number;
  readonly clock: Clock;
  readonly order: EvictionOrder<K>;
  /** The expiration times, if the cache evicts in the order of expiration. */
  readonly expiry: Expiry | undefined;
  /** Default TTL in milliseconds. */
  readonly ttlMs: number;
  readonly touchOnGet: boolean;
  readonly purgeEveryMs: number | undefined;
  readonly weights: Weights<K, V> | undefined;
}

/**
 * The table of entries that all caches share: a `Map` from key to slot, and columns that are indexed by slot. Columns
 * double as entries are added. Columns for TTLs and weights exist only once an entry needs them. Released slots are
 * reused first. Slot 0 means "no entry".
 *
 * It is a separate class and not the base class of the caches, so that all seven caches work on objects of one hidden
 * class: code that sees more than four hidden classes is several times slower in V8.
 *
 * Each operation first makes the table consistent and then notifies the listeners, so that a listener may call any
 * method.
 */
export class EntryTable<K, V> implements Purgeable {
  readonly owner: string;
  readonly events: Emitter<CacheEvents<K, V>>;
  readonly weights: Weights<K, V> | undefined;
  readonly counts = { hits: 0, misses: 0, inserts: 0, updates: 0, evictions: 0, expirations: 0, rejections: 0 };
  readonly #removals: Removals<K, V>;
  readonly #clock: Clock;
  readonly #order: EvictionOrder<K>;
  /** What a use changes, as the order defines it; see `EvictionOrder`. */
  readonly #recency: SlotList | undefined;
  readonly #mostMarks: number;
  #marks: Uint8Array | undefined = undefined;
  readonly #usedOrder: EvictionOrder<K> | undefined;
  readonly #ttlMs: number;
  readonly #touchOnGet: boolean;
  readonly #timer: PurgeTimer | undefined;
  /** The open iterators that read the eviction order directly. Undefined after the first change, which detaches them. */
  #iterations: OpenIterations | undefined = undefined;
  #capacity: number;
  #index = new Map<K, number>();
  #keys: (K | undefined)[] = [];
  #values: (V | undefined)[] = [];
  /** The lowest slot that was never used. */
  #unusedSlot = 1;
  #freeSlots: number[] = [];
  #expiry: Expiry | undefined;

  constructor(parts: TableParts<K, V>) {
    this.owner = parts.owner;
    this.events = parts.events;
    this.weights = parts.weights;
    this.#removals = new Removals(parts.events);
    this.#clock = parts.clock;
    const { order } = parts;
    this.#order = order;
    this.#recency = order.recency;
    this.#mostMarks = order.mostMarks ?? 0;
    this.#usedOrder = order.use === undefined ? undefined : order;
    this.#ttlMs = parts.ttlMs;
    this.#touchOnGet = parts.touchOnGet;
    const { purgeEveryMs } = parts;
    this.#timer = purgeEveryMs === undefined ? undefined : new PurgeTimer(parts.clock, purgeEveryMs, this);
    this.#capacity = parts.capacity;
    this.#expiry = parts.expiry;
    this.#order.resize?.(parts.capacity);
    this.#growTo(FIRST_SLOTS);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** The number of entries, including those that have expired but were not removed yet. */
  get size(): number {
    return this.#index.size;
  }

  /** Whether any entry will ever expire. */
  get isPending(): boolean {
    return this.#expiry?.isPending === true;
  }

  /** Returns the current time, or 0 without reading the clock if no entry can expire. */
  now(): number {
    return this.#expiry === undefined ? 0 : this.#clock.now();
  }

  keyOf(slot: number): K {
    return this.#keys[slot] as K;
  }

  /** Returns the value of an entry; undefined for slot 0. */
  valueOf(slot: number): V | undefined {
    return this.#values[slot];
  }

  /** Returns the value of an entry for a caller: a copy in a cache with `clone`; undefined for slot 0. */
  read(slot: number): V | undefined {
    return this.#values[slot];
  }

  /** Returns all slots in use, from the one that is evicted last. Must not be used after a change of the table. */
  slots(): Iterable<number> {
    return this.#order.slots();
  }

  /** Returns the slots of the entries present at the first `next()`, without entries that were removed since. */
  *present(): Generator<number> {
    this.purge();
    const iteration = new Iteration(this);
    this.#iterations ??= new OpenIterations();
    const iterations = this.#iterations;
    const reference = iterations.add(iteration);
    try {
      for (let slot = iteration.next(); slot !== 0; slot = iteration.next()) yield slot;
    } finally {
      iterations.delete(reference);
    }
  }

  /** Returns the slot of an entry that has not expired, or 0. */
  find(key: K, now?: number): number {
    const slot = this.#index.get(key);
    if (slot === undefined) return 0;
    return this.#expiry === undefined || this.#isAlive(this.#expiry, slot, now) ? slot : 0;
  }

  get(key: K): V | undefined {
    return this.#values[this.lookUp(key)];
  }

  /** Returns the slot of an entry as `find` does. The lookup counts as a hit or a miss, and as a use of the entry. */
  lookUp(key: K): number {
    const slot = this.#index.get(key);
    const expiry = this.#expiry;
    if (slot === undefined || (expiry !== undefined && !this.#isAlive(expiry, slot))) {
      this.counts.misses++;
      return 0;
    }
    if (this.#iterations !== undefined) this.#detachIterations();
    this.counts.hits++;
    if (!this.#use(slot)) this.#usedOrder?.use?.(slot);
    if (expiry !== undefined && this.#touchOnGet) expiry.renew(slot, this.#clock.now());
    return slot;
  }

  set(key: K, value: V, options?: SetOptions): void {
    if (options === undefined) {
      this.#store(key, value, this.#ttlMs, undefined);
      return;
    }
    const { ttlMs = this.#ttlMs, weight } = checkSetOptions(this.owner, this.weights !== undefined, options);
    this.#store(key, value, ttlMs, weight);
  }

  delete(key: K): boolean {
    const slot = this.find(key);
    if (slot === 0) return false;
    this.#remove(slot, 'deleted');
    this.#emitRemovals();
    return true;
  }

  clear(): void {
    if (this.#removals.isObserved) {
      for (const slot of this.#order.slots()) this.#removals.add(this.keyOf(slot), this.valueOf(slot) as V, 'cleared');
    }
    this.#reset();
    this.#emitRemovals();
  }

  resize(capacity: number): void {
    const now = this.now();
    this.#detachIterations();
    this.#capacity = capacity;
    this.#order.resize?.(capacity);
    while (this.#index.size > capacity) this.#releaseSlot(this.#makeRoom(now));
    if (this.#keys.length > TOO_SPARSE * Math.max(capacity, FIRST_SLOTS)) this.#rebuild();
    this.#emitRemovals();
  }

  /** Removes all expired entries and returns their number. */
  purge(): number {
    const now = this.now();
    let purged = 0;
    for (let slot = this.#overdue(now); slot !== 0; slot = this.#overdue(now)) {
      this.#remove(slot, 'expired');
      purged++;
    }
    this.#emitRemovals();
    return purged;
  }

  /** Returns the time at which the entry expires: `Infinity` for never. */
  dueOf(slot: number): number {
    return this.#expiry === undefined ? Infinity : (this.#expiry.due[slot] as number);
  }

  /** Returns all entries for a caller: with copies of their values in a cache with `clone`. */
  dump(): DumpedEntry<K, V>[] {
    return this.entries();
  }

  /** Returns all entries with their stored values. */
  entries(): DumpedEntry<K, V>[] {
    const now = this.now();
    return Array.from(this.slots(), (slot) => {
      const expiresInMs = this.dueOf(slot) - now;
      const uses = this.#order.uses?.(slot);
      return {
        key: this.keyOf(slot),
        value: this.valueOf(slot) as V,
        ...(expiresInMs < Infinity && { expiresInMs }),
        ...(expiresInMs < Infinity && this.#touchOnGet && { ttlMs: this.#expiry?.ttlOf(slot) as number }),
        ...(this.weights !== undefined && { weight: this.weights.of(slot) }),
        ...(uses !== undefined && { uses }),
      };
    });
  }

  /** Replaces all entries. */
  restore(entries: readonly DumpedEntry<K, V>[]): void {
    this.clear();
    this.#refill(entries);
    this.#emitRemovals();
  }

  stopTimer(): void {
    this.#timer?.stop();
  }

  /** Adds entries in reverse order: those that are evicted first come first, and a smaller table evicts them again. */
  #refill(entries: readonly DumpedEntry<K, V>[]): void {
    const now = this.#clock.now();
    // A dump is already sorted, unless it was edited, merged, or made by another kind of cache.
    const sorted = this.#order.isByUses === true ? [...entries].sort(byUses) : entries;
    for (let i = sorted.length - 1; i >= 0; i--) {
      const entry = sorted[i] as DumpedEntry<K, V>;
      const { expiresInMs = Infinity, ttlMs = expiresInMs, weight = 1 } = entry;
      const slot = this.#put(entry.key, entry.value, weight, now, entry.uses);
      this.#schedule(slot, now + expiresInMs, ttlMs);
    }
    this.#expiry?.sort();
  }

  #store(given: K, value: V, ttlMs: number, ownWeight: number | undefined): void {
    const key = normalized(given);
    const weight = this.weights === undefined ? 1 : this.weights.weigh(key, value, ownWeight);
    const expires = this.#expiry !== undefined || ttlMs !== Infinity;
    const now = expires ? this.#clock.now() : 0;
    const slot = this.#put(key, value, weight, now);
    if (expires) this.#schedule(slot, now + ttlMs, ttlMs);
    this.#emitRemovals();
  }

  /**
   * Performs a use from the order's data without calling the order, because a call with seven possible targets costs
   * more than the use itself. Returns false if the order has to be called. The caller does that, because V8 does not
   * inline this method once it has inlined an order's `use` into it (`cache-hit`, `cache-update` with all kinds in
   * use).
   */
  #use(slot: number): boolean {
    if (this.#recency !== undefined) {
      this.#recency.moveToFront(slot);
      return true;
    }
    const marks = this.#marks;
    if (marks === undefined) return false;
    const mark = marks[slot] as number;
    if (mark < this.#mostMarks) marks[slot] = mark + 1;
    return mark <= this.#mostMarks;
  }

  #emitRemovals(): void {
    this.#removals.emitPending(this.#capacity);
  }

  /** Whether the entry is alive; removes it if it has expired. */
  #isAlive(expiry: Expiry, slot: number, now?: number): boolean {
    const due = expiry.due[slot] as number;
    if (due === Infinity || due > (now ?? this.#clock.now())) return true;
    this.#remove(slot, 'expired');
    this.#emitRemovals();
    return false;
  }

  /** Must be called before each change of the order. */
  #detachIterations(): void {
    this.#iterations?.detachAll();
    this.#iterations = undefined;
  }

  #overdue(now: number): number {
    return this.#expiry === undefined ? 0 : this.#expiry.overdue(now);
  }

  /** Stores an entry without its expiration time. Returns its slot, or 0 if the entry is too heavy. */
  #put(key: K, value: V, weight: number, now: number, uses?: number): number {
    if (this.#iterations !== undefined) this.#detachIterations();
    const slot = this.#index.get(key);
    if (slot === undefined) return this.#insert(key, value, weight, now, uses);
    const { weights } = this;
    if (this.#expiry !== undefined && (this.#expiry.due[slot] as number) <= now) {
      this.#remove(slot, 'expired');
      return this.#insert(key, value, weight, now, uses);
    }
    if (weights !== undefined && weight > weights.max) {
      this.#remove(slot, 'replaced');
      this.counts.rejections++;
      return 0;
    }
    this.counts.updates++;
    if (this.#removals.isObserved && !Object.is(this.#values[slot], value)) {
      this.#removals.add(this.keyOf(slot), this.valueOf(slot) as V, 'replaced');
    }
    this.#values[slot] = value;
    this.#expiry?.cancel(slot);
    if (weights !== undefined) this.#changeWeight(weights, slot, weight, now);
    if (!this.#use(slot)) this.#usedOrder?.use?.(slot);
    return slot;
  }

  #insert(key: K, value: V, weight: number, now: number, uses: number | undefined): number {
    const { weights } = this;
    if (weights !== undefined) {
      if (weight > weights.max) {
        this.counts.rejections++;
        return 0;
      }
      while (!weights.haveRoomFor(weight)) this.#releaseSlot(this.#makeRoom(now));
    }
    const slot = this.#index.size < this.#capacity ? this.#allocateSlot() : this.#makeRoom(now);
    this.#index.set(key, slot);
    this.#keys[slot] = key;
    this.#values[slot] = value;
    weights?.set(slot, weight);
    this.#order.add(slot, key, uses);
    this.counts.inserts++;
    return slot;
  }

  #schedule(slot: number, due: number, ttlMs: number): void {
    if (slot === 0) return;
    if (this.#expiry === undefined) {
      if (due === Infinity) return;
      this.#expiry = new Expiry(this.#touchOnGet, false);
      this.#expiry.grow(this.#keys.length - 1);
    }
    this.#expiry.schedule(slot, due, ttlMs);
    if (due < Infinity) this.#timer?.arm();
  }

  #remove(slot: number, reason: RemoveReason): void {
    this.#releaseSlot(this.#vacate(slot, reason));
  }

  #changeWeight(weights: Weights<K, V>, slot: number, weight: number, now: number): void {
    weights.set(slot, 0);
    while (!weights.haveRoomFor(weight)) this.#releaseSlot(this.#makeRoom(now, slot));
    weights.set(slot, weight);
  }

  /**
   * Removes an entry and returns its slot: an expired entry if there is one, otherwise the one that the order evicts.
   */
  #makeRoom(now: number, spared = 0): number {
    const overdue = this.#overdue(now);
    if (overdue !== 0) return this.#vacate(overdue, 'expired');
    const victim = this.#order.evict(spared);
    this.counts.evictions++;
    return this.#vacateUnordered(victim, 'evicted');
  }

  /**
   * Removes an entry but keeps its slot, which the caller must reuse or release. The slot still holds key and value.
   */
  #vacate(slot: number, reason: RemoveReason): number {
    this.#detachIterations();
    if (reason === 'expired') this.counts.expirations++;
    this.#order.remove(slot);
    return this.#vacateUnordered(slot, reason);
  }

  /** Does the same as `#vacate` for a slot that is no longer in the order. */
  #vacateUnordered(slot: number, reason: RemoveReason): number {
    const key = this.keyOf(slot);
    if (this.#removals.isObserved) this.#removals.add(key, this.valueOf(slot) as V, reason);
    this.#index.delete(key);
    this.#expiry?.cancel(slot);
    this.weights?.set(slot, 0);
    return slot;
  }

  #releaseSlot(slot: number): void {
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  #allocateSlot(): number {
    const isSparse = this.#freeSlots.length > TOO_SPARSE * (this.#index.size + FIRST_SLOTS);
    if (isSparse && this.#order.passesEmptySlots === true) this.#rebuild();
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    const { length } = this.#keys;
    if (this.#unusedSlot === length) this.#growTo(length + Math.min(length, Math.max(1, this.#capacity + 1 - length)));
    return this.#unusedSlot++;
  }

  /** Makes room for the slots from 1 to `length` − 1. */
  #growTo(length: number): void {
    const more = length - this.#keys.length;
    this.#keys = this.#keys.concat(new Array(more));
    this.#values = this.#values.concat(new Array(more));
    this.#order.grow(length - 1);
    this.#marks = this.#order.marks; // `grow` has replaced the column
    this.#expiry?.grow(length - 1);
    this.weights?.grow(length - 1);
  }

  /** Restores the state of a new table. */
  #reset(): void {
    this.#detachIterations();
    this.#index = new Map();
    this.#keys = [];
    this.#values = [];
    this.#unusedSlot = 1;
    this.#freeSlots = [];
    this.#order.clear();
    this.#expiry?.clear();
    this.weights?.clear();
    this.#growTo(FIRST_SLOTS);
  }

  /** Stores the same entries in smaller columns. */
  #rebuild(): void {
    const entries = this.entries();
    this.#reset();
    this.#refill(entries);
    this.counts.inserts -= entries.length; // these entries are not new
  }
}

/** Compares by use count, the most used first. `sort` is stable, so equal entries keep their order. */
function byUses(
  { uses: a = 1 }: DumpedEntry<unknown, unknown>,
  { uses: b = 1 }: DumpedEntry<unknown, unknown>,
): number {
  return a === b ? 0 : b - a;
}

/** Converts -0 to 0, as a Map does. */
export const normalized = <K>(key: K): K => (typeof key === 'number' ? ((key + 0) as K) : key);
