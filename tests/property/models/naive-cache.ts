import type { Cache, CacheDump, CacheStats, DumpedEntry, RemoveReason, SetOptions } from 'breakwater/cache';

export interface NaiveRules {
  readonly capacity: number;
  readonly ttl: number;
  readonly touchOnGet: boolean;
  /** Undefined if entries have no weight. Otherwise the weight of an entry is its value. */
  readonly maxWeight: number | undefined;
}

export interface NaiveEntry {
  readonly key: unknown;
  value: number;
  weight: number;
  ttlMs: number;
  due: number;
  /** Of several entries with the same expiry, the one that was scheduled first expires first. */
  scheduled: number;
}

/** The interface that the model and the real cache share. */
export interface Side
  extends Omit<Cache<unknown, number>, 'on' | 'set' | 'keys' | 'values' | 'entries' | 'forEach' | 'capacity'> {
  readonly capacity: number;
  set(key: unknown, value: number, options?: SetOptions): unknown;
}

const isSameKey = (a: unknown, b: unknown) => a === b || Object.is(a, b);

/** A cache with one list, without optimizations. Its subclasses determine the eviction order. */
export abstract class NaiveCache implements Side {
  /** Called with `key`, `value` and `reason` of a removed entry, once the cache is consistent. */
  onRemove: (key: unknown, value: number, reason: RemoveReason) => void = () => {};
  capacity: number;
  protected entries: NaiveEntry[] = [];
  readonly #rules: NaiveRules;
  readonly #now: () => number;
  #scheduled = 0;
  readonly #stats = { hits: 0, misses: 0, inserts: 0, updates: 0, evictions: 0, expirations: 0, rejections: 0 };
  readonly #pendingEvents: [unknown, number, RemoveReason][] = [];
  #isEmitting = false;

  constructor(rules: NaiveRules, now: () => number) {
    this.#rules = rules;
    this.#now = now;
    this.capacity = rules.capacity;
  }

  /** Called when the entry is in the list. @param uses - the number of uses in a dump. */
  protected added(_entry: NaiveEntry, _uses?: number): void {}
  protected used(_entry: NaiveEntry): void {}
  protected removed(_entry: NaiveEntry): void {}
  protected cleared(): void {}
  protected uses(_entry: NaiveEntry): number | undefined {
    return undefined;
  }
  /** The next entry to evict among the given ones: all entries, except one that was just set. */
  protected abstract victim(among: readonly NaiveEntry[]): NaiveEntry;
  /** All entries, from the one that is kept longest to the next one to evict. */
  protected abstract inOrder(): NaiveEntry[];

  get stats(): CacheStats {
    return { ...this.#stats };
  }

  get size(): number {
    this.purgeExpired();
    return this.entries.length;
  }

  get weight(): number {
    this.purgeExpired();
    return this.#weigh(this.entries);
  }

  get(key: unknown): number | undefined {
    return this.#lookUp(key)?.value;
  }

  peek(key: unknown): number | undefined {
    return this.#find(key)?.value;
  }

  has(key: unknown): boolean {
    return this.#find(key) !== undefined;
  }

  expiresInMs(key: unknown): number | undefined {
    const entry = this.#find(key);
    return entry && entry.due - this.#now();
  }

  set(key: unknown, value: number, { ttl, weight }: SetOptions = {}): this {
    const ttlMs = (ttl as number | undefined) ?? this.#rules.ttl;
    this.#store({ key, value, ttlMs, expiresInMs: ttlMs, weight: weight ?? value });
    this.#emit();
    return this;
  }

  getOrInsert(key: unknown, value: number): number {
    return this.getOrInsertComputed(key, () => value);
  }

  getOrInsertComputed(key: unknown, compute: (key: unknown) => number): number {
    const entry = this.#lookUp(key);
    if (entry !== undefined) return entry.value;
    const value = compute(key);
    this.set(key, value);
    return value;
  }

  delete(key: unknown): boolean {
    const entry = this.#find(key);
    if (entry !== undefined) this.#leave(entry, 'deleted');
    this.#emit();
    return entry !== undefined;
  }

  clear(): void {
    for (const { key, value } of this.inOrder()) this.#pendingEvents.push([key, value, 'cleared']);
    this.entries = [];
    this.cleared();
    this.#emit();
  }

  resize(capacity: number): void {
    this.capacity = capacity;
    while (this.entries.length > capacity) this.#makeRoom();
    this.#emit();
  }

  purgeExpired(): number {
    let purged = 0;
    for (let entry = this.#overdue(); entry !== undefined; entry = this.#overdue()) {
      this.#leave(entry, 'expired');
      purged++;
    }
    this.#emit();
    return purged;
  }

  *[Symbol.iterator](): Generator<[unknown, number]> {
    this.purgeExpired();
    for (const { key } of this.inOrder()) {
      const entry = this.#find(key);
      if (entry !== undefined) yield [entry.key, entry.value];
    }
  }

  dump(): CacheDump<unknown, number> {
    this.purgeExpired();
    const entries = this.inOrder().map((entry): DumpedEntry<unknown, number> => {
      const { key, value, due, ttlMs, weight } = entry;
      const uses = this.uses(entry);
      return {
        ...{ key, value },
        ...(due < Infinity && { expiresInMs: due - this.#now() }),
        ...(due < Infinity && this.#rules.touchOnGet && { ttlMs }),
        ...(this.#rules.maxWeight !== undefined && { weight }),
        ...(uses !== undefined && { uses }),
      };
    });
    return { entries };
  }

  restore({ entries }: CacheDump<unknown, number>): void {
    this.clear();
    for (const {
      key,
      value,
      expiresInMs = Infinity,
      ttlMs = expiresInMs,
      weight = value,
      uses,
    } of entries.toReversed()) {
      this.#store({ key, value, ttlMs, expiresInMs, weight }, uses);
    }
    this.#emit();
  }

  [Symbol.dispose](): void {}

  #find(key: unknown): NaiveEntry | undefined {
    const entry = this.entries.find((one) => isSameKey(one.key, key));
    if (entry === undefined || entry.due > this.#now()) return entry;
    this.#leave(entry, 'expired');
    this.#emit();
    return undefined;
  }

  #lookUp(key: unknown): NaiveEntry | undefined {
    const entry = this.#find(key);
    this.#stats[entry === undefined ? 'misses' : 'hits']++;
    if (entry !== undefined && this.#rules.touchOnGet) this.#schedule(entry, entry.ttlMs, entry.ttlMs);
    if (entry !== undefined) this.used(entry);
    return entry;
  }

  #store(given: Omit<NaiveEntry, 'due' | 'scheduled'> & { expiresInMs: number }, uses?: number): void {
    const { key, value, ttlMs, expiresInMs } = given;
    const { maxWeight = Infinity } = this.#rules;
    const weight = maxWeight < Infinity ? given.weight : 1;
    let entry = this.entries.find((one) => isSameKey(one.key, key));
    if (entry !== undefined && entry.due <= this.#now()) {
      this.#leave(entry, 'expired');
      entry = undefined;
    }
    if (weight > maxWeight) {
      if (entry !== undefined) this.#leave(entry, 'replaced');
      this.#stats.rejections++;
      return;
    }
    if (entry === undefined) {
      while (this.entries.length >= this.capacity || this.#weigh(this.entries) + weight > maxWeight) this.#makeRoom();
      entry = { key, value, weight, ttlMs, due: 0, scheduled: 0 };
      this.entries.push(entry);
      this.#schedule(entry, expiresInMs, ttlMs);
      this.added(entry, uses);
      this.#stats.inserts++;
      return;
    }
    this.#stats.updates++;
    if (!Object.is(entry.value, value)) this.#pendingEvents.push([entry.key, entry.value, 'replaced']);
    entry.value = value;
    entry.weight = weight;
    while (this.#weigh(this.entries) > maxWeight) this.#makeRoom(entry); // the entry itself is not removed
    this.#schedule(entry, expiresInMs, ttlMs);
    this.used(entry);
  }

  #schedule(entry: NaiveEntry, expiresInMs: number, ttlMs: number): void {
    entry.due = this.#now() + expiresInMs;
    entry.ttlMs = ttlMs;
    entry.scheduled = ++this.#scheduled;
  }

  #weigh(entries: readonly NaiveEntry[]): number {
    return entries.reduce((sum, { weight }) => sum + weight, 0);
  }

  #overdue(except?: NaiveEntry): NaiveEntry | undefined {
    const overdue = this.entries.filter((entry) => entry.due <= this.#now() && entry !== except);
    return overdue.sort((a, b) => a.due - b.due || a.scheduled - b.scheduled)[0];
  }

  #makeRoom(except?: NaiveEntry): void {
    const overdue = this.#overdue(except);
    if (overdue !== undefined) this.#leave(overdue, 'expired');
    else this.#leave(this.victim(this.entries.filter((entry) => entry !== except)), 'evicted');
  }

  #leave(entry: NaiveEntry, reason: RemoveReason): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.removed(entry);
    this.#pendingEvents.push([entry.key, entry.value, reason]);
    if (reason === 'evicted') this.#stats.evictions++;
    if (reason === 'expired') this.#stats.expirations++;
  }

  /** Events that listeners cause are emitted after the event that caused them. */
  #emit(): void {
    if (this.#isEmitting) return;
    this.#isEmitting = true;
    for (let next = this.#pendingEvents.shift(); next !== undefined; next = this.#pendingEvents.shift())
      this.onRemove(...next);
    this.#isEmitting = false;
  }
}
