export interface SingleFlightCacheOptions<K, V> {
  readonly load: (key: K) => Promise<V>;
  readonly ttlMs: number;
  readonly staleWhileRevalidateMs: number;
  readonly now?: () => number;
}

/**
 * Single-flight cache: loads missing values, once for all concurrent callers of a key, so that an entry that expires
 * does not send all of them to the origin (a cache stampede). Stale-while-revalidate (RFC 5861): for a while after its
 * TTL, a stale value is returned at once and loaded again in the background. O(1) per call. Entries need a bound: keep
 * them in an LRU cache.
 */
export class SingleFlightCache<K, V> {
  readonly #entries = new Map<K, { readonly value: V; readonly storedAt: number }>();
  readonly #inFlight = new Map<K, Promise<V>>();

  constructor(readonly options: SingleFlightCacheOptions<K, V>) {}

  async get(key: K): Promise<V> {
    const { ttlMs, staleWhileRevalidateMs } = this.options;
    const entry = this.#entries.get(key);
    const age = entry === undefined ? Infinity : this.#now() - entry.storedAt;
    if (entry !== undefined && age < ttlMs) return entry.value;
    const load = this.#inFlight.get(key) ?? this.#startLoad(key);
    if (entry === undefined || age >= ttlMs + staleWhileRevalidateMs) return load; // a joined load or a new one
    load.catch(() => {}); // the caller has the stale value; a later call tries again
    return entry.value;
  }

  /** Removes the value. A load that has begun before does not store its result: it may have read the old value. */
  delete(key: K): void {
    this.#entries.delete(key);
    this.#inFlight.delete(key);
  }

  /** Returns the stored value, fresh or stale, without a load. */
  peek(key: K): V | undefined {
    const { ttlMs, staleWhileRevalidateMs } = this.options;
    const entry = this.#entries.get(key);
    return entry && this.#now() < entry.storedAt + ttlMs + staleWhileRevalidateMs ? entry.value : undefined;
  }

  async #startLoad(key: K): Promise<V> {
    const load = this.options.load(key);
    this.#inFlight.set(key, load);
    try {
      const value = await load;
      if (this.#inFlight.get(key) === load) this.#entries.set(key, { value, storedAt: this.#now() });
      return value;
    } finally {
      if (this.#inFlight.get(key) === load) this.#inFlight.delete(key); // after a failure the next call tries again
    }
  }

  #now(): number {
    return this.options.now?.() ?? performance.now();
  }
}
