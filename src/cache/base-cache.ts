/// <reference lib="esnext.disposable" preserve="true" />
import { type Clock, checkClock } from '../core/clock.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter } from '../core/events.js';
import { checkFunction, checkInteger, checkName } from '../core/options.js';
import type { Cache, CacheDump, CacheEvents, CacheOptions, CacheStats, RemoveReason, SetOptions } from './cache.js';
import { checkDump } from './dump.js';
import type { EvictionOrder } from './eviction-order.js';
import { Expiry } from './expiry.js';
import { PurgeTimer } from './purge-timer.js';
import { Removals } from './removals.js';
import { checkWeights, type Weights } from './weights.js';

export const CACHE_DEFAULTS = {
  capacity: undefined,
  ttl: Infinity,
  touchOnGet: false,
  maxWeight: undefined,
  weigh: undefined,
  purgeEvery: undefined,
  name: undefined,
  clock: undefined,
} as const;

/** The options with their defaults, not checked yet. */
export type OwnCacheOptions<K, V> = { readonly [O in keyof CacheOptions<K, V>]-?: CacheOptions<K, V>[O] };

const MAX_CAPACITY = 0xff_ffff; // what a Map can hold
const FIRST_SLOTS = 16;

/**
 * The table of entries that all caches share: a Map from key to slot, and columns that are read by slot. Columns double
 * as entries come, and those for ttls and weights are there only once an entry has one; a slot that was given back is
 * used again first.
 *
 * Each operation first brings the table into order, then tells the listeners: whatever they do, they do to a cache that
 * is whole.
 */
export abstract class BaseCache<K, V> implements Cache<K, V> {
  readonly #owner: string;
  readonly #clock: Clock;
  readonly #order: EvictionOrder<K>;
  readonly #index = new Map<K, number>();
  #keys: (K | undefined)[] = new Array(FIRST_SLOTS);
  #values: (V | undefined)[] = new Array(FIRST_SLOTS);
  /** The next slot that was never used, and those that were given back. Slot 0 stands for none. */
  #unusedSlot = 1;
  readonly #freeSlots: number[] = [];
  #capacity: number;
  readonly #ttlMs: number;
  readonly #touchOnGet: boolean;
  #expiry: Expiry | undefined;
  readonly #weights: Weights<K, V> | undefined;
  readonly #events = new Emitter<CacheEvents<K, V>>();
  readonly #removals = new Removals<K, V>(this.#events);
  readonly #timer: PurgeTimer | undefined;
  #hits = 0;
  #misses = 0;
  #inserts = 0;
  #updates = 0;
  #evictions = 0;
  #expirations = 0;
  #rejections = 0;

  /** @param expiry - for a cache whose order is that of expiry. */
  constructor(owner: string, own: OwnCacheOptions<K, V>, order: EvictionOrder<K>, expiry?: Expiry) {
    this.#owner = checkName(owner, own.name);
    this.#clock = checkClock(owner, own.clock);
    this.#capacity = checkInteger(owner, 'capacity', own.capacity, { min: 1, max: MAX_CAPACITY });
    this.#ttlMs = toMs(owner, 'ttl', own.ttl, { orInfinity: true });
    if (typeof own.touchOnGet !== 'boolean') {
      throw new InvalidOptionError(owner, 'touchOnGet', 'must be a boolean', own.touchOnGet);
    }
    this.#touchOnGet = own.touchOnGet;
    this.#weights = checkWeights(this.#owner, own);
    this.#weights?.grow(FIRST_SLOTS - 1);
    this.#order = order;
    order.resize?.(this.#capacity);
    order.grow(FIRST_SLOTS - 1);
    expiry?.grow(FIRST_SLOTS - 1);
    this.#expiry = expiry;
    if (own.purgeEvery !== undefined) {
      const cache = new WeakRef(this); // a cache that everybody has forgotten must not live on in its timer
      const purge = () => {
        const held = cache.deref();
        if (held === undefined) return false;
        return held.#purgeAndSayWhetherMoreWillExpire();
      };
      this.#timer = new PurgeTimer(this.#clock, toMs(owner, 'purgeEvery', own.purgeEvery), purge);
    }
  }

  get capacity(): number {
    return this.#capacity;
  }

  get size(): number {
    this.purgeExpired();
    return this.#index.size;
  }

  get weight(): number {
    this.purgeExpired();
    return this.#weights === undefined ? this.#index.size : this.#weights.total;
  }

  get stats(): CacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      inserts: this.#inserts,
      updates: this.#updates,
      evictions: this.#evictions,
      expirations: this.#expirations,
      rejections: this.#rejections,
    };
  }

  on<E extends keyof CacheEvents<K, V>>(type: E, listener: (event: CacheEvents<K, V>[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  get(key: K): V | undefined {
    const slot = this.#lookUp(key);
    return slot === 0 ? undefined : this.#values[slot];
  }

  peek(key: K): V | undefined {
    const slot = this.#find(key);
    return slot === 0 ? undefined : this.#values[slot];
  }

  has(key: K): boolean {
    return this.#find(key) !== 0;
  }

  set(given: K, value: V, options?: SetOptions): this {
    const key = normalized(given);
    const { ttlMs = this.#ttlMs, weight } = options === undefined ? NO_OPTIONS : this.#checkSetOptions(options);
    const weighed = this.#weights === undefined ? 1 : this.#weights.weigh(key, value, weight);
    const now = this.#expiry === undefined && ttlMs === Infinity ? 0 : this.#clock.now();
    const slot = this.#put(key, value, weighed, now);
    if (this.#expiry !== undefined || ttlMs !== Infinity) this.#schedule(slot, now + ttlMs, ttlMs);
    this.#removals.tell(this.#capacity);
    return this;
  }

  getOrInsert(key: K, value: V): V {
    const slot = this.#lookUp(key);
    if (slot !== 0) return this.#values[slot] as V;
    this.set(key, value);
    return value;
  }

  getOrInsertComputed(given: K, compute: (key: K) => V): V {
    checkFunction(this.#owner, 'compute', compute);
    const key = normalized(given);
    const slot = this.#lookUp(key);
    if (slot !== 0) return this.#values[slot] as V;
    const value = compute(key);
    this.set(key, value); // over what the function itself may have stored, as in a Map
    return value;
  }

  delete(key: K): boolean {
    const slot = this.#find(key);
    if (slot !== 0) this.#remove(slot, 'deleted');
    this.#removals.tell(this.#capacity);
    return slot !== 0;
  }

  clear(): void {
    if (this.#removals.areHeard) {
      for (const slot of this.#order.slots()) {
        this.#removals.add(this.#keys[slot] as K, this.#values[slot] as V, 'cleared');
      }
    }
    this.#index.clear();
    this.#order.clear();
    this.#expiry?.clear();
    this.#weights?.clear();
    this.#keys.fill(undefined);
    this.#values.fill(undefined);
    this.#freeSlots.length = 0;
    this.#unusedSlot = 1;
    this.#removals.tell(this.#capacity);
  }

  *entries(): IterableIterator<[K, V]> {
    for (const [key, slot] of this.#present()) yield [key, this.#values[slot] as V];
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.#present()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, slot] of this.#present()) yield this.#values[slot] as V;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void {
    checkFunction(this.#owner, 'callback', callback);
    for (const [key, value] of this) callback.call(thisArg, value, key, this);
  }

  resize(capacity: number): void {
    this.#capacity = checkInteger(this.#owner, 'capacity', capacity, { min: 1, max: MAX_CAPACITY });
    const now = this.#now();
    this.#order.resize?.(capacity);
    while (this.#index.size > capacity) this.#giveBack(this.#makeRoom(now));
    this.#removals.tell(this.#capacity);
  }

  expiresInMs(key: K): number | undefined {
    const now = this.#now();
    const slot = this.#find(key, now);
    if (slot === 0) return undefined;
    return this.#expiry === undefined ? Infinity : (this.#expiry.due[slot] as number) - now;
  }

  purgeExpired(): number {
    const purged = this.#purge(this.#now());
    this.#removals.tell(this.#capacity);
    return purged;
  }

  dump(): CacheDump<K, V> {
    const now = this.#now();
    this.purgeExpired();
    const entries = Array.from(this.#order.slots(), (slot) => {
      const dueMs = this.#expiry?.due[slot] ?? Infinity;
      const uses = this.#order.uses?.(slot);
      return {
        key: this.#keys[slot] as K,
        value: this.#values[slot] as V,
        ...(dueMs < Infinity && { expiresInMs: dueMs - now }),
        ...(dueMs < Infinity && this.#touchOnGet && { ttlMs: this.#expiry?.ttlOf(slot) as number }),
        ...(this.#weights !== undefined && { weight: this.#weights.of(slot) }),
        ...(uses !== undefined && { uses }),
      };
    });
    return { entries };
  }

  restore(dump: CacheDump<K, V>): void {
    const entries = checkDump(this.#owner, dump, (key: K, value: V, weight) =>
      this.#weights === undefined ? 1 : this.#weights.weigh(key, value, weight),
    );
    this.clear();
    const now = this.#clock.now();
    // What goes next comes first, and is what a smaller cache has no room for.
    for (const { key, value, expiresInMs = Infinity, ttlMs = expiresInMs, weight, uses } of entries.reverse()) {
      this.#schedule(this.#put(key, value, weight, now, uses), now + expiresInMs, ttlMs);
    }
    this.#removals.tell(this.#capacity);
  }

  [Symbol.dispose](): void {
    this.#timer?.stop();
  }

  /** The slot of an entry that is there, or 0. */
  #find(key: K, now?: number): number {
    const slot = this.#index.get(key);
    if (slot === undefined) return 0;
    if (this.#expiry === undefined || !this.#isDue(this.#expiry, slot, now)) return slot;
    this.#remove(slot, 'expired');
    this.#removals.tell(this.#capacity);
    return 0;
  }

  /** Likewise, as a use of it. */
  #lookUp(key: K): number {
    const slot = this.#find(key);
    if (slot === 0) {
      this.#misses++;
      return 0;
    }
    this.#hits++;
    this.#order.use(slot);
    if (this.#touchOnGet && this.#expiry !== undefined) this.#expiry.renew(slot, this.#clock.now());
    return slot;
  }

  #isDue(expiry: Expiry, slot: number, now?: number): boolean {
    const due = expiry.due[slot] as number;
    return due < Infinity && due <= (now ?? this.#clock.now());
  }

  /** No clock is read where nothing expires. */
  #now(): number {
    return this.#expiry === undefined ? 0 : this.#clock.now();
  }

  /** Stores all but the time of expiry. Gives the slot, or 0 for an entry that is too heavy. */
  #put(key: K, value: V, weight: number, now: number, uses?: number): number {
    const slot = this.#index.get(key) ?? 0;
    if (slot === 0) return this.#insert(key, value, weight, now, uses);
    if (this.#expiry !== undefined && (this.#expiry.due[slot] as number) <= now) {
      this.#remove(slot, 'expired');
      return this.#insert(key, value, weight, now, uses);
    }
    if (this.#weights !== undefined && weight > this.#weights.max) {
      this.#remove(slot, 'replaced');
      this.#rejections++;
      return 0;
    }
    this.#updates++;
    if (this.#removals.areHeard && !Object.is(this.#values[slot], value)) {
      this.#removals.add(this.#keys[slot] as K, this.#values[slot] as V, 'replaced');
    }
    this.#values[slot] = value;
    this.#expiry?.cancel(slot);
    if (this.#weights !== undefined) this.#changeWeight(this.#weights, slot, weight, now);
    this.#order.use(slot);
    return slot;
  }

  #insert(key: K, value: V, weight: number, now: number, uses: number | undefined): number {
    if (this.#weights !== undefined) {
      if (weight > this.#weights.max) {
        this.#rejections++;
        return 0;
      }
      while (!this.#weights.haveRoomFor(weight)) this.#giveBack(this.#makeRoom(now));
    }
    const slot = this.#index.size < this.#capacity ? this.#takeSlot() : this.#makeRoom(now);
    this.#index.set(key, slot);
    this.#keys[slot] = key;
    this.#values[slot] = value;
    this.#weights?.set(slot, weight);
    this.#order.add(slot, key, uses);
    this.#inserts++;
    return slot;
  }

  #schedule(slot: number, due: number, ttlMs: number): void {
    if (slot === 0 || (due === Infinity && this.#expiry === undefined)) return;
    if (this.#expiry === undefined) {
      this.#expiry = new Expiry(this.#touchOnGet, false);
      this.#expiry.grow(this.#keys.length - 1);
    }
    this.#expiry.schedule(slot, due, ttlMs);
    if (due < Infinity) this.#timer?.arm();
  }

  #changeWeight(weights: Weights<K, V>, slot: number, weight: number, now: number): void {
    weights.set(slot, 0);
    while (!weights.haveRoomFor(weight)) this.#giveBack(this.#makeRoom(now, slot));
    weights.set(slot, weight);
  }

  /** A slot whose entry has gone: what has expired goes before anything that has not. */
  #makeRoom(now: number, spared = 0): number {
    const overdue = this.#expiry === undefined ? 0 : this.#expiry.overdue(now);
    if (overdue !== 0) return this.#forget(overdue, 'expired');
    return this.#forget(this.#order.victim(spared), 'evicted');
  }

  #remove(slot: number, reason: RemoveReason): void {
    this.#giveBack(this.#forget(slot, reason));
  }

  /** Afterwards only the slot itself still holds the key and the value: it is to be filled anew, or given back. */
  #forget(slot: number, reason: RemoveReason): number {
    const key = this.#keys[slot] as K;
    if (this.#removals.areHeard) this.#removals.add(key, this.#values[slot] as V, reason);
    if (reason === 'evicted') this.#evictions++;
    else if (reason === 'expired') this.#expirations++;
    this.#index.delete(key);
    this.#order.remove(slot);
    this.#expiry?.cancel(slot);
    this.#weights?.set(slot, 0);
    return slot;
  }

  #giveBack(slot: number): void {
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#freeSlots.push(slot);
  }

  #checkSetOptions(options: SetOptions): CheckedSetOptions {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidOptionError(this.#owner, 'options', 'must be an object', options);
    }
    const { ttl, weight } = options;
    if (weight !== undefined && this.#weights === undefined) {
      throw new InvalidOptionError(this.#owner, 'weight', 'needs a cache with "maxWeight"', weight);
    }
    return { ttlMs: ttl === undefined ? undefined : toMs(this.#owner, 'ttl', ttl, { orInfinity: true }), weight };
  }

  #takeSlot(): number {
    const free = this.#freeSlots.pop();
    if (free !== undefined) return free;
    if (this.#unusedSlot === this.#keys.length) this.#grow();
    return this.#unusedSlot++;
  }

  #grow(): void {
    const { length } = this.#keys;
    const more = Math.min(length, Math.max(1, this.#capacity + 1 - length));
    const lastSlot = length + more - 1;
    this.#keys = this.#keys.concat(new Array(more));
    this.#values = this.#values.concat(new Array(more));
    this.#order.grow(lastSlot);
    this.#expiry?.grow(lastSlot);
    this.#weights?.grow(lastSlot);
  }

  #purge(now: number): number {
    let purged = 0;
    for (let slot = this.#expiry?.overdue(now) ?? 0; slot !== 0; slot = this.#expiry?.overdue(now) ?? 0) {
      this.#remove(slot, 'expired');
      purged++;
    }
    return purged;
  }

  #purgeAndSayWhetherMoreWillExpire(): boolean {
    this.purgeExpired();
    return this.#expiry?.isPending === true;
  }

  /** The keys there are when it begins, each with its slot when it is reached, unless it has gone since. */
  *#present(): Generator<[K, number]> {
    this.purgeExpired();
    const keys = Array.from(this.#order.slots(), (slot) => this.#keys[slot] as K);
    for (const key of keys) {
      const slot = this.#find(key);
      if (slot !== 0) yield [key, slot];
    }
  }
}

interface CheckedSetOptions {
  readonly ttlMs?: number | undefined;
  readonly weight?: number | undefined;
}

const NO_OPTIONS: CheckedSetOptions = {};

/** -0 is 0, as in a Map. */
const normalized = <K>(key: K): K => (typeof key === 'number' ? ((key + 0) as K) : key);
