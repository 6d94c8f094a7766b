/// <reference lib="esnext.disposable" preserve="true" />
import { checkClock } from '../core/clock.js';
import { checkClone } from '../core/clone.js';
import { toMs } from '../core/duration.js';
import { InvalidOptionError } from '../core/errors.js';
import { Emitter } from '../core/events.js';
import { checkBoolean, checkFunction, checkInteger, checkName } from '../core/options.js';
import type { Cache, CacheDump, CacheEvents, CacheOptions, CacheStats, DumpedEntry, SetOptions } from './cache.js';
import { CloningTable } from './cloning-table.js';
import { EntryTable, normalized } from './entry-table.js';
import type { EvictionOrder } from './eviction-order.js';
import type { Expiry } from './expiry.js';
import { checkWeights } from './weights.js';

/** The types of events. */
const EVENTS = ['remove'] as const;

export const CACHE_DEFAULTS = {
  capacity: undefined,
  ttl: Infinity,
  touchOnGet: false,
  maxWeight: undefined,
  weigh: undefined,
  purgeEvery: undefined,
  clone: undefined,
  name: undefined,
  clock: undefined,
} as const;

/** The options of a cache with their defaults, not checked yet. */
export type OwnCacheOptions<K, V> = { readonly [O in keyof CacheOptions<K, V>]-?: CacheOptions<K, V>[O] };

const MAX_CAPACITY = 0xff_ffff; // the largest number of entries of a Map in V8

/**
 * Checks the options of a cache and returns its table of entries.
 *
 * @param expiry - the expiration times, if the cache evicts in the order of expiration.
 */
export function createTable<K, V>(
  className: string,
  own: OwnCacheOptions<K, V>,
  order: EvictionOrder<K>,
  expiry?: Expiry,
): EntryTable<K, V> {
  const owner = checkName(className, own.name);
  const { purgeEvery } = own;
  const touchOnGet = checkBoolean(className, 'touchOnGet', own.touchOnGet);
  const clone = checkClone(className, own.clone);
  const parts = {
    owner,
    events: new Emitter(EVENTS),
    capacity: checkInteger(className, 'capacity', own.capacity, { min: 1, max: MAX_CAPACITY }),
    clock: checkClock(className, own.clock),
    order,
    expiry,
    ttlMs: toMs(className, 'ttl', own.ttl, { orInfinity: true }),
    touchOnGet,
    purgeEveryMs: purgeEvery === undefined ? undefined : toMs(className, 'purgeEvery', purgeEvery),
    weights: checkWeights(owner, own),
  };
  return clone === undefined ? new EntryTable(parts) : new CloningTable(parts, clone);
}

/**
 * All members of a cache except `get` and `set`, implemented with a table of entries.
 *
 * Each subclass has its own `get`, `set` and private field with the table. In V8 all instances that run the same source
 * text share its type feedback. Code in this class sees as many hidden classes as there are kinds of caches in use, and
 * with more than four of them the access to `#table` costs more than the rest of a hit. The benchmarks `cache-hit` and
 * `cache-update` show it: without the copies a hit in `LruCache` takes 1.5 times as long if all kinds are in use.
 */
export abstract class BaseCache<K, V> implements Cache<K, V> {
  readonly #table: EntryTable<K, V>;

  constructor(table: EntryTable<K, V>) {
    this.#table = table;
  }

  abstract get(key: K): V | undefined;
  abstract set(key: K, value: V, options?: SetOptions): this;

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
    return this.#table.events.on(type, listener);
  }

  peek(key: K): V | undefined {
    const table = this.#table;
    return table.read(table.find(key));
  }

  has(key: K): boolean {
    return this.#table.find(key) !== 0;
  }

  getOrInsert(key: K, value: V): V {
    const table = this.#table;
    const slot = table.lookUp(key);
    if (slot !== 0) return table.read(slot) as V;
    table.set(key, value);
    return value;
  }

  getOrInsertComputed(key: K, compute: (key: K) => V): V {
    checkFunction(this.#table.owner, 'compute', compute);
    const table = this.#table;
    const slot = table.lookUp(key);
    if (slot !== 0) return table.read(slot) as V;
    const value = compute(normalized(key));
    table.set(key, value); // replaces a value that the function itself may have stored, as a Map does
    return value;
  }

  delete(key: K): boolean {
    return this.#table.delete(key);
  }

  clear(): void {
    this.#table.clear();
  }

  *entries(): IterableIterator<[K, V]> {
    const table = this.#table;
    for (const slot of table.present()) yield [table.keyOf(slot), table.read(slot) as V];
  }

  *keys(): IterableIterator<K> {
    for (const slot of this.#table.present()) yield this.#table.keyOf(slot);
  }

  *values(): IterableIterator<V> {
    for (const slot of this.#table.present()) yield this.#table.read(slot) as V;
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: unknown): void {
    checkFunction(this.#table.owner, 'callback', callback);
    for (const [key, value] of this) callback.call(thisArg, value, key, this);
  }

  resize(capacity: number): void {
    this.#table.resize(checkInteger(this.#table.owner, 'capacity', capacity, { min: 1, max: MAX_CAPACITY }));
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
    const { owner, weights } = this.#table;
    const weigh = (key: K, value: V, weight: number | undefined) => weights?.weigh(key, value, weight) ?? 1;
    this.#table.restore(checkDump(owner, dump, weigh));
  }

  [Symbol.dispose](): void {
    this.#table.stopTimer();
  }
}

/** A checked entry of a dump. */
export interface CheckedEntry<K, V> extends DumpedEntry<K, V> {
  readonly weight: number;
}

/** Returns a copy of the entries. Checks each number, because a dump may come from a file. */
export function checkDump<K, V>(
  owner: string,
  dump: CacheDump<K, V>,
  weigh: (key: K, value: V, weight: number | undefined) => number,
): CheckedEntry<K, V>[] {
  if (typeof dump !== 'object' || dump === null || !Array.isArray(dump.entries)) {
    throw new InvalidOptionError(owner, 'dump', 'must be a result of dump()', dump);
  }
  return Array.from(dump.entries, (entry: DumpedEntry<K, V>) => {
    if (typeof entry !== 'object' || entry === null || !('key' in entry)) {
      throw new InvalidOptionError(owner, 'dump.entries', 'must be entries of a result of dump()', entry);
    }
    for (const name of ['expiresInMs', 'ttlMs', 'uses'] as const) {
      const value: unknown = entry[name];
      if (value !== undefined && !(typeof value === 'number' && value >= 0)) {
        throw new InvalidOptionError(owner, `dump.entries.${name}`, 'must be a number ≥ 0', value);
      }
    }
    return { ...entry, weight: weigh(entry.key, entry.value, entry.weight) };
  });
}
