/** Count-min sketch (Cormode and Muthukrishnan, 2005): estimates how often a key was used of late, never too low. */
class FrequencySketch {
  readonly #rows: readonly Uint8Array[];
  readonly #sampleSize: number;
  #sampled = 0;

  constructor(capacity: number) {
    const width = 2 ** Math.ceil(Math.log2(4 * capacity)); // few keys share a counter
    this.#rows = Array.from({ length: 4 }, () => new Uint8Array(width));
    this.#sampleSize = 10 * capacity;
  }

  increment(hash: number): void {
    for (const [row, counters] of this.#rows.entries()) {
      const index = this.#indexOf(hash, row);
      if (counters[index]! < 15) counters[index]!++; // four bits would do
    }
    if (++this.#sampled < this.#sampleSize) return;
    for (const counters of this.#rows) for (const [index, count] of counters.entries()) counters[index] = count >> 1;
    this.#sampled >>= 1; // ageing: what was popular long ago counts half
  }

  estimate(hash: number): number {
    return Math.min(...this.#rows.map((counters, row) => counters[this.#indexOf(hash, row)]!)); // the fewest collisions
  }

  #indexOf(hash: number, row: number): number {
    const mixed = Math.imul(hash ^ (hash >>> 15), [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f][row]!);
    return (mixed ^ (mixed >>> 16)) & (this.#rows[row]!.length - 1);
  }
}

/**
 * W-TinyLFU cache (Einziger, Friedman and Manes, 2017). A new entry enters a small LRU window. When the cache is full,
 * the oldest entry of the window and the oldest entry on probation are compared: the one whose key was used less often
 * is evicted. So a scan, whose keys are used once, passes through the window and leaves the rest alone. An entry on
 * probation that is used again is protected; protected entries are 80 % of the main region, as in segmented LRU. O(1)
 * per operation. Here the window is 1 %; Caffeine and this package adapt it to the traffic.
 */
export class TinyLfuCache<K, V> {
  // Each Map is an LRU list, the least recently used entry first.
  readonly #window = new Map<K, V>();
  readonly #probation = new Map<K, V>();
  readonly #protected = new Map<K, V>();
  readonly #sketch: FrequencySketch;
  readonly #windowMax: number;
  readonly #protectedMax: number;

  constructor(
    readonly capacity: number,
    readonly hash: (key: K) => number,
  ) {
    this.#sketch = new FrequencySketch(capacity);
    this.#windowMax = Math.max(1, Math.round(0.01 * capacity));
    this.#protectedMax = Math.floor(0.8 * (capacity - this.#windowMax));
  }

  get(key: K): V | undefined {
    const region = this.#regionOf(key);
    if (region === undefined) return undefined; // the `set` that follows a miss counts the request
    this.#sketch.increment(this.hash(key));
    const value = region.get(key) as V;
    region.delete(key);
    (region === this.#window ? this.#window : this.#protected).set(key, value); // last in its list, or promoted
    if (this.#protected.size > this.#protectedMax) moveFirst(this.#protected, this.#probation);
    return value;
  }

  set(key: K, value: V): void {
    const region = this.#regionOf(key);
    (region ?? this.#window).set(key, value);
    if (region !== undefined) return void this.get(key); // counts as a use
    this.#sketch.increment(this.hash(key));
    const size = this.#window.size + this.#probation.size + this.#protected.size;
    if (size > this.capacity) this.#evict();
    else if (this.#window.size > this.#windowMax) moveFirst(this.#window, this.#probation);
  }

  #regionOf(key: K): Map<K, V> | undefined {
    return [this.#window, this.#probation, this.#protected].find((region) => region.has(key));
  }

  /** The candidate, the oldest entry of the window, is admitted to probation only if it is used more than the victim. */
  #evict(): void {
    const [candidate] = this.#window.keys();
    const [victim] = this.#probation.size > 0 ? this.#probation.keys() : this.#protected.keys();
    const estimate = (key: K) => this.#sketch.estimate(this.hash(key));
    // A tie is not enough: the keys of a scan are all used once, as are many victims.
    const isAdmitted = victim !== undefined && estimate(candidate!) > estimate(victim);
    const loser = isAdmitted ? victim : candidate!;
    this.#regionOf(loser)!.delete(loser);
    if (isAdmitted) moveFirst(this.#window, this.#probation);
  }
}

function moveFirst<K, V>(from: Map<K, V>, to: Map<K, V>): void {
  const [key, value] = from.entries().next().value!;
  from.delete(key);
  to.set(key, value);
}
