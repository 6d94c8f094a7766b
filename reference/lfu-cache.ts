/**
 * LFU cache: the entry with the lowest score is evicted; of several, the one that has had that score for longest. Each
 * use adds 1 to the score. One Set of keys per score makes each operation O(1), amortized for an eviction (Shah, Mitra
 * and Matani, 2010). Dynamic ageing (Arlitt et al., 2000): a new entry starts 1 above the score that was evicted last.
 * Without it entries start at 1, and keys that were popular yesterday are never evicted.
 */
export class LfuCache<K, V> {
  readonly #entries = new Map<K, { value: V; score: number }>();
  readonly #keysByScore = new Map<number, Set<K>>(); // oldest first: a Set iterates in insertion order
  #age = 0; // the score that was evicted last: no entry has a lower one, so the search for a victim starts here

  constructor(readonly capacity: number) {}

  get(key: K): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#removeFromBucket(key, entry.score);
    this.#addToBucket(key, ++entry.score);
    return entry.value;
  }

  has(key: K): boolean {
    return this.#entries.has(key);
  }

  set(key: K, value: V): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.value = value;
      this.get(key); // counts as a use
      return;
    }
    if (this.#entries.size === this.capacity) this.#evict();
    this.#entries.set(key, { value, score: this.#age + 1 });
    this.#addToBucket(key, this.#age + 1);
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#removeFromBucket(key, entry.score);
    return this.#entries.delete(key);
  }

  #evict(): void {
    while (!this.#keysByScore.has(this.#age)) this.#age++; // never goes back, so at most one step per use in total
    const [victim] = this.#keysByScore.get(this.#age)!;
    this.delete(victim!);
  }

  #addToBucket(key: K, score: number): void {
    const bucket = this.#keysByScore.get(score) ?? new Set();
    this.#keysByScore.set(score, bucket.add(key));
  }

  #removeFromBucket(key: K, score: number): void {
    const bucket = this.#keysByScore.get(score)!;
    bucket.delete(key);
    if (bucket.size === 0) this.#keysByScore.delete(score);
  }
}
