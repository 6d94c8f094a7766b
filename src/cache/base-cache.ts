/// <reference lib="esnext.disposable" preserve="true" />
import { checkClock } from '../core/clock.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter } from '../core/events.js';
import { checkFunction, checkInteger, checkName, NOTHING, unpolluted } from '../core/options.js';
import type { Cache, CacheDump, CacheEvents, CacheOptions, CacheStats, SetOptions } from './cache.js';
import { checkDump } from './dump.js';
import { EntryTable, normalized } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import type { Expiry } from './expiry.js';
import { Removals } from './removals.js';
import { checkWeights } from './weights.js';

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

/** The face that all caches share, over a table of entries. */
export abstract class BaseCache<K, V> implements Cache<K, V> {
  readonly #owner: string;
  readonly #events = new Emitter<CacheEvents<K, V>>();
  readonly #table: EntryTable<K, V>;

  /** @param expiry - for a cache whose order is that of expiry. */
  constructor(owner: string, own: OwnCacheOptions<K, V>, order: EvictionOrder<K>, expiry?: Expiry) {
    this.#owner = checkName(owner, own.name);
    const { touchOnGet, purgeEvery } = own;
    if (typeof touchOnGet !== 'boolean') {
      throw new InvalidOptionError(owner, 'touchOnGet', 'must be a boolean', touchOnGet);
    }
    this.#table = new EntryTable({
      capacity: checkInteger(owner, 'capacity', own.capacity, { min: 1, max: MAX_CAPACITY }),
      clock: checkClock(owner, own.clock),
      order,
      expiry,
      ttlMs: toMs(owner, 'ttl', own.ttl, { orInfinity: true }),
      touchOnGet,
      purgeEveryMs: purgeEvery === undefined ? undefined : toMs(owner, 'purgeEvery', purgeEvery),
      weights: checkWeights(this.#owner, own),
      removals: new Removals(this.#events),
    });
  }

  get capacity(): number {
    return this.#table.capacity;
  }

  get size(): number {
    this.purgeExpired();
    return this.#table.size;
  }

  get weight(): number {
    this.purgeExpired();
    return this.#table.weights?.total ?? this.#table.size;
  }

  get stats(): CacheStats {
    return { ...this.#table.counts };
  }

  on<E extends keyof CacheEvents<K, V>>(type: E, listener: (event: CacheEvents<K, V>[E]) => void): () => void {
    return this.#events.on(type, listener);
  }

  get(key: K): V | undefined {
    const table = this.#table;
    return table.valueOf(table.lookUp(key));
  }

  peek(key: K): V | undefined {
    const table = this.#table;
    return table.valueOf(table.find(key));
  }

  has(key: K): boolean {
    return this.#table.find(key) !== 0;
  }

  set(key: K, value: V, options?: SetOptions): this {
    if (options === undefined) this.#table.set(key, value);
    else {
      const { ttlMs, weight } = this.#checkSetOptions(options);
      this.#table.set(key, value, ttlMs, weight);
    }
    return this;
  }

  getOrInsert(key: K, value: V): V {
    const table = this.#table;
    const slot = table.lookUp(key);
    if (slot !== 0) return table.valueOf(slot) as V;
    table.set(key, value);
    return value;
  }

  getOrInsertComputed(key: K, compute: (key: K) => V): V {
    checkFunction(this.#owner, 'compute', compute);
    const table = this.#table;
    const slot = table.lookUp(key);
    if (slot !== 0) return table.valueOf(slot) as V;
    const value = compute(normalized(key));
    table.set(key, value); // over what the function itself may have stored, as in a Map
    return value;
  }

  delete(key: K): boolean {
    return this.#table.delete(key);
  }

  clear(): void {
    this.#table.clear();
  }

  *entries(): IterableIterator<[K, V]> {
    for (const [key, slot] of this.#present()) yield [key, this.#table.valueOf(slot) as V];
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.#present()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, slot] of this.#present()) yield this.#table.valueOf(slot) as V;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void {
    checkFunction(this.#owner, 'callback', callback);
    for (const [key, value] of this) callback.call(thisArg, value, key, this);
  }

  resize(capacity: number): void {
    this.#table.resize(checkInteger(this.#owner, 'capacity', capacity, { min: 1, max: MAX_CAPACITY }));
  }

  expiresInMs(key: K): number | undefined {
    const table = this.#table;
    const now = table.now();
    const slot = table.find(key, now);
    return slot === 0 ? undefined : table.dueOf(slot) - now;
  }

  purgeExpired(): number {
    return this.#table.purge();
  }

  dump(): CacheDump<K, V> {
    this.purgeExpired();
    return { entries: this.#table.dump() };
  }

  restore(dump: CacheDump<K, V>): void {
    const { weights } = this.#table;
    const weigh = (key: K, value: V, weight: number | undefined) => weights?.weigh(key, value, weight) ?? 1;
    this.#table.restore(checkDump(this.#owner, dump, weigh));
  }

  [Symbol.dispose](): void {
    this.#table.stopTimer();
  }

  #checkSetOptions(options: SetOptions): CheckedSetOptions {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidOptionError(this.#owner, 'options', 'must be an object', options);
    }
    const isPolluted = (NOTHING.ttl ?? NOTHING.weight) !== undefined;
    const { ttl, weight } = isPolluted ? unpolluted(options, ['ttl', 'weight']) : options;
    if (weight !== undefined && this.#table.weights === undefined) {
      throw new InvalidOptionError(this.#owner, 'weight', 'needs a cache with "maxWeight"', weight);
    }
    return { ttlMs: ttl === undefined ? undefined : toMs(this.#owner, 'ttl', ttl, { orInfinity: true }), weight };
  }

  /** The keys there are when it begins, each with its slot when it is reached, unless it has gone since. */
  *#present(): Generator<[K, number]> {
    this.purgeExpired();
    const keys = Array.from(this.#table.slots(), (slot) => this.#table.keyOf(slot));
    for (const key of keys) {
      const slot = this.#table.find(key);
      if (slot !== 0) yield [key, slot];
    }
  }
}

interface CheckedSetOptions {
  readonly ttlMs: number | undefined;
  readonly weight: number | undefined;
}
